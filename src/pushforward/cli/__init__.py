"""The command line: `pushforward train | sample | evaluate | compare | draw | list | show |
check | cache`.

Flags come from signatures: those of a preset or picture are its keywords, those of a command are
its function's.
"""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Callable
from typing import Any

import tyro

from ..core.catalogue import nearest
from .caching import cache
from .checking import check
from .drawing import draw
from .listing import list_, show
from .measuring import compare, evaluate
from .sampling import sample
from .training import train

RAW: dict[str, Callable[[list[str]], None]] = {"train": train, "draw": draw}
"""Commands whose flags depend on the preset or picture named first."""

ANNEALED = 100  # test examples of `evaluate --ais`

COMMANDS: dict[str, Callable[..., None]] = {
    **RAW,
    "sample": sample,
    "evaluate": evaluate,
    "compare": compare,
    "list": list_,
    "show": show,
    "check": check,
    "cache": cache,
}


def main(arguments: list[str] | None = None) -> None:
    """The entry point. Errors that a person can mend are one line, not a traceback."""
    words = sys.argv[1:] if arguments is None else arguments
    _write_any_letter()
    if not words or words[0] in ("-h", "--help"):
        print("pushforward COMMAND ...   (pushforward COMMAND --help says more)\n")
        for name, command in COMMANDS.items():
            print(f"  {name:10}{(command.__doc__ or '').splitlines()[0]}")
        return
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _tell  # type: ignore[assignment]
            _run(words[0], words[1:])
    except KeyboardInterrupt as stop:
        raise SystemExit(str(stop) or "stopped") from None
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(141) from None
    except (ValueError, OSError, RuntimeError) as error:
        if type(error) is RuntimeError:  # not one of ours
            raise
        raise SystemExit(f"pushforward: {error}") from error


def _write_any_letter() -> None:
    """A terminal that knows few letters is given the numbers of the others, and no error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _tell(message: Warning | str, *where: Any) -> None:
    """A warning as one line for people, without the line of code that raised it."""
    print(f"pushforward: {message}", file=sys.stderr)


def _run(name: str, rest: list[str]) -> None:
    if name not in COMMANDS:
        raise nearest(name, list(COMMANDS), "command")
    if name in RAW:
        RAW[name](rest)
        return
    tyro.cli(
        COMMANDS[name],
        prog=f"pushforward {name}",
        args=_spelt_out(rest),
        config=(tyro.conf.PositionalRequiredArgs,),
    )


def _spelt_out(words: list[str]) -> list[str]:
    """Flags that may be written shorter, as their commands take them.

    >>> _spelt_out(["--json"]), _spelt_out(["a.safetensors", "--ais"]), _spelt_out(["--ais", "5"])
    (['--as-json'], ['a.safetensors', '--ais', '100'], ['--ais', '5'])
    """
    found: list[str] = []
    for word, after in zip(words, [*words[1:], ""]):
        found.append("--as-json" if word == "--json" else word)
        if word == "--ais" and not after.isdigit():
            found.append(str(ANNEALED))
    return found
