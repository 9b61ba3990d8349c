"""Captions of one's own images: files of text beside them, or a column of a list of them."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import torch

from ..core.dataset import PARTS, Dataset
from . import parquet, tables
from .captions import beside
from .image_sets import Loaded

LISTS = (".csv", ".tsv", ".parquet")
PLACES = ("file_name", "filename", "file", "image", "path", "image_path")  # columns of a list
SAID = ("caption", "captions", "text", "prompt", "description")
NAMED = 10  # of those that lack something


def among(top: Path, captions: str) -> Callable[[Path], bool]:
    """Whether a file of the folder `top` is one of `captions`: "txt", or a list of them."""
    if is_list(captions):
        return lambda file: file == top / captions
    return lambda file: file.suffix.lower() == suffix_of(captions)


def is_list(captions: str) -> bool:
    """Whether they stand in one file, and not each in its own.

    >>> is_list("metadata.csv"), is_list("txt")
    (True, False)
    """
    return Path(captions).suffix.lower() in LISTS


def suffix_of(captions: str) -> str:
    """That of the files of text: ".txt" of "txt"."""
    return f".{captions.lstrip('.').lower()}"


def of_files(top: Path, files: Sequence[Path], others: Sequence[Path], captions: str) -> list[str]:
    """What is said of each image of `files` under the folder `top`.

    `captions` is the suffix of files of text beside the images ("txt"), which are among `others`,
    or a list of them in `top`, with a column of paths and one of captions.

    Raises FileNotFoundError where there is no such list; ValueError with the names of all images
    without a caption, and of all captions without an image.
    """
    said = _listed(top, captions) if is_list(captions) else _texts(others, captions)
    known = {(_key(file, captions)): file for file in files}
    pairs = [(file, said.get(_key(file, captions), "")) for file in files]
    strays = [_under(top, place) for place in said if place not in known]
    check(
        f"the folder {top}",
        ("images have no caption", [_under(top, file) for file, text in pairs if not text]),
        ("captions have no image", strays),
    )
    return [text for _, text in pairs]


def of_rows(paths: Sequence[Path], column: str) -> list[str]:
    """What the text column `column` of parquet files says, a row after the other.

    Raises ValueError where there is no such column, and with the numbers of all rows without text.
    """
    said: list[str] = []
    lacking: list[str] = []
    for path in paths:
        name = parquet.text_column(path, column)
        with parquet.whole(path):
            cells = parquet.opened(path).read(columns=[name])[name].to_pylist()
        texts = [one_line(cell or "") for cell in cells]
        lacking += [f"row {i} of {path.name}" for i, text in enumerate(texts) if not text]
        said += texts
    check(str(paths[0].parent), ("rows have no caption", lacking))
    return said


def numbered(
    said: Mapping[str, Sequence[str]], found: Mapping[str, Loaded]
) -> tuple[list[str], dict[str, tuple[torch.Tensor]]]:
    """All that is said in any split, and for each split's images which of it they have."""
    sentences: list[str] = []
    numbers = {}
    for part, texts in said.items():
        numbers[part] = (torch.from_numpy(found[part].index + len(sentences)),)
        sentences += texts
    return sentences, numbers


def told(data: Dataset, sentences: Sequence[str]) -> Dataset:
    """Data with captions beside x, where until now the number of its sentence stands there."""
    digest = hashlib.sha256("\n".join(sentences).encode()).hexdigest()
    numbers = [getattr(data, part).tensors[1] for part in PARTS]
    found = beside(data, numbers, sentences)
    return replace(found, origin={**found.origin, "sha256 of captions": digest})


def one_line(text: str) -> str:
    """Words with single spaces between."""
    return " ".join(text.split())


def check_alone(labels: bool, captions: str | None) -> None:
    """Raises ValueError where both are asked for."""
    if labels and captions is not None:
        raise ValueError(
            "labels and captions are told apart from each other: leave one of them out"
        )


def _key(file: Path, captions: str) -> Path:
    """What an image and its caption have in common."""
    return file if is_list(captions) else file.with_suffix("")


def _texts(others: Sequence[Path], captions: str) -> dict[Path, str]:
    """What the files of text say, by their paths without suffix."""
    files = [file for file in others if file.suffix.lower() == suffix_of(captions)]
    return {file.with_suffix(""): one_line(_read(file)) for file in files}


def _read(file: Path) -> str:
    try:
        return file.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"the caption {file} is no UTF-8 text ({error}): convert it") from error


def _listed(top: Path, captions: str) -> dict[Path, str]:
    """What a list says, by the paths of the images."""
    file = top / captions
    if not file.is_file():
        raise FileNotFoundError(f"there is no list of captions {file}")
    rows = _parquet(file) if file.suffix.lower() == ".parquet" else _csv(file)
    columns = list(rows)
    place, said = (_called(file, names, columns) for names in (PLACES, SAID))
    pairs = [(top / str(p or ""), one_line(str(s or ""))) for p, s in zip(rows[place], rows[said])]
    twice = [_under(top, path) for path, _ in pairs]
    twice = sorted({name for name in twice if twice.count(name) > 1}) if _repeats(pairs) else []
    check(str(file), ("images are listed more than once", twice))
    return dict(pairs)


def _repeats(pairs: Sequence[tuple[Path, str]]) -> bool:
    return len({path for path, _ in pairs}) < len(pairs)


def _csv(file: Path) -> dict[str, list[str]]:
    """The columns of a CSV file, as text."""
    mark = tables.mark_of(file)
    try:
        with file.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.DictReader(stream, delimiter=mark))
    except (csv.Error, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is no list that can be read: {error}") from error
    if not rows:
        raise ValueError(f"{file} holds no rows")
    return {name: [row[name] for row in rows] for name in rows[0] if name is not None}


def _parquet(file: Path) -> dict[str, list]:
    with parquet.whole(file):
        return dict(parquet.opened(file).read().to_pydict())


def _called(file: Path, usual: Sequence[str], columns: Sequence[str]) -> str:
    found = [name for name in columns if name.strip().lower() in usual]
    if len(found) != 1:
        raise ValueError(
            f"{file} must have one column called {' or '.join(usual)}, and has "
            f"{' and '.join(found) or 'none'}: its columns are {', '.join(columns)}"
        )
    return found[0]


def _under(top: Path, file: Path) -> str:
    return str(file.relative_to(top) if file.is_relative_to(top) else file)


def check(title: str, *wrong: tuple[str, Sequence[str]]) -> None:
    """Raises ValueError with the names of all that lack something, by what they lack."""
    said = [f"{len(names)} {what}: {some(names)}" for what, names in wrong if names]
    if said:
        raise ValueError(f"{title}: " + "; ".join(said))


def some(names: Sequence[str]) -> str:
    """The names with commas between; of many only the first, and how many more there are.

    >>> some(["a", "b"]), some(["c"] * 12)[-10:]
    ('a, b', 'and 2 more')
    """
    more = [f"and {len(names) - NAMED} more"] if len(names) > NAMED else []
    return ", ".join([*names[:NAMED], *more])
