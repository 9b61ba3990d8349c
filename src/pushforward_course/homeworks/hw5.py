# %%
# !pip install pushforward

# %% [markdown]
# # Homework 5: dequantisation, least squares, critics
#
# <!-- pushforward-course homework hw5 -->
#
# 13 points, lectures 6 and 8 to 10. Write plain torch where it says so: the grader has torch and
# NumPy, and not the library. What only looks at results belongs under `if __name__ ==
# "__main__":`. All generators take noise z ~ N(0, I), (n, 8).

# %%
import torch
from torch import Tensor, nn
from torch.nn import functional as F

# %% [markdown]
# ## Task dequantise (2 points): importance-weighted dequantisation
#
# P(x) = ∫ p(x + u) du over the unit cube. With q(u|x) and K draws, show log P(x) ≥ E log 1/K Σ
# p(x + u_k) / q(u_k|x), and why K + 1 draws are never worse. From `log_p` and `log_q`, (n, K),
# give the bound of each datum with K draws, and the mean of the K bounds with one draw, both
# (n,). Values may be far below what exp can take.

# %%
def dequantised_bounds(log_p: Tensor, log_q: Tensor) -> tuple[Tensor, Tensor]:
    """The importance-weighted bound of K draws, and the plain bound."""
    raise NotImplementedError("this is yours to write")

# %% [markdown]
# **Answer to dequantise**
#
# *write here*

# %%
if __name__ == "__main__":
    from pushforward.objectives.importance import bound

    log_w = torch.randn(5, 4)
    torch.testing.assert_close(dequantised_bounds(log_w, 0 * log_w)[0], bound(log_w.T))
    print("the library's bound")

# %% [markdown]
# ## Task squares (1 point): least squares and chi-square
#
# LSGAN(a, b, c): D minimises ½ E_p (D − b)² + ½ E_q (D − a)², G minimises ½ E_p (D − c)² + ½ E_q
# (D − c)². For finitely many values, p of the data and q of the generator, (n,), give the best D,
# (n,), and what G's loss is with it. With b − c = 1 and b − a = 2 it is half of Pearson's χ²
# between which two?

# %%
def least_squares(p: Tensor, q: Tensor, a: float, b: float, c: float) -> tuple[Tensor, Tensor]:
    """The best discriminator, and the generator's loss against it."""
    raise NotImplementedError("this is yours to write")

# %%
if __name__ == "__main__":
    from pushforward.objectives.f_divergences import PEARSON

    p, q = torch.tensor([0.2, 0.3, 0.5]), torch.tensor([0.6, 0.3, 0.1])
    pearson = PEARSON.discrete(q, (p + q) / 2)
    print(least_squares(p, q, -1.0, 1.0, 0.0)[1], pearson)

# %% [markdown]
# ## Task slopes (1 point): saturating against not
#
# From a discriminator's logits of generated data, (n,), give the generator's saturating loss E
# log(1 − D), its non-saturating loss −E log D, and for each the derivative of a *single* datum's
# loss by its logit, (n,): four results, finite at logits of ±500.

# %%
def generator_losses(logits: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Saturating loss, non-saturating loss, and the slopes of both."""
    raise NotImplementedError("this is yours to write")

# %%
if __name__ == "__main__":
    import pushforward as pf

    logits = torch.tensor([-3.0, 0.0, 2.0])
    print(generator_losses(logits)[2:], pf.theory.vanishing_gradients.slopes(logits))

# %% [markdown]
# ## Task line (2 points): a GAN on a line
#
# Train a GAN on points of a line, float32 (n, 1), with the non-saturating loss.
# `generate_line(model, z)` turns noise, (n, 8), into points (n, 1). W1 between samples and
# held-out data must be below **0.3**, within 5 minutes.

# %%
# What else you need goes here.


def fit_line(x: Tensor, seed: int) -> nn.Module:
    """A generator trained against a discriminator."""
    raise NotImplementedError("this is yours to write")


def generate_line(model: nn.Module, z: Tensor) -> Tensor:
    """Points (n, 1) of noise (n, 8)."""
    raise NotImplementedError("this is yours to write")

# %%
if __name__ == "__main__":
    import pushforward as pf

    data = pf.data.tensors(torch.randn(4_000, 1))
    gan = pf.fit(pf.GAN(data.space, latent=8), data, pf.Recipe(steps=200))
    print(pf.metrics.energy_distance(gan.sample(1_000), data.test.tensors[0]))

# %% [markdown]
# ## Task penalty (1 point): the gradient penalty by hand
#
# The critic is f(x) = w · tanh(x Vᵀ + b), with x (n, d), V (h, d), b and w (h,). Give E (|∇f(u)|
# − 1)² at u = mix real + (1 − mix) fake, `mix` (n, 1).

# %%
def gradient_penalty(
    v: Tensor, b: Tensor, w: Tensor, real: Tensor, fake: Tensor, mix: Tensor
) -> Tensor:
    """The mean of (|grad f| - 1)^2 between real and fake data."""
    raise NotImplementedError("this is yours to write")

# %%
if __name__ == "__main__":
    from pushforward.objectives.adversarial import gradient_norm

    v, b, w, x = torch.randn(5, 2), torch.randn(5), torch.randn(5), torch.randn(6, 2)
    slopes = gradient_norm(lambda u: torch.tanh(u @ v.T + b) @ w, x)
    print(gradient_penalty(v, b, w, x, x, x[:, :1]), ((slopes - 1) ** 2).mean())

# %% [markdown]
# ## Task ring (2 points): WGAN by clipping and by a penalty
#
# `fit_ring(x, how, seed)` trains a WGAN on eight Gaussians on a circle, float32 (n, 2), whose
# weights are clipped for `how == "clip"` and which has the gradient penalty for "penalty". The
# energy distance to held-out data must be below **0.1** and **0.05**, within 5 minutes each.

# %%
def fit_ring(x: Tensor, how: str, seed: int) -> nn.Module:
    """A generator trained against a critic."""
    raise NotImplementedError("this is yours to write")


def generate_ring(model: nn.Module, z: Tensor) -> Tensor:
    """Points (n, 2) of noise (n, 8)."""
    raise NotImplementedError("this is yours to write")

# %%
if __name__ == "__main__":
    import pushforward as pf

    data = pf.data.gaussians8()
    gan = pf.fit(pf.WGANGP(data.space, latent=8, penalty=1.0), data, pf.Recipe(steps=200))
    print(pf.metrics.energy_distance(gan.sample(1_000), data.test.tensors[0]))

# %% [markdown]
# ## Task colours (4 points): a WGAN-GP on colour images
#
# Train a WGAN-GP on colour images, float32 (n, 3, h, w), of mean 0 and scale 1.
# `generate_image(model, z)` gives images of noise (n, 8). In the first 16 principal components of
# held-out images, the Frechet distance must be below **0.2** of that of the mean image (sprites
# of 8x8), within 5 minutes. Full: CIFAR-10, below **0.35**.

# %%
def fit_colours(x: Tensor, seed: int) -> nn.Module:
    """A generator of colour images."""
    raise NotImplementedError("this is yours to write")


def generate_image(model: nn.Module, z: Tensor) -> Tensor:
    """Images (n, 3, h, w) of noise (n, 8)."""
    raise NotImplementedError("this is yours to write")

# %%
if __name__ == "__main__":
    import pushforward as pf

    data = pf.data.sprites(size=8, scales=3, orientations=8, colours=7)
    gan = pf.fit(pf.WGANGP(data.space, latent=8), data, pf.Recipe(steps=50))
    print(gan.sample(16).shape)
