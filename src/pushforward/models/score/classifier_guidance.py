"""Classifier guidance: a diffusion of all data, led to a class by a classifier of noisy data.

    grad log p(x_t | y) = grad log p(x_t) + w grad log p(y | x_t)
    D_w(x, t, y) = D(x, t) + w (sigma^2 / alpha) grad_x log p(y | x_t = x)

The diffusion never hears of classes; what a class is, is the classifier's affair, which learns
beside it and may be exchanged. w > 1 draws from p(x) p(y | x)^w, the more typical of the class.

Diffusion Models Beat GANs on Image Synthesis (Dhariwal & Nichol, 2021), arXiv:2105.05233, section
4.1, eqs. 6-10 and algorithms 1, 2; Song et al. (2021), arXiv:2011.13456, eq. 14.
Differs from the papers: the classifier sees x_t / sqrt(alpha^2 + sigma^2) and the angle
atan(sigma / alpha), which is the same for all paths; angles are uniform in its training; its
gradient moves the mean of the data, so that any solver may be used.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.catalogue import example, system
from ...core.contract import Player, Terms, keep_apart
from ...core.spaces import Labels, Reals
from ...nn.denoiser import TimeMLP
from ...solvers.diffusion import Level
from ...solvers.samplers import DDIM
from .diffusion import Denoising, Diffusion, Steered, spread, stratified
from .flow_matching import FlowMatching
from .guidance import finite


class ClassifierGuided(Denoising):
    """A diffusion that is told nothing, and a classifier of its noisy data.

    Args:
        model: the diffusion.
        classifier: called (x of about unit scale, time in [0, 1]), to logits; `NoisyClassifier` and
            `TimeMLP(features, outputs=classes)` fit.
        classes: how many there are.
        weight: w.
    """

    def __init__(self, model: Diffusion, classifier: nn.Module, classes: int, weight: float = 1.0):
        if model.given is not None:
            raise ValueError(
                f"classifier guidance leads a diffusion that is told nothing, not {model.given}: "
                "build its network without classes, or take Guided"
            )
        keep_apart(model, classifier)
        super().__init__(model.space, Labels(classes))
        self.model, self.classifier = model, classifier
        self.weight = finite("weight", weight)

    def players(self) -> tuple[Player, ...]:
        """The diffusion on x alone, the classifier on noisy x and y."""
        diffusion = Player("diffusion", self.model, lambda x, y: self.model.loss(x))
        return diffusion, Player("classifier", self.classifier, self.classifier_loss)

    def classifier_loss(self, x: Tensor, y: Tensor) -> Terms:
        """{"cross_entropy"} in nats, at angles evenly spread over the diffusion's noise."""
        x0, (low, high) = self.model.to_float(x), self.angles
        phi = low + (high - low) * stratified(len(x), self.device, self.dtype)
        noisy = spread(phi.cos(), x0) * x0 + spread(phi.sin(), x0) * torch.randn_like(x0)
        return {"cross_entropy": F.cross_entropy(self._logits(noisy, phi), y, reduction="none")}

    @property
    def angles(self) -> tuple[float, float]:
        """atan(sigma / alpha) at the diffusion's least noise and at its most."""
        first, *_, last, _ = self.model.levels(2)
        return math.atan2(last.sigma, last.alpha), math.atan2(first.sigma, first.alpha)

    def _logits(self, x: Tensor, phi: Tensor) -> Tensor:
        return self.classifier(x, phi * (2 / math.pi))

    def log_prob_of(self, y: Tensor, x: Tensor, level: Level) -> Tensor:
        """log p(y | x_t = x) in nats, (batch,), on a level of the diffusion."""
        phi = x.new_full((len(x),), math.atan2(level.sigma, level.alpha))
        logits = self._logits(x / math.hypot(level.alpha, level.sigma), phi)
        return -F.cross_entropy(logits, y, reduction="none")

    @property
    def diffusion(self) -> Diffusion:
        """The one that is guided."""
        return self.model

    def process(self, *conditions: Tensor) -> Led:
        """The diffusion led to the classes y, (n,) int64, as samplers see it."""
        (y,) = conditions
        return Led(self.model, (), self, y)


@dataclass(frozen=True)
class Led(Steered):
    """A diffusion led by a classifier, as a sampler sees it."""

    by: ClassifierGuided | None = None
    y: Tensor | None = None

    def mean(self, x: Tensor, level: Level) -> Tensor:
        """D_w; where there is no signal the classifier knows nothing."""
        x0 = self.model.denoise(x, level)
        assert self.by is not None
        assert self.y is not None
        if not level.alpha or not self.by.weight:
            return x0
        with torch.enable_grad():
            there = x.detach().requires_grad_()
            log_p = self.by.log_prob_of(self.y, there, level).sum()
            (slope,) = torch.autograd.grad(log_p, there)
        return x0 + self.by.weight * level.sigma**2 / level.alpha * slope


system(
    "classifier-guidance",
    lecture=13,
    title="Classifier guidance",
    paper="Dhariwal & Nichol, 2021, arXiv:2105.05233",
)


@example(data="moons?labels=True")
def classifier_guided() -> ClassifierGuided:
    """The smallest instance, in the plane."""
    model = FlowMatching(Reals((2,)), TimeMLP(2, width=32, layers=2), DDIM(10))
    return ClassifierGuided(model, TimeMLP(2, outputs=2, width=16, layers=1), 2)
