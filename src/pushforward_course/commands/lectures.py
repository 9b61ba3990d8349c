"""build, serve: the site of the lectures."""

from __future__ import annotations

import functools
import http.server
from collections.abc import Callable
from pathlib import Path

from ..failures import CourseError

OUT = Path("runs/course")


def build(lecture: int | None = None, out: Path = OUT, language: str = "en") -> None:
    """Builds the site of the lectures and their slides.

    Args:
        lecture: runs the code of this lecture alone; the pages of the others show no results.
        out: folder that receives html/ and the cache of executed cells.
        language: en or ru; what is not English is written below a folder of its name.
    """
    from ..building import built

    page = built(out, lecture, language=language)
    print(f"open {page}")


def serve(out: Path = OUT, port: int = 8000) -> None:
    """Serves the built site on this machine alone.

    Args:
        out: folder that `build` wrote.
        port: of http://127.0.0.1.
    """
    with server(out, port) as running:
        print(f"http://127.0.0.1:{running.server_address[1]}/   (Ctrl-C stops it)")
        running.serve_forever()


def server(out: Path, port: int) -> http.server.ThreadingHTTPServer:
    """What serves `out`/html. Raises CourseError where nothing was built or the port is taken."""
    site = out / "html"
    if not (site / "index.html").exists():
        raise CourseError(f"{site} has no index.html: run `pushforward-course build --out {out}`")
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(site))
    try:
        return http.server.ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise CourseError(f"port {port} is not free ({error}): take another by --port") from error


COMMANDS: dict[str, Callable] = {"build": build, "serve": serve}
