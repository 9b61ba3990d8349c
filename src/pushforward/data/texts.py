"""Any text file as sentences, one a line: of words, characters, bytes or byte pairs."""

from __future__ import annotations

from pathlib import Path

from ..core.dataset import Dataset
from ..core.spaces import count
from ..core.vocabulary import UNITS, Vocabulary, split
from .specs import findable
from .splits import CONTENT, Rule, digests, numbered, parted

LONGEST = 512  # words of a line; more would make every row as long


@findable("text", place="PATH")
def text(
    path: str | Path,
    unit: str = "words",
    length: int | None = None,
    least: int = 1,
    size: int | None = None,
    validation: float = 0.1,
    test: float = 0.1,
    seed: int = 0,
    rule: str = CONTENT,
) -> Dataset:
    """The lines of a UTF-8 text file as Tokens(length, vocabulary); empty lines are left out.

    `unit` is "words" (by Unicode's rules; marks count as words), "characters", "bytes" (of UTF-8)
    or "bpe", a byte pair encoding of `size` tokens, 1,000 where None (by `tokenizers`, the extra
    "text"). Without `length` the longest line sets it; with it, longer lines are left out, and
    `origin` says how many. Words that occur less than `least` times become "<unk>". The vocabulary
    is of the whole file, commonest first, and stands in `origin` (`Vocabulary.recorded`). Lines are
    split by `rule` under `seed`, and shares of them held out.

    Raises FileNotFoundError where there is no such file; ValueError for a folder, a file that is
    empty or no text, and where too few lines, or lines of more than 512 words, are left.
    """
    file = Path(path).expanduser()
    lines = lines_of(file)
    _check_unit(unit, size)
    # A byte pair encoding says itself how lines split.
    whole = Vocabulary.of(lines, unit, size=size) if unit == "bpe" else None
    kept, most = _of_length(file, lines, unit, length, whole)
    split = Rule(rule, seed, validation, test)
    split.check(f"the text {file}", len(kept))
    vocabulary = whole or Vocabulary.of(kept, unit, least)
    known = numbered(digests(line.encode() for line in kept))
    x = vocabulary.encode(kept, most)
    (train, held, last), record = parted(f"the text {file}", [x], known, split)
    origin = {
        "source": f"text {file.name}",
        "lines": len(kept),
        "lines left out": len(lines) - len(kept),
        **record,
        **vocabulary.record(),
    }
    return Dataset(file.stem, vocabulary.space(most), train, held, last, origin)


def _check_unit(unit: str, size: int | None) -> None:
    if unit not in UNITS:
        raise ValueError(f"unit must be one of {', '.join(UNITS)}, not {unit!r}")
    if size is not None and unit != "bpe":
        raise ValueError('size is that of a byte pair encoding: leave it out, or give unit="bpe"')


def lines_of(path: str | Path) -> list[str]:
    """The lines of a UTF-8 file that are not empty. Raises as `text` does."""
    file = Path(path).expanduser()
    if not file.is_file():
        what = "is a folder, not a file" if file.is_dir() else "does not exist"
        raise (ValueError if file.is_dir() else FileNotFoundError)(f"the text {file} {what}")
    raw = file.read_bytes()
    if b"\0" in raw:
        raise ValueError(f"{file} is no text: byte {raw.index(0)} is 0, as in binary files")
    try:
        lines = raw.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{file} is not UTF-8 text (byte {error.start} is {raw[error.start]:#04x}): "
            "convert it, for instance with iconv"
        ) from error
    found = [line.strip() for line in lines if line.strip()]
    if not found:
        raise ValueError(f"the text {file} is empty: it needs sentences, one on a line")
    return found


def _of_length(
    file: Path, lines: list[str], unit: str, length: int | None, known: Vocabulary | None
) -> tuple[list[str], int]:
    """The lines that are short enough, and the length of the longest that may be."""
    parts = (lambda line: split(line, unit)) if known is None else known.split
    long = [len(parts(line)) for line in lines]
    most = max(long) if length is None else count("length", length)
    if most > LONGEST:
        raise ValueError(
            f"the longest line of {file} would have {most} {unit}, but may have {LONGEST}: "
            "give a smaller length, and longer lines are left out"
        )
    return [line for line, n in zip(lines, long) if 0 < n <= most], most
