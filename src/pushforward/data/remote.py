"""Any image data set of the hub whose images lie in parquet files."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path, PurePosixPath

from ..core.dataset import PARTS, Dataset
from ..core.spaces import Pixels
from . import own_captions, own_parts, parquet
from .cache import cache_folder
from .decoding import Canvas
from .download import Remote, listing
from .specs import findable
from .splits import CONTENT, Rule

CONVERTED = "refs/convert/parquet"  # the branch in which the hub keeps its own conversions
Groups = dict[str, list[Remote]]  # the files of each split


@findable("hub", place="OWNER/NAME")
def hub(
    name: str,
    size: int | None = 32,
    channels: int = 3,
    labels: bool = False,
    config: str | None = None,
    image: str | None = None,
    label: str | None = None,
    seed: int = 0,
    background: int = 255,
    bits: int = 16,
    skip_unreadable: bool = False,
    rule: str = CONTENT,
    stream: bool | None = None,
    captions: str | None = None,
) -> Dataset:
    """The images of the hub's data set `name` ("OWNER/NAME"): Pixels(channels, size, size).

    Images are treated as `folder` treats them, and streamed as it does. `config`, `image` and
    `label` name the configuration and the columns where there are several, `captions` the column of
    text that stands beside an image as Tokens. Files are downloaded once, their SHA-256 compared
    with the hub's, and kept in the cache under hub/OWNER/NAME (remove it to get a newer commit). A
    validation or test split that the set lacks is a tenth of its rows, by `rule` under `seed`.

    Raises FileNotFoundError where the data are not here and there is no network; ValueError where
    there is no such set, no parquet file in it, a choice to be made, or a row without a caption.
    """
    home, canvas = _home(name), Canvas(size, channels, background, bits)
    own_captions.check_alone(labels, captions)
    groups = _fetched(name, home, config)
    cutting = Rule(rule, seed, *(0.0 if part in groups else 0.1 for part in PARTS[1:]))
    paths = {part: [home / remote.path for remote in group] for part, group in groups.items()}
    column = parquet.label_column(paths["train"][0], label) if labels else None
    found = {
        part: parquet.images(
            f"{name}, {part}",
            files,
            canvas,
            image,
            cutting if part == "train" and len(groups) < 3 else None,
            skip_unreadable,
        ).load(stream)
        for part, files in paths.items()
    }
    batches = {part: parquet.tensors(found[part], files, column) for part, files in paths.items()}
    sentences: list[str] = []
    if captions is not None:
        rows = {part: own_captions.of_rows(files, captions) for part, files in paths.items()}
        sentences, numbers = own_captions.numbered(rows, found)
        batches = {part: (*batch, *numbers[part]) for part, batch in batches.items()}
    splits, examples = own_parts.parted(name, batches, found, cutting)
    origin = {**_origin(name, groups), **found["train"].about, "size": size}
    classes = parquet.class_names(paths["train"][0], column) if column else ()
    space = Pixels(*splits["train"].tensors[0].shape[1:])
    learn, check, test = (splits[part] for part in PARTS)
    data = Dataset(name, space, learn, check, test, {**examples, **origin}, classes)
    return own_captions.told(data, sentences) if captions is not None else data


def grouped(remotes: Iterable[Remote]) -> dict[str, Groups]:
    """Parquet files by configuration (their folder) and split (from the file's or folder's name).

    Files that name no split are taken for "train".
    """
    found: dict[str, Groups] = {}
    for remote in sorted(remotes, key=lambda remote: remote.path):
        path = PurePosixPath(remote.path)
        if path.suffix == ".parquet":
            if path.is_absolute() or ".." in path.parts:
                raise ValueError(f"{remote.repository} lists {remote.path!r}: it leads elsewhere")
            part, by_folder = own_parts.part_named(path)
            config = path.parent.parent if by_folder else path.parent
            found.setdefault(config.as_posix(), {}).setdefault(part, []).append(remote)
    return found


def _home(name: str) -> Path:
    if not re.fullmatch(r"\w[\w.-]*/\w[\w.-]*", name):
        raise ValueError(f'a data set of the hub is called "OWNER/NAME", not {name!r}')
    return cache_folder() / "hub" / name


def _fetched(name: str, home: Path, config: str | None) -> Groups:
    """The files of each split, all of them here. One of the splits is "train"."""
    try:
        groups = _chosen(name, grouped(_listed(name, home)), config)
        for remote in (remote for group in groups.values() for remote in group):
            if not (home / remote.path).is_file():
                (home / remote.path).parent.mkdir(parents=True, exist_ok=True)
                remote.fetch(home / remote.path)
    except ConnectionError as error:
        raise FileNotFoundError(
            f"{name} is not complete in {home}, and {error}. Try again with a network, or copy "
            "that folder from a machine where it was downloaded"
        ) from error
    return groups


def _listed(name: str, home: Path) -> list[Remote]:
    """The parquet files of the set: as listed at the first download, so that they stay the same."""
    record = home / "files.json"
    if record.is_file():
        try:
            return [Remote(**file) for file in json.loads(record.read_text())]
        except (ValueError, TypeError):  # written by a run that was cut off: ask again
            record.unlink()
    files = [file for file in listing(name) if file.path.endswith(".parquet")]
    files = files or [file for file in listing(name, CONVERTED) if file.path.endswith(".parquet")]
    home.mkdir(parents=True, exist_ok=True)
    record.write_text(json.dumps([asdict(file) for file in files]))
    return files


def _chosen(name: str, configs: dict[str, Groups], config: str | None) -> Groups:
    if not configs:
        raise ValueError(
            f"{name} holds no parquet file: download its images yourself and give folder:PATH"
        )
    if config is None and len(configs) > 1:
        raise ValueError(f"{name} has several configurations: choose config= of {sorted(configs)}")
    if config is not None and config not in configs:
        raise ValueError(f"{name} has no configuration {config!r}, but {sorted(configs)}")
    groups = dict(configs[config or next(iter(configs))])
    if "train" not in groups:
        groups["train"] = groups.pop(next(iter(groups)))
    return groups


def _origin(name: str, groups: Groups) -> dict:
    return {
        "source": f"hub {name}",
        "commit": groups["train"][0].commit,
        "files": {file.path: file.sha256 for group in groups.values() for file in group},
    }
