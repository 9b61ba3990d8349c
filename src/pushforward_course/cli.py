"""The command `pushforward-course`: lectures, playground, homeworks, exam, gradebook, a site."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping

import tyro

from pushforward.core.catalogue import Usage

from .commands import book, exams, homeworks, lectures, playing
from .failures import CourseError

COMMANDS: dict[str, Callable | Mapping[str, Callable]] = {
    **lectures.COMMANDS,
    **playing.COMMANDS,
    **homeworks.COMMANDS,
    "exam": exams.COMMANDS,
    "gradebook": book.COMMANDS,
}


def main(arguments: list[str] | None = None) -> None:
    """The entry point. Errors that a person can mend are told in words."""
    given = sys.argv[1:] if arguments is None else arguments
    program, known = "pushforward-course", dict(COMMANDS)
    if given and isinstance(within := known.get(given[0]), Mapping):
        program, known, given = f"{program} {given[0]}", dict(within), given[1:]
    commands = {name: _leading(found) for name, found in known.items()}
    try:
        tyro.extras.subcommand_cli_from_dict(commands, prog=program, args=given)
    except KeyboardInterrupt:
        raise SystemExit("stopped") from None
    except (CourseError, Usage) as error:
        raise SystemExit(f"pushforward-course: {error}") from error


def _leading(found: Callable | Mapping[str, Callable]) -> Callable:
    """A command, or a group of them, which is only ever shown: `main` goes into it by itself."""
    if not isinstance(found, Mapping):
        return found

    def group() -> None:
        raise CourseError(f"say one of: {', '.join(found)}")

    group.__doc__ = f"One of: {', '.join(found)}."
    return group


if __name__ == "__main__":
    main()
