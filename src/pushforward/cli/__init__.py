"""The command line: `pushforward train | average | sample | evaluate | compare | draw | list |
show | zoo | check | cache`.

Flags come from signatures: those of a preset or picture are its keywords, those of a command are
its function's. What a command needs is imported when it runs, so that help comes at once.

Exit codes: 0 done; 1 it could not be done; 2 what was typed is no command, name, flag or value of
ours; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import importlib
import io
import os
import sys
import warnings
from collections.abc import Callable
from typing import Any

from ..core.catalogue import Usage, nearest
from .processes import is_first, is_said_by_first, of_run

DONE, FAILED, MISTYPED, STOPPED, CLOSED = 0, 1, 2, 130, 141

ANNEALED = 100  # test examples of `evaluate --ais`

COMMANDS = {
    "train": ("training", "train", "train a preset, on its data or on your own"),
    "average": ("averaging", "average", "average a run's weights by any width, after training"),
    "sample": ("sampling", "sample", "draw samples from a checkpoint"),
    "evaluate": ("measuring", "evaluate", "measure checkpoints on the test split of their data"),
    "compare": ("measuring", "compare", "train presets and compare them on a page"),
    "draw": ("drawing", "draw", "draw one of the pictures that explain"),
    "list": ("listing", "list_", "what is built, its presets, the numbers that they reached"),
    "show": ("listing", "show", "a preset, or a system of the list"),
    "zoo": ("zoo", "zoo", "checkpoints that were trained already: zoo:NAME"),
    "check": ("checking", "check", "run the laws over the models in your Python file"),
    "cache": ("caching", "cache", "what the cache holds; --most and --older-than make it less"),
}
"""Where each command is, and what it does."""

RAW = ("train", "draw", "show")
"""Commands whose flags depend on what is named first."""

HELP = ("-h", "--help")


class Stop(SystemExit):
    """The end of a command that was not done: a code for the shell, a message for a person."""

    def __init__(self, message: str, code: int):
        super().__init__(message)
        self.code = code


def main(arguments: list[str] | None = None) -> None:
    """The entry point. Errors that a person can mend are one line, not a traceback."""
    words = sys.argv[1:] if arguments is None else arguments
    if not is_first() and words[:1] != ["train"]:
        return  # the first process of a `torchrun` does it, and the others are idle
    _write_any_letter()
    try:
        with warnings.catch_warnings():
            warnings.showwarning = _tell  # type: ignore[assignment]
            _run(words)
    except KeyboardInterrupt as stop:
        raise _stop(str(stop) or "stopped", STOPPED) from None
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(CLOSED) from None
    except Usage as error:
        raise _stop(f"pushforward: {error}", MISTYPED) from error
    except (ValueError, OSError, RuntimeError) as error:
        if type(error) is RuntimeError:  # not one of ours
            raise
        raise _stop(f"pushforward: {error}", FAILED) from error


def _stop(message: str, code: int) -> Stop:
    if not is_said_by_first(message):
        alone = "" if is_first() else f"process {of_run()[0]}: "
        print(f"{alone}{message}", file=sys.stderr)
    return Stop(message, code)


def _write_any_letter() -> None:
    """A terminal that knows few letters is given the numbers of the others, and no error."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
            stream.reconfigure(errors="backslashreplace")


def _tell(message: Warning | str, *where: Any) -> None:
    """A warning as one line for people, without the line of code that raised it."""
    if is_first():
        print(f"pushforward: {message}", file=sys.stderr)


def _run(words: list[str]) -> None:
    if not words or words[0] in HELP:
        print(_help())
        return
    if words[0] in ("-V", "--version"):
        from .. import __version__

        print(f"pushforward {__version__}")
        return
    name, *rest = words
    if name not in COMMANDS:
        raise nearest(name, list(COMMANDS), "command")
    command = _command(name)
    if name in RAW:
        command(rest)
        return
    import tyro

    config = (tyro.conf.PositionalRequiredArgs,)
    tyro.cli(command, prog=f"pushforward {name}", args=_spelt_out(rest), config=config)


def _help() -> str:
    lines = [f"  {name:10}{does[0].upper()}{does[1:]}" for name, (_, _, does) in COMMANDS.items()]
    codes = "Exit codes: 0 done, 1 it could not be done, 2 mistyped, 130 stopped by Ctrl-C."
    head = "pushforward COMMAND ...   (pushforward COMMAND --help says more; --version)"
    return "\n".join((head, "", *lines, "", codes))


def _command(name: str) -> Callable[..., None]:
    module, function, _ = COMMANDS[name]
    return getattr(importlib.import_module(f"{__name__}.{module}"), function)


def _spelt_out(words: list[str]) -> list[str]:
    """A flag that may be written without its number, as its command takes it.

    >>> _spelt_out(["a.safetensors", "--ais"]), _spelt_out(["--ais", "5"])
    (['a.safetensors', '--ais', '100'], ['--ais', '5'])
    """
    found: list[str] = []
    for word, after in zip(words, [*words[1:], ""]):
        found.append(word)
        if word == "--ais" and not after.isdigit():
            found.append(str(ANNEALED))
    return found
