"""The course's opening picture, in numbers: two classifiers of the same images, and small noise.

Both are asked for the class of test images and of the same images slightly moved: at random, in the
direction that the discriminative one's own gradient names, and by the worst of many random moves.
Only the generative one can also say that it has never seen the like: an image is refused where
log p(x) is under the 5 % quantile of held-out images.

Then it is asked about images that are no digits at all, and there its known failure shows: simple
images (blank ones) may be *more* likely than digits (Nalisnick et al., 2019, arXiv:1810.09136).
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..core.dataset import Dataset
from ..core.spaces import Pixels
from ..metrics.calibration import accuracy, calibration_error
from ..metrics.detection import auroc
from ..metrics.measurement import Measurement
from ..models.classification.discriminative_classifier import DiscriminativeClassifier
from ..models.classification.generative_classifier import GenerativeClassifier
from ..models.classification.perturbations import gradient_sign, noise, worst_of

REFUSED = 0.05


@dataclass(frozen=True)
class Fooled:
    """Moved images: of those that a classifier got right, the share that it now gets wrong.

    `refused` is the share of all moved images whose log p(x) is too low, `sure` the discriminative
    classifier's mean confidence in its wrong answers (0 where there are none).
    """

    kind: str
    levels: int
    generative: float
    discriminative: float
    refused: float
    sure: float


@dataclass(frozen=True)
class Comparison:
    """Accuracy and calibration of both, how they are fooled, and AUROC of digits over others.

    In `outside`, for each kind of images: the AUROC of log p(x), and that of the discriminative
    classifier's confidence.
    """

    accuracy: tuple[Measurement, Measurement]
    calibration: tuple[Measurement, Measurement]
    fooled: list[Fooled] = field(default_factory=list)
    outside: dict[str, tuple[Measurement, Measurement]] = field(default_factory=dict)

    def __str__(self) -> str:
        lines = ["                     generative         discriminative"]
        for name in ("accuracy", "calibration"):
            lines.append(f"{name:16}" + "".join(f"{m.figure():>20}" for m in getattr(self, name)))
        for f in self.fooled:
            lines.append(
                f"{f.kind} by {f.levels}: fooled {f.generative:.0%} and {f.discriminative:.0%} "
                f"(sure: {f.sure:.0%}); p(x) refuses {f.refused:.0%}"
            )
        for kind, pair in self.outside.items():
            lines.append(f"AUROC over {kind}: p(x) {pair[0].figure()}, p(y|x) {pair[1].figure()}")
        return "\n".join(lines)


@torch.no_grad()
def compare(
    generative: GenerativeClassifier,
    discriminative: DiscriminativeClassifier,
    data: Dataset,
    levels: tuple[int, ...] = (1, 2, 3),
    seed: int = 0,
) -> Comparison:
    """Measures both on the test split of labelled images; the caller's random state stays.

    Raises ValueError for data without labels or other than images.
    """
    space = data.space
    if not isinstance(space, Pixels) or not data.classes:
        raise ValueError(f"labelled images are needed, not {data.name} over {space}")
    x, y = data.test.at(slice(None), generative.device)
    known = data.validation.at(slice(None), generative.device)[0]
    both = (generative.classify(x), discriminative.classify(x))
    threshold = generative.log_prob(known).double().quantile(REFUSED)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        fooled = [
            _fooled(kind, step, moved, y, both, generative, discriminative, threshold)
            for step in levels
            for kind, moved in _moves(generative, discriminative, x, y, step, space).items()
        ]
        others = {kind: z.to(x.device) for kind, z in strangers(x, space).items()}
    outside = {kind: _outside(x, z, generative, discriminative) for kind, z in others.items()}
    first, second = both
    return Comparison(
        (accuracy(first, y), accuracy(second, y)),
        (calibration_error(first, y), calibration_error(second, y)),
        fooled,
        outside,
    )


def _moves(
    generative: GenerativeClassifier,
    discriminative: DiscriminativeClassifier,
    x: Tensor,
    y: Tensor,
    levels: int,
    space: Pixels,
) -> dict[str, Tensor]:
    return {
        "noise": noise(x, levels, space),
        "gradient sign": gradient_sign(discriminative, x, y, levels),
        "worst noise for the generative": worst_of(generative.classify, x, y, levels, space),
        "worst noise for the discriminative": worst_of(
            discriminative.classify, x, y, levels, space
        ),
    }


def _fooled(
    kind: str,
    levels: int,
    moved: Tensor,
    y: Tensor,
    before: tuple[Tensor, Tensor],
    generative: GenerativeClassifier,
    discriminative: DiscriminativeClassifier,
    threshold: Tensor,
) -> Fooled:
    after = (generative.classify(moved), discriminative.classify(moved))
    shares = [
        (b.argmax(1) != y)[a.argmax(1) == y].double().mean().item() for a, b in zip(before, after)
    ]
    confidence, answer = after[1].max(1)
    wrong = confidence.exp()[answer != y]
    refused = (generative.log_prob(moved) < threshold).double().mean().item()
    sure = wrong.mean().item() if len(wrong) else 0.0
    return Fooled(kind, levels, shares[0], shares[1], refused, sure)


def strangers(x: Tensor, space: Pixels) -> dict[str, Tensor]:
    """Images that are none of the data, as many as x: some far from it, some merely simple."""
    top = space.levels - 1
    order = torch.randperm(space.dims)
    others = {
        "uniform noise": torch.randint(space.levels, x.shape),
        "inverted images": top - x.long(),
        "shuffled pixels": x.flatten(1)[:, order.to(x.device)].view_as(x),
        "half the contrast": x.long() // 2,
        "blank images": torch.zeros_like(x),
    }
    return {kind: images.to(torch.uint8) for kind, images in others.items()}


def _outside(
    x: Tensor, other: Tensor, generative: GenerativeClassifier, classifier: DiscriminativeClassifier
) -> tuple[Measurement, Measurement]:
    sure = [classifier.classify(images).max(1).values for images in (x, other)]
    return auroc(generative.log_prob(x), generative.log_prob(other)), auroc(*sure)
