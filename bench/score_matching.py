"""How near three score-matching losses come to the true score of a mixture in the plane.

    OMP_NUM_THREADS=1 python bench/score_matching.py

Of the presets' test data: E|s - grad log p|^2 / E|grad log p|^2, where p is the mixture, or for
denoising the mixture blurred as it says.
"""

from __future__ import annotations

import math

import harness
import torch
from torch import Tensor
from torch.distributions import Categorical, MixtureSameFamily, MultivariateNormal

from pushforward.core.catalogue import preset_called
from pushforward.training.loop import Training

RADIUS, STD = 3.0, 0.7
KINDS: dict[str, tuple[str, dict, float]] = {
    "explicit": ("explicit_score_gaussians8", {}, 0.0),
    "sliced, 1 projection": ("sliced_score_gaussians8", {}, 0.0),
    "sliced, without variance reduction": ("sliced_score_gaussians8", {"reduced": False}, 0.0),
    "denoising": ("denoising_score_gaussians8", {}, 0.3),
}


def true_score(x: Tensor, blur: float) -> Tensor:
    """By autograd through torch's density of the mixture."""
    angles = torch.arange(8, dtype=torch.float64) * math.pi / 4
    means = RADIUS * torch.stack([angles.cos(), angles.sin()], 1)
    eye = (STD**2 + blur**2) * torch.eye(2, dtype=torch.float64)
    weights = Categorical(torch.ones(8, dtype=torch.float64))
    density = MixtureSameFamily(weights, MultivariateNormal(means, eye))
    x = x.detach().double().requires_grad_()
    return torch.autograd.grad(density.log_prob(x).sum(), x)[0]


def main() -> None:
    """Trains and measures all, and writes results/score_matching.json."""
    record = {}
    for name, (preset, knobs, blur) in KINDS.items():
        torch.manual_seed(0)
        experiment = preset_called(preset).build(**knobs)
        training = Training(experiment.model, experiment.data, experiment.recipe)
        for report in training:  # noqa: B007 - the last is read below
            pass
        x = experiment.data.test.at(slice(None))[0]
        x = x + blur * torch.randn_like(x)
        with torch.no_grad():
            said = training.result.score(x, torch.zeros(len(x))).double()
        truth = true_score(x, blur)
        wrong = (said - truth).square().sum(1).mean() / truth.square().sum(1).mean()
        record[name] = {
            "preset": preset,
            "knobs": knobs,
            "relative squared error": float(f"{wrong.item():.3g}"),
            "loss": {k: float(f"{v:.4g}") for k, v in report.terms.items()},
            "minutes": round(training.seconds / 60, 2),
        }
        print(name, record[name], flush=True)
    harness.write("score_matching", {"seed": 0, "kinds": record})


if __name__ == "__main__":
    main()
