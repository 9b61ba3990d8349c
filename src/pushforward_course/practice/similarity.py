"""Which submissions resemble each other: fingerprints of their tokens, whatever names they carry.

Names, numbers and texts become one sign each, comments and blank space go; hashes of all runs of
`RUN` tokens are winnowed (Schleimer, Wilkerson and Aiken, 2003), and what stands in the student's
version or in most submissions counts for nobody.
"""

from __future__ import annotations

import hashlib
import html
import io
import keyword
import tokenize
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from ..pages import page, table, write
from .submissions import Submission

RUN, WINDOW = 12, 4
LEFT_OUT = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENCODING, tokenize.ENDMARKER}
COMMON = 0.5  # of the submissions: what more of them share is the course's, not a student's
FEWEST = 8  # submissions, before sharing by many says anything


@dataclass(frozen=True)
class Pair:
    """Two submissions and the share of the smaller one's fingerprints that both have."""

    first: str
    second: str
    share: float


def tokens(code: str) -> list[tuple[str, int]]:
    """Signs of a program, each with its line; as far as it can be read."""
    found: list[tuple[str, int]] = []
    try:
        for token in tokenize.generate_tokens(io.StringIO(code).readline):
            if token.type not in LEFT_OUT:
                found.append((_sign(token), token.start[0]))
    except (tokenize.TokenError, SyntaxError, ValueError):
        pass
    return found


def _sign(token: tokenize.TokenInfo) -> str:
    if token.type == tokenize.NAME and not keyword.iskeyword(token.string):
        return "name"
    if token.type in (tokenize.NUMBER, tokenize.STRING):
        return "value"
    return token.string if token.type not in (tokenize.INDENT, tokenize.DEDENT) else str(token.type)


def fingerprints(code: str) -> dict[int, set[int]]:
    """Winnowed hashes of all runs of tokens, each with the lines on which it stands."""
    signs = tokens(code)
    runs = [signs[start : start + RUN] for start in range(len(signs) - RUN + 1)]
    hashes = [_hash(" ".join(sign for sign, _ in run)) for run in runs]
    found: dict[int, set[int]] = {}
    for start in range(max(1, len(hashes) - WINDOW + 1) if hashes else 0):
        window = hashes[start : start + WINDOW]
        chosen = start + min(range(len(window)), key=lambda i: (window[i], -i))
        found.setdefault(hashes[chosen], set()).update(line for _, line in runs[chosen])
    return found


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def pairs(codes: dict[str, str], given: str = "", least: float = 0.3) -> list[Pair]:
    """Pairs that share at least `least`, the most alike first; `given` is the student's version."""
    marks = {name: set(fingerprints(code)) for name, code in codes.items()}
    count = Counter(mark for found in marks.values() for mark in found)
    many = COMMON * len(codes) if len(codes) >= FEWEST else len(codes) + 1
    ours = set(fingerprints(given)) | {mark for mark, n in count.items() if n > many}
    own = {name: found - ours for name, found in marks.items()}
    found = [Pair(a, b, _share(own[a], own[b])) for a, b in combinations(sorted(own), 2)]
    return sorted(
        (p for p in found if p.share >= least), key=lambda p: (-p.share, p.first, p.second)
    )


def _share(one: set[int], other: set[int]) -> float:
    smaller = min(len(one), len(other))
    return len(one & other) / smaller if smaller >= 5 else 0.0


def report(
    submissions: Iterable[Submission], out: Path, given: str = "", least: float = 0.3
) -> list[Pair]:
    """Writes a page with the pairs side by side, what they share marked, and returns them."""
    codes = {s.student: "\n\n".join(s.code) for s in submissions if s.cells}
    found = pairs(codes, given, least)
    rows = [
        [f'<a href="#p{n}">{html.escape(p.first)}, {html.escape(p.second)}</a>', f"{p.share:.0%}"]
        for n, p in enumerate(found)
    ]
    told = "A likeness is a reason to ask, and proves nothing."
    body = f"<h1>Likeness of submissions</h1><p>{told}</p>" + table(["pair", "share"], rows)
    body += "".join(_beside(n, p, codes, given) for n, p in enumerate(found))
    write(out, page("Likeness of submissions", body))
    return found


def _beside(number: int, pair: Pair, codes: dict[str, str], given: str) -> str:
    ours = set(fingerprints(given))
    sides = [codes[pair.first], codes[pair.second]]
    marks = [fingerprints(code) for code in sides]
    shared = (marks[0].keys() & marks[1].keys()) - ours
    shown = "".join(
        f"<pre>{_lined(code, {line for mark in shared for line in found[mark]})}</pre>"
        for code, found in zip(sides, marks)
    )
    title = f"{html.escape(pair.first)} and {html.escape(pair.second)}: {pair.share:.0%}"
    return f'<h2 id="p{number}">{title}</h2><div class="pair">{shown}</div>'


def _lined(code: str, marked: set[int]) -> str:
    lines = [html.escape(line) for line in code.splitlines()]
    return "\n".join(f"<mark>{t}</mark>" if n in marked else t for n, t in enumerate(lines, 1))
