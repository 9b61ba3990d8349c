"""Two kinds of images that nobody paired: x of one kind, beside it an image of the other."""

from __future__ import annotations

from dataclasses import replace

import torch

from ..core.dataset import Dataset, Split
from ..core.spaces import Pixels
from .specs import findable
from .splits import shuffled


@findable("unpaired", alone=True)
def unpaired(
    target: str = "digits",
    source: str = "digits",
    negative: bool = False,
    joined: bool = False,
    seed: int = 0,
) -> Dataset:
    """Images of the data set `target`, each beside an image of `source` of no relation to it.

    Both are specs of images of the same sides; labels are left out, the longer one is cut. With
    `negative` the source's images are turned dark for light. What stands beside is `given`, Pixels;
    or with `joined` it follows in the channels of the image, and nothing is told.

        pf.data.find("unpaired?target=digits&source=digits&negative=True")

    Raises ValueError where one of them holds no images, their sides differ, or of what is joined
    the levels.
    """
    from .names import find

    wanted, other = find(target), find(source)
    for data in (wanted, other):
        if not isinstance(data.space, Pixels):
            raise ValueError(f"unpaired is for images, and {data.name} holds {data.space}")
    if wanted.space.shape[1:] != other.space.shape[1:]:
        raise ValueError(
            f"both kinds must have the same sides: {wanted.name} has {wanted.space.shape[1:]}, "
            f"{other.name} {other.space.shape[1:]}"
        )
    if joined and wanted.space.levels != other.space.levels:
        raise ValueError(
            f"what is joined must have the same levels, not {wanted.space} and {other.space}"
        )
    train, validation, test = (
        _joined(mine, theirs, other.space, negative, seed + i)
        for i, (mine, theirs) in enumerate(zip(_parts(wanted), _parts(other)))
    )
    what = f"{other.name}, dark for light" if negative else other.name
    name = f"{wanted.name} {'and' if joined else 'beside'} {what}"
    origin = {"source": "two data sets", "target": wanted.origin, "beside": other.origin}
    if joined:
        channels = wanted.space.channels + other.space.channels
        space = replace(wanted.space, channels=channels)
        learn, held, rest = (Split((torch.cat(s.tensors, 1),)) for s in (train, validation, test))
        return Dataset(name, space, learn, held, rest, origin)
    return Dataset(name, wanted.space, train, validation, test, origin=origin, given=other.space)


def _parts(data: Dataset) -> tuple[Split, Split, Split]:
    return data.train, data.validation, data.test


def _joined(wanted: Split, other: Split, space: Pixels, negative: bool, seed: int) -> Split:
    n = min(len(wanted), len(other))
    x, beside = wanted.at(slice(None))[0][:n], other.at(slice(None))[0]
    beside = beside[shuffled(len(beside), seed)][:n]
    return Split((x, space.levels - 1 - beside if negative else beside))
