"""MNIST and CIFAR-10, from parquet files in a local folder, else downloaded from the hub.

The files are looked for in `mnist/` and `cifar10/` under `root`, where one is given, else under the
folder of the environment variable PUSHFORWARD_DATA and then under the cache (PUSHFORWARD_CACHE, or
~/.cache/pushforward). What is missing is downloaded to `root`, or to the cache.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ..core.dataset import Dataset, Split
from ..core.spaces import Pixels, count
from . import larochelle, parquet
from .binarisation import binarised
from .cache import cache_folder
from .decoding import Canvas
from .download import listing
from .specs import findable
from .splits import cut

FILES = ("train-00000-of-00001.parquet", "test-00000-of-00001.parquet")
PHOTOGRAPHS = "airplane automobile bird cat deer dog frog horse ship truck"
UNLOADED = 1_000
CLASSES = {
    "mnist": tuple("0123456789"),
    "cifar10": tuple(PHOTOGRAPHS.split()),
}


@findable("mnist")
def mnist(
    labels: bool = False,
    binarise: str | None = None,
    validation: int = 10_000,
    root: str | Path | None = None,
) -> Dataset:
    """70,000 handwritten digits, 28x28: Pixels(1, 28, 28), or with 2 levels where binarised.

    The last `validation` of the 60,000 training images validate; the test set is the official one.
    With `labels`, the second tensor is the digit, int64. `binarise` is None, "dynamic", "fixed"
    (our own draw, seed 0), "threshold" (1 from grey 128 on) or "larochelle": the fixed draw of the
    literature, read from the files binarized_mnist_{train,valid,test}.amat in `mnist/`, with its
    own 50,000 : 10,000 : 10,000 and no labels. Raises FileNotFoundError where there are no data
    and no network.
    """
    if binarise == "larochelle":
        if labels or validation != larochelle.VALIDATION:
            raise ValueError(
                "Larochelle's binarised MNIST has no labels and its own validation set"
            )
        return larochelle.load([place / "mnist" for place in places(root)])
    data = _standard("MNIST", "mnist", "ylecun/mnist", Canvas(None, 1), labels, validation, root)
    return binarised(data, binarise)


@findable("cifar10")
def cifar10(
    labels: bool = False, validation: int = 5_000, root: str | Path | None = None
) -> Dataset:
    """60,000 colour photographs of ten classes, 32x32: Pixels(3, 32, 32).

    The last `validation` of the 50,000 training images validate; the test set is the official one.
    With `labels`, the second tensor is the class, int64. A copy that went through JPEG is called
    "CIFAR-10 (JPEG)": its figures compare with no published ones. Raises FileNotFoundError where
    there are no data and no network.
    """
    return _standard(
        "CIFAR-10", "cifar10", "uoft-cs/cifar10", Canvas(None), labels, validation, root
    )


def unloaded(name: str, options: Mapping[str, Any]) -> Dataset | None:
    """Noise of the form of a standard data set, for whoever asks what a model of it looks like.

    None for the name of any other data set.
    """
    space = {"mnist": Pixels(1, 28, 28), "cifar10": Pixels(3, 32, 32)}.get(name)
    if space is None:
        return None
    random = torch.Generator().manual_seed(0)
    x = torch.randint(256, (UNLOADED, *space.shape), generator=random).to(torch.uint8)
    tensors = (x, torch.arange(UNLOADED) % 10) if options.get("labels") else (x,)
    train, held, test = cut(tensors, (UNLOADED - 20, 10, 10))
    classes = CLASSES[name] if options.get("labels") else ()
    data = Dataset(f"{name} (not loaded)", space, train, held, test, {"source": "noise"}, classes)
    how = options.get("binarise")
    return binarised(data, "fixed" if how == "larochelle" else how)


def places(root: str | Path | None) -> list[Path]:
    """The folders that are searched, the first first."""
    if root is not None:
        return [Path(root).expanduser()]
    named = os.environ.get("PUSHFORWARD_DATA")
    return [*([Path(named).expanduser()] if named else []), cache_folder()]


def _standard(
    name: str,
    folder: str,
    repository: str,
    canvas: Canvas,
    labels: bool,
    validation: int,
    root: str | Path | None,
) -> Dataset:
    files = _located(folder, repository, root)
    label = "label" if labels else None
    found = [parquet.images(f"{name}, {file.name}", [file], canvas).load() for file in files]
    train, test = (parquet.tensors(part, [file], label) for part, file in zip(found, files))
    known, held = (part.about for part in found)
    n = len(train[0]) - count("validation", validation)
    if n < 1:
        raise ValueError(f"validation must be less than {len(train[0])}, not {validation}")
    origin = {
        "source": f"parquet files of {repository}, or a copy",
        "sha256": {**known["sha256"], **held["sha256"]},
        "encoding": known["encoding"],
        "split": f"validation: the last {validation} of train; test: the set's own",
    }
    named = f"{name} (JPEG)" if "JPEG" in known["encoding"] else name
    learn, check = cut(train, (n, validation))
    space, classes = Pixels(*train[0].shape[1:]), CLASSES[folder] if labels else ()
    return Dataset(named, space, learn, check, Split(test), origin, classes)


def _located(folder: str, repository: str, root: str | Path | None) -> list[Path]:
    searched = [place / folder for place in places(root)]
    for place in searched:
        if all((place / name).is_file() for name in FILES):
            return [place / name for name in FILES]
    try:
        return _downloaded(searched[-1], repository)
    except ConnectionError as error:
        raise FileNotFoundError(
            f"{' and '.join(FILES)} are not in {' nor in '.join(map(str, searched))}, and "
            f"{error}. With a network they come by themselves; without one, copy the two files of "
            f"https://huggingface.co/datasets/{repository} into {searched[0]}"
        ) from error


def _downloaded(target: Path, repository: str) -> list[Path]:
    remotes = {Path(remote.path).name: remote for remote in listing(repository)}
    lacking = [name for name in FILES if name not in remotes]
    if lacking:
        raise ValueError(f"{repository} on the hub no longer holds {' and '.join(lacking)}")
    target.mkdir(parents=True, exist_ok=True)
    return [
        target / name if (target / name).is_file() else remotes[name].fetch(target / name)
        for name in FILES
    ]
