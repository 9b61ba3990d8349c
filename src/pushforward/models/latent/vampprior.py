"""VampPrior: a prior that is a mixture of posteriors of learned pseudo-inputs.

    p(z) = (1/K) sum_k q(z | u_k)                                                       (eq. 9)
    p(z | y) = (1/K) sum_k q(z | u_yk, y)       an encoder that is told labels: K for each class

The prior that maximises the ELBO is the aggregated posterior (1/N) sum_n q(z | x_n); K learned
inputs stand for the N data. It shares the encoder, so it moves with the posterior.

VAE with a VampPrior (Tomczak & Welling, 2018), arXiv:1705.07120.
Differs from the paper: pseudo-inputs of images are kept in [-1, 1] by clamping, start spread over
it, or on data through `start`; the paper has no labels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.distributions import Categorical, Distribution, MixtureSameFamily

from ...core.catalogue import example, system
from ...core.contract import Density
from ...core.spaces import Labels, Pixels, Reals, count
from ...probability.by_dimension import log_prob_each
from ...probability.posteriors import Encoder
from .vae import VAE, dense

CHUNK = 2**24  # numbers of (latents, components, latent) at a time


class VampPrior(Density):
    """A density over Reals((latent,)); give it the encoder of the VAE that it serves.

    Args:
        encoder: the very object that the VAE has; a checkpoint keeps the tie. Where it is told
            labels, so is the prior.
        components: pseudo-inputs K, for each class.

    Raises ValueError for an encoder of tokens, or one that is told more than labels.
    """

    def __init__(self, encoder: Encoder, components: int = 500):
        super().__init__(Reals((encoder.latent,)), encoder.given)
        if not isinstance(encoder.space, Pixels | Reals):
            raise ValueError(f"pseudo-inputs are real numbers: the encoder reads {encoder.space}")
        if encoder.given is not None and not isinstance(encoder.given, Labels):
            raise ValueError(
                f"pseudo-inputs are kept for each label: the encoder is told {encoder.given}"
            )
        self.encoder, self.components = encoder, count("components", components)
        shape = (self.components, *encoder.space.shape)
        self.pseudo_inputs = nn.Parameter(torch.rand(*self._classes, *shape) * 2 - 1)

    @property
    def _classes(self) -> tuple[int, ...]:
        """(classes,), those that are known and "unknown"; () where nothing is told."""
        match self.given:
            case Labels(classes=classes, unknown=unknown):
                return (classes + unknown,)
        return ()

    @torch.no_grad()
    def start(self, x: Tensor, *conditions: Tensor) -> VampPrior:
        """Puts the pseudo-inputs on data, the first K of `x` (of each label). Returns itself."""
        x, conditions = self.encoder.space.check(x), self.told(len(x), *conditions)
        known = getattr(self.given, "classes", 0)
        if not conditions:
            self.pseudo_inputs.copy_(self._entered(x, ""))
        for label in range(sum(self._classes)):
            mine = x[conditions[0] == label] if label < known else x
            self.pseudo_inputs[label].copy_(self._entered(mine, f" of label {label}"))
        return self

    def _entered(self, x: Tensor, which: str) -> Tensor:
        if len(x) < self.components:
            raise ValueError(f"{self.components} data{which} must be given, not {len(x)}")
        return self.encoder.enter(x[: self.components])

    def posteriors(self) -> Tensor:
        """Those of q of every pseudo-input, (K, outputs) or (classes, K, outputs)."""
        pixels = isinstance(self.encoder.space, Pixels)
        seen = self.pseudo_inputs.clamp(-1, 1) if pixels else self.pseudo_inputs
        if not self._classes:
            return self.encoder.described(seen)
        label = torch.arange(len(seen), device=seen.device).repeat_interleave(self.components)
        found = self.encoder.described(seen.flatten(0, 1), self.encoder.context(label))
        return found.unflatten(0, (-1, self.components))

    def log_prob(self, x: Tensor, *conditions: Tensor) -> Tensor:
        """Log p(z) in nats, (batch,), for latents `x`."""
        parameters = self.posteriors()
        size = max(1, CHUNK // (self.components * self.space.dims))
        parts = zip(x.split(size), *(c.split(size) for c in conditions))
        found = [self._mixture(parameters, *label).log_prob(part) for part, *label in parts]
        return torch.cat(found)

    def log_prob_each(self, x: Tensor, *conditions: Tensor) -> Tensor | None:
        """Log p of each latent given those before it, (batch, latent); None where q's are not
        known one by one.
        """
        parameters = self.posteriors()
        size = max(1, CHUNK // (self.components * self.space.dims))
        parts = zip(x.split(size), *(c.split(size) for c in conditions))
        found = [log_prob_each(self._mixture(parameters, *label), part) for part, *label in parts]
        return None if None in found else torch.cat(found)  # type: ignore[arg-type]

    def sample(self, n: int, *conditions: Tensor) -> Tensor:
        """`n` latents, (n, latent)."""
        mixture = self._mixture(self.posteriors(), *conditions)
        return mixture.sample(() if conditions else (n,))

    def _mixture(self, parameters: Tensor, label: Tensor | None = None) -> Distribution:
        """The mixture of posteriors: batch shape (), or that of the labels."""
        mine = parameters if label is None else parameters[label]
        weights = Categorical(logits=torch.zeros_like(mine[..., 0]), validate_args=False)
        return MixtureSameFamily(weights, self.encoder.head(mine), validate_args=False)


@example(data="bars?height=2")
def vampprior() -> VAE:
    """The smallest instance."""
    encoder, decoder = dense(Pixels(1, 2, 4, levels=2), latent=2, width=32)
    return VAE(encoder, decoder, VampPrior(encoder, 8))


system("vampprior", lecture=7, title="VampPrior", paper="arXiv:1705.07120")
