"""Texts that others made: every script and ending of lines, damaged, and what is no text."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from harness import NAMES, Trial, Wrong, damaged, looked_at, refused, taken

SCRIPTS = {
    "English": "the dog sleeps and the cat runs",
    "German": "größer wäre schöner als süß",
    "Hindi": "नमस्ते दुनिया कैसे हो",
    "Thai": "สวัสดีชาวโลก วันนี้",
    "Arabic": "مَرحَبًا بالعالم",
    "Chinese": "今天天气很好",
    "emoji": "👩‍👩‍👧 🏳️‍🌈 hi",
    "decomposed": "e\u0301a\u0308 n\u0303",
    "Hebrew": "שָׁלוֹם עולם",
    "Korean": "안녕하세요 세계",
    "mathematics": "∀x∈ℝ: x²≥0",
    "markup": "[red]no[/red] <b>x</b> {y}",
}


def lines(text: str, n: int = 30) -> list[str]:
    """Lines that differ."""
    return [f"{text} {'abcdefghij'[i % 10]} {i}" for i in range(n)]


def strange() -> list[tuple[str, bytes, Callable | None]]:
    """What must be refused by its name, or may be."""
    no, some = refused("x.txt"), "\n".join(lines("a dog")).encode()
    return [
        ("nothing", b"", no),
        ("spaces", b" \n\t\n  \n" * 20, no),
        ("UTF-16", some.decode().encode("utf-16"), no),
        ("UTF-32", some.decode().encode("utf-32"), no),
        ("Latin-1", "größer\n".encode("latin1") * 30, no),
        ("a zero", some + b"\0", no),
        ("a surrogate", some + b"\xed\xa0\x80", no),
        ("an overlong slash", some + b"\xc0\xaf", no),
        ("a PNG", b"\x89PNG\r\n\x1a\n" + bytes(100), no),
        ("half a letter", some + b"\xe2\x82", no),
        ("one line", b"a dog", no),
        ("two lines", b"a dog\na cat", no),
        ("a long line", b"word " * 5_000 + b"\n" + some, no),
        ("a very long word", b"a" * 3_000_000 + b"\n" + some, None),
        ("many lines", some * 400, None),
        ("equal lines", b"a dog\n" * 40, None),
        ("a mark at the start", b"\xef\xbb\xbf" + some, taken),
        ("carriage returns", some.replace(b"\n", b"\r"), taken),
        ("both ends", some.replace(b"\n", b"\r\n"), taken),
        ("form feeds and such", some.replace(b"\n", b"\x0c"), None),
        ("control letters", some + b"\n\x1b[31m \x07 \x08", None),
        ("words in brackets", b"<unk> <unk> [PAD]\n" + some, None),
        ("many words", b"\n".join(b"w%d x%d y%d" % (i, i, i) for i in range(20_000)), None),
        ("right to left marks", "\u202e\u200f\u2066 abc\n".encode() + some, None),
        ("no break spaces", "a\u00a0b\u2003c\n".encode() + some, None),
        ("zalgo", ("a" + "\u0301" * 300 + "\n").encode() + some, None),
        ("private letters", "\ue000\U000f0000\n".encode() + some, None),
        ("line separators", "a\u2028b\u2029c\n".encode() + some, None),
    ]


def trials(draw: random.Random, n: int) -> Iterator[Trial]:
    """`n` of them."""
    made = []
    for script, text in SCRIPTS.items():
        content = "\n".join(lines(text)).encode()
        made.append(_trial(f"characters of {script}", content, taken, "characters", _check))
        made.append(_trial(f"words of {script}", content, taken, "words", partial(_counted, n=30)))
    made += [_trial(what, content, judge) for what, content, judge in strange()]
    made += [_trial(f"{what} by letters", c, j, "characters") for what, c, j in strange()[:10]]
    content = "\n".join(lines("a dog")).encode()
    made += [_trial(f"a name {name!r}", content, taken, name=f"{name}.txt") for name in NAMES[:14]]
    sources = ["\n".join(lines(text)).encode() for text in SCRIPTS.values()]
    while len(made) < n:
        unit = draw.choice(["words", "characters"])
        made.append(_trial("damaged", damaged(draw.choice(sources), draw), None, unit))
    yield from made[:n]


def _trial(
    what: str, content: bytes, judge=None, unit="words", check=lambda data: None, name="x.txt"
) -> Trial:
    def act() -> None:
        Path(name).write_bytes(content)
        looked_at(f"text:{Path(name).resolve()}?unit={unit}", check)()

    def judged(end):
        if judge is not None:
            return judge(end)
        return refused(name)(end) if end.code else None

    return Trial(what, act, judged)


def _counted(data, n: int) -> None:
    if sum(map(len, (data.train, data.validation, data.test))) != n:
        raise Wrong(f"{data!r} has not {n} lines")


def _check(data) -> None:
    """Characters come back as they were."""
    from pushforward.core.vocabulary import Vocabulary

    _counted(data, 30)
    known = Vocabulary.recorded(data.describe())
    found = {
        line
        for part in (data.train, data.validation, data.test)
        for line in known.decode(part.tensors[0])
    }
    text = next(iter(found)).rsplit(" ", 2)[0]
    if text not in SCRIPTS.values() or found != {" ".join(line.split(" ")) for line in lines(text)}:
        raise Wrong(f"{text!r} is not what the file holds")
