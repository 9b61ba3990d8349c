"""Which extractor data are looked at with: what was asked for by name, or else what is sound.

    classifier       the small classifier that was trained on these very data
    random           random convolutions; of other data than images, a random projection
    inception        the standard Inception-v3, of images
    hub:OWNER/NAME   a vision model of the Hugging Face hub, of images
    pixels           the numbers themselves; of sequences, the shares of their tokens

Unasked, data are looked at with their own classifier where there is one (digits, MNIST, CIFAR-10,
binarised or not); numbers that are few are taken as they are, or, where some columns spread UNEVEN
times as far as others, in units of what each column of the training data spreads by, for else a
distance is that of the largest alone; what is left, `random`. A classifier is never taken for the
size of an image alone: what it makes of pictures of other things means nothing, though it is a
number. Whatever is taken, its name and hash stand beside the number.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from ..core.dataset import Dataset
from ..core.spaces import Pixels, Reals, Tokens
from .features import Columns, Extractor, Features, features_as_given, raw_pixels, token_shares
from .hub_network import hub_extractor
from .inception_network import inception_extractor
from .random_networks import FEATURES, random_network, random_projection
from .references import looked_at
from .small_classifiers import cifar10_classifier, digits_classifier, mnist_classifier

MOST = 256  # numbers that are taken as they are, unasked
UNEVEN = 10.0  # between the spreads of two columns
HUB = "hub:"
# Where the data come from, as their origin says; its images' shape and levels, their classifier.
CLASSIFIERS: tuple[tuple[str, Pixels, Callable[[], Extractor]], ...] = (
    ("sklearn.datasets.load_digits", Pixels(1, 8, 8, 17), digits_classifier),
    ("ylecun/mnist", Pixels(1, 28, 28), mnist_classifier),
    ("Larochelle's binarised MNIST", Pixels(1, 28, 28), mnist_classifier),
    ("uoft-cs/cifar10", Pixels(3, 32, 32), cifar10_classifier),
)


def extractor_for(data: Dataset, name: str | None = None) -> Features:
    """The extractor called `name` for `data`; None takes what is sound (see above).

    Images with other levels than the extractor's are requantised to its own. Raises ValueError for
    an unknown name, or one that is not for these data; OSError where weights cannot be downloaded.
    """
    if name is None:
        return _own_classifier(data) or _few(data) or _random(data)
    if name.startswith(HUB):
        return _of_photographs(data, name, lambda: hub_extractor(name.removeprefix(HUB)))
    if name not in NAMED:
        known = ", ".join([*NAMED, f"{HUB}OWNER/NAME"])
        raise ValueError(f"features are called one of {known}, not {name!r}")
    return NAMED[name](data)


def _own_classifier(data: Dataset) -> Features | None:
    space, source = data.space, str(data.origin.get("source", ""))
    for place, target, build in CLASSIFIERS:
        if isinstance(space, Pixels) and place in source and space.shape == target.shape:
            return _requantised(build(), space, target)
    return None


def _classifier(data: Dataset) -> Features:
    found = _own_classifier(data)
    if found is None:
        raise ValueError(
            f"no small classifier was trained on {data.name}: there are some of digits, MNIST and "
            "CIFAR-10. Leave --features out, or take random, or for photographs inception"
        )
    return found


def _few(data: Dataset) -> Features | None:
    if _numbers(data) > MOST:
        return None
    return _columns(data) or _plain(data)


def _columns(data: Dataset) -> Features | None:
    """Columns of a table in units of their own spread; None where those are alike."""
    if not isinstance(data.space, Reals) or len(data.train) < 2:
        return None
    x = looked_at(data.train).double().flatten(1)
    scale = x.std(0, correction=0)
    known = scale[scale > 0]
    if not len(known) or known.max() <= UNEVEN * known.min():
        return None
    network = Columns(x.mean(0), torch.where(scale > 0, scale, 1.0))
    return Extractor.of("standardised columns", network, data.space.check)


def _plain(data: Dataset) -> Features:
    space = data.space
    if isinstance(space, Pixels):
        return raw_pixels(space)
    return token_shares(space) if isinstance(space, Tokens) else features_as_given


def _numbers(data: Dataset) -> int:
    return data.space.vocabulary if isinstance(data.space, Tokens) else data.space.dims


def _random(data: Dataset) -> Features:
    if isinstance(data.space, Pixels):
        return random_network(data.space)
    if _numbers(data) <= FEATURES:  # there is nothing to be made fewer
        return _plain(data)
    return random_projection(data.space, _plain(data), _numbers(data))


def _inception(data: Dataset) -> Features:
    return _of_photographs(data, "inception", inception_extractor)


def _of_photographs(data: Dataset, name: str, build: Callable[[], Extractor]) -> Features:
    """An extractor of images of 256 levels, in one channel or three."""
    space = data.space
    if not isinstance(space, Pixels) or space.channels not in (1, 3):
        raise ValueError(f"features {name} are those of images, but {data.name} holds {space}")
    return _requantised(build(), space, Pixels(space.channels, space.height, space.width))


def _requantised(look: Extractor, space: Pixels, target: Pixels) -> Extractor:
    """The extractor for images of `space`, which are brought to the levels of `target` first."""
    if space.levels == target.levels:
        return look

    def prepare(x: Tensor) -> Tensor:
        return look.prepare(target.from_unit(space.to_unit(space.check(x))))

    name = f"{look.name} of {space.levels} levels"
    return Extractor(name, look.hash, look.network, prepare, look.resize, look.head)


NAMED: dict[str, Callable[[Dataset], Features]] = {
    "classifier": _classifier,
    "random": _random,
    "inception": _inception,
    "pixels": _plain,
}
