"""Feature extractors: what a sample metric looks at, named so that numbers can be told apart.

An extractor is any `Callable[[Tensor], Tensor]` from a batch of data to features (batch, features).
`Extractor` wraps a network with its preparation, its resizing and the sha256 of its weights, which
are printed beside every number measured with it.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.spaces import Pixels, Tokens, count

Features = Callable[[Tensor], Tensor]
Batches = Tensor | Iterable[Tensor | tuple[Tensor, ...]]


def weights_hash(network: nn.Module, digits: int = 8) -> str:
    """The first `digits` of the sha256 of names, types, shapes and values of all weights."""
    digest = hashlib.sha256()
    for name, value in sorted(network.state_dict().items()):
        value = value.detach().cpu().contiguous()
        digest.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        digest.update(value.flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()[: count("digits", digits)]


@dataclass(frozen=True)
class Resize:
    """Bilinear resizing of float images (batch, channels, height, width), with antialiasing."""

    height: int
    width: int
    antialias: bool = True

    def __call__(self, x: Tensor) -> Tensor:
        """Images (batch, channels, self.height, self.width)."""
        size = (self.height, self.width)
        return F.interpolate(x, size=size, mode="bilinear", antialias=self.antialias)

    def __str__(self) -> str:
        kind = "bilinear, antialiased" if self.antialias else "bilinear"
        return f"{kind} {self.height}x{self.width}"


@dataclass(frozen=True)
class Extractor:
    """A network with its preparation: data (batch, ...) to features (batch, features).

    `prepare` turns data into what the network takes (uint8 images into floats, say), `resize` acts
    on the prepared images, `head` turns features into class logits (batch, classes) where the
    network is a classifier.
    """

    name: str
    hash: str
    network: nn.Module
    prepare: Features = torch.Tensor.float
    resize: Features | None = None
    head: Features | None = None

    @classmethod
    def of(
        cls,
        name: str,
        network: nn.Module,
        prepare: Features = torch.Tensor.float,
        resize: Features | None = None,
        head: Features | None = None,
    ) -> Extractor:
        """The extractor of a network, hashed and put into evaluation mode."""
        return cls(name, weights_hash(network), network.eval(), prepare, resize, head)

    @torch.no_grad()
    def __call__(self, x: Tensor) -> Tensor:
        """Features (batch, features) of a batch of data, on the network's device."""
        weight = next(self.network.parameters(), None)
        x = self.prepare(x if weight is None else x.to(weight.device))
        return self.network(x if self.resize is None else self.resize(x)).flatten(1)

    @torch.no_grad()
    def logits(self, x: Tensor) -> Tensor:
        """Class logits (batch, classes); raises ValueError where the network is no classifier."""
        if self.head is None:
            raise ValueError(f"extractor {self} has no logits: it is not a classifier")
        return self.head(self(x))

    def __str__(self) -> str:
        return f"{self.name}@{self.hash}" if self.hash else self.name


def features_as_given(x: Tensor) -> Tensor:
    """The extractor of what are features already (or 2-D data): float, flattened per example."""
    return x.flatten(1) if x.is_floating_point() else x.flatten(1).float()


class Columns(nn.Module):
    """Columns (batch, features) in units of what they spread by: (x - mean) / scale."""

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Tensor, scale: Tensor):
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)

    def forward(self, x: Tensor) -> Tensor:
        """The columns, in float64: what is large and hardly varies keeps its digits."""
        return (x.flatten(1).to(self.mean) - self.mean) / self.scale


def raw_pixels(space: Pixels) -> Extractor:
    """Pixels in [0, 1] as features: honest only for tiny images."""
    shape = "x".join(map(str, space.shape))
    return Extractor(f"raw pixels {shape}", "", nn.Identity(), lambda x: space.to_unit(x))


def token_shares(space: Tokens) -> Extractor:
    """How often each token occurs in a sequence, (batch, vocabulary): order is not seen."""

    def prepare(x: Tensor) -> Tensor:
        x = space.check(x)
        counts = torch.zeros(len(x), space.vocabulary, device=x.device)
        return counts.scatter_add_(1, x, torch.ones_like(x, dtype=counts.dtype)) / space.length

    return Extractor(f"shares of {space.vocabulary} tokens", "", nn.Identity(), prepare)


def label(extractor: Features) -> dict[str, Any]:
    """The name and the resizing of an extractor, as a `Measurement` holds them."""
    owner = getattr(extractor, "__self__", None)  # of a bound method, as `net.logits`
    extractor = owner if isinstance(owner, Extractor) else extractor
    if isinstance(extractor, Extractor):
        return {"extractor": str(extractor), "resize": str(extractor.resize or "none")}
    if isinstance(extractor, nn.Module):
        return {"extractor": f"{type(extractor).__name__}@{weights_hash(extractor)}"}
    name = getattr(extractor, "__name__", type(extractor).__name__)
    return {"extractor": name.replace("_", " ")}


def in_batches(data: Batches, size: int = 256) -> Iterator[Tensor]:
    """The first tensor of every batch; a tensor is cut into batches of `size` examples."""
    if isinstance(data, Tensor):
        yield from data.split(count("size", size))
        return
    for batch in data:
        yield batch if isinstance(batch, Tensor) else batch[0]


def checked(features: Tensor, name: str = "features") -> Tensor:
    """Returns features (batch, features); raises ValueError where they cannot be measured."""
    if features.dim() != 2 or not features.is_floating_point():
        raise ValueError(
            f"{name} must be floats (batch, features), not {features.dtype} of shape "
            f"{tuple(features.shape)}: flatten them, or give an extractor"
        )
    if not torch.isfinite(features).all():
        rows = (~torch.isfinite(features)).any(1).sum().item()
        raise ValueError(f"{name}: {rows} of {len(features)} examples are NaN or infinite")
    return features


@torch.no_grad()
def extract(data: Batches, extractor: Features = features_as_given) -> Iterator[Tensor]:
    """The checked features of every batch, one batch in memory at a time."""
    for batch in in_batches(data):
        yield checked(extractor(batch))


def collect(data: Batches, extractor: Features = features_as_given, least: int = 2) -> Tensor:
    """All features in one tensor (n, features); raises ValueError for fewer than `least`."""
    if isinstance(data, Tensor) and data.dim() == 2 and extractor is features_as_given:
        parts = [checked(features_as_given(data))]
    else:
        parts = list(extract(data, extractor))
    total = sum(map(len, parts))
    if total < least:
        raise ValueError(f"at least {least} examples are needed, {total} were given")
    return torch.cat(parts)


Range = tuple[float, float]
UNKNOWN: Range = (-math.inf, math.inf)


def range_of(x: Tensor) -> Range:
    """The least and the largest value; (inf, -inf) of nothing."""
    low, high = torch.aminmax(x) if x.numel() else (math.inf, -math.inf)
    return float(low), float(high)


def span_of(ranges: Iterable[Range]) -> Range:
    """The range of several sets together; UNKNOWN of none."""
    lows, highs = zip(*ranges, strict=True) if (ranges := list(ranges)) else ((), ())
    return min(lows, default=-math.inf), max(highs, default=math.inf)


def range_notes(samples: Range, references: Range) -> tuple[str, ...]:
    """A warning where two sets hardly can be on one scale, as 0..1 and 0..255, or -1..1 and 0..1.

    Their widths differ more than eightfold, they do not meet, or one alone is half negative.
    """
    if not all(math.isfinite(end) for end in (*samples, *references)):
        return ()
    narrow, wide = sorted(b - a for a, b in (samples, references))
    apart = max(samples[0], references[0]) > min(samples[1], references[1])
    signed = [a < -0.5 * b for a, b in (samples, references)]
    positive = [a >= 0 for a, _ in (samples, references)]
    mixed = any(signed) and any(positive)
    if not (wide > 8 * narrow or apart or mixed):
        return ()
    said = [f"{a:.4g} .. {b:.4g}" for a, b in (samples, references)]
    return (f"samples range over {said[0]}, references over {said[1]}: are they on one scale?",)


def together(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Two sets of features in one type and place; raises ValueError for different dimensions."""
    if x.shape[1] != y.shape[1]:
        raise ValueError(
            f"samples have {x.shape[1]} features and references {y.shape[1]}: "
            "both must come from one extractor"
        )
    return x, y.to(x)


def pair(
    samples: Batches, references: Batches, extractor: Features = features_as_given, least: int = 2
) -> tuple[Tensor, Tensor]:
    """The features of two sets; raises ValueError where their dimensions differ."""
    return together(*(collect(data, extractor, least) for data in (samples, references)))
