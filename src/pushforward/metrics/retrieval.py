"""Retrieval: how often what a model finds most similar to an image is what was said of it.

    accuracy = P(argmax_j s(x_i, text_j) says of x_i what text_i says),    j of `candidates`

and the same for an image among others, of a caption. Chance is 1 of `candidates`, a little more
where captions repeat. Several of the candidates may be right: where a data set knows what its
examples are made of (`Split.factors`), all that are made of the same are; else those whose captions
are the same tokens.

Learning Transferable Visual Models From Natural Language Supervision (Radford et al., 2021),
arXiv:2103.00020: its zero-shot retrieval of images and of texts.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from ..core.contract import Generative
from ..core.dataset import Dataset, Split
from ..core.spaces import count
from .measurement import Measurement

SEEN = "the model's own similarity"
DIRECTIONS = {"captions of images": 1, "images of captions": 0}


def retrieval_accuracy(
    model: Generative, split: Split, candidates: int = 64, examples: int = 2_048, seed: int = 0
) -> tuple[Measurement, ...]:
    """The accuracy of captions among `candidates` for an image, and of images for a caption.

    Args:
        model: one with `similarities(x, text)`, (images, captions).
        split: of images and captions.
        candidates: from which one is chosen.
        examples: of the split at most, drawn by `seed` and taken in groups of `candidates`; what
            is left over is not looked at.
        seed: of that draw.

    The standard error is of the means of groups, None of a single group. Raises ValueError for a
    model that has no similarities, or where there are fewer examples than candidates.
    """
    if not compares(model):
        raise ValueError(f"{type(model).__name__} has no similarities of images and captions")
    if len(split) < count("candidates", candidates, 2):
        raise ValueError(f"{candidates} candidates are asked for, and there are {len(split)}")
    index = torch.randperm(len(split), generator=torch.Generator().manual_seed(seed))
    groups = index[: min(count("examples", examples, candidates), len(split))].split(candidates)
    whole = [group for group in groups if len(group) == candidates]
    hits = torch.stack([_hits(model, split, group) for group in whole])
    return tuple(_measured(name, hits[:, i], candidates) for i, name in enumerate(DIRECTIONS))


def retrieval_if_known(model: Generative, data: Dataset) -> Iterable[Measurement]:
    """The accuracies of a model that compares images with captions, on test data; else none."""
    if not compares(model) or len(data.test) < 2:
        return ()
    return retrieval_accuracy(model, data.test, min(64, len(data.test)))


def compares(model: Generative) -> bool:
    """Whether it tells how well images and captions go together."""
    return callable(getattr(model, "similarities", None))


@torch.no_grad()
def _hits(model: Generative, split: Split, group: Tensor) -> Tensor:
    """The share of right choices in each direction, (2,)."""
    x, text = split.at(group, model.device)
    alike = model.similarities(x, text).cpu()  # type: ignore[operator]
    said = text.cpu() if split.factors is None else split.factors[group]
    right = (said[:, None] == said).all(-1)
    every = torch.arange(len(group))
    found = (right[every, alike.argmax(1)], right[alike.argmax(0), every])
    return torch.stack(found).double().mean(1)


def _measured(name: str, shares: Tensor, candidates: int) -> Measurement:
    groups = len(shares)
    error = (shares.std() / groups**0.5).item() if groups > 1 else None
    return Measurement(
        f"accuracy of {name}",
        shares.mean().item(),
        error,
        samples=groups * candidates,
        extractor=SEEN,
        settings=f"{candidates} candidates",
        higher_is_better=True,
    )
