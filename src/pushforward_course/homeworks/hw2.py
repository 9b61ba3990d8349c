# %%
# !pip install pushforward

# %% [markdown]
# # Homework 2: PixelCNN and the first VAE
#
# <!-- pushforward-course homework hw2 -->
#
# 13 points, lectures 2 and 3. Write plain torch where it says so: the grader has torch and NumPy,
# and not the library. What only looks at results belongs under `if __name__ == "__main__":`.

# %%
import torch
from torch import Tensor, nn
from torch.nn import functional as F

# %% [markdown]
# ## Task score (3 points): two gradients of one expectation
#
# J(μ, log σ) = E f(z), z ~ N(μ, σ²). Derive ∇J by the log-derivative trick and by z = μ + σ ε.
# Then write both as functions of given draws `noise` ε, (n,):
#
# - `score_gradient` uses `values` f(μ + σ ε), (n,), less a baseline: for each draw the mean of
# the *other* draws' values;
# - `path_gradient` uses `slopes` f′(μ + σ ε), (n,).
#
# Both give (2,): the means over draws of the gradients by μ and by log σ.

# %%
def score_gradient(log_sigma: float, noise: Tensor, values: Tensor) -> Tensor:
    """The gradient by (mu, log sigma) through log q alone, with the others' mean as baseline."""
    raise NotImplementedError("this is yours to write")


def path_gradient(log_sigma: float, noise: Tensor, slopes: Tensor) -> Tensor:
    """The gradient by (mu, log sigma) through the draws."""
    raise NotImplementedError("this is yours to write")

# %% [markdown]
# **Answer to score**
#
# *write here*

# %%
if __name__ == "__main__":
    import pushforward as pf
    from pushforward.theory import gradient_estimators as estimators

    phi = torch.tensor([0.3, -0.2])  # the mean and log sigma of z; J = mu^2 + sigma^2
    each = estimators.reparametrised(estimators.normal, phi, lambda z: z.squeeze(-1) ** 2, 100_000)
    noise = torch.randn(100_000)
    slopes = 2 * (phi[0] + phi[1].exp() * noise)
    print(path_gradient(float(phi[1]), noise, slopes), each.mean(0))

# %% [markdown]
# ## Task receptive (2 points): receptive fields by gradient
#
# A PixelCNN begins with a convolution of mask A (a pixel sees those above, and left of it in its
# row) and goes on with mask B (itself as well), all of `kernel` x `kernel`, zero padding. Give
# the 0/1 map, float64 (size, size), of pixels that the output at the centre (size // 2, size //
# 2) depends on after `layers` convolutions, the first among them. Look at 1, 3, 5 and 6 layers:
# the blind spot to the right stays.

# %%
def receptive_field(layers: int, kernel: int, size: int) -> Tensor:
    """Which pixels the centre's output sees, by the gradient through masked convolutions."""
    raise NotImplementedError("this is yours to write")

# %%
if __name__ == "__main__":
    import pushforward as pf

    model = pf.PixelCNN(pf.Pixels(1, 9, 9, 2), width=8, layers=3, first=3, residual=False)
    print(receptive_field(3, 3, 9), model)

# %% [markdown]
# ## Task pixelcnn (3 points): a PixelCNN on black and white digits
#
# As in homework 1, `fit_pixelcnn` trains on uint8 images of 0 and 1, (n, height, width), and
# `pixelcnn_logits` gives the logit of each pixel given those before it in raster order.
#
# CPU: digits of 8x8, below **0.34** nats a pixel, within 5 minutes. Full: MNIST above 127, below
# **0.11**.

# %%
# What else you need goes here.


def fit_pixelcnn(images: Tensor, seed: int) -> nn.Module:
    """A PixelCNN trained on black and white images."""
    raise NotImplementedError("this is yours to write")


def pixelcnn_logits(model: nn.Module, images: Tensor) -> Tensor:
    """The logit of each pixel being 1 given the pixels before it."""
    raise NotImplementedError("this is yours to write")

# %%
if __name__ == "__main__":
    import pushforward as pf

    data = pf.data.digits(levels=2)
    model = pf.fit(pf.PixelCNN(data.space, width=32, layers=4), data, pf.Recipe(steps=300))
    print(pf.metrics.nats(model, data.test).value / 64, "nats a pixel")

# %% [markdown]
# ## Task elbo (2 points): the ELBO of a Gaussian VAE
#
# q(z|x) = N(mean, diag exp(2 log_std)), p(z) = N(0, I), p(x|z) = N(x_mean, diag exp(2
# x_log_std)). `mean` and `log_std` are (n, k), the others (n, d). Give two results, both (n,):
# log p(x|z) of the one draw that was decoded, and KL(q ‖ p) in closed form.

# %%
def elbo_terms(
    x: Tensor, mean: Tensor, log_std: Tensor, x_mean: Tensor, x_log_std: Tensor
) -> tuple[Tensor, Tensor]:
    """log p(x | z) and KL(q || p) of each datum, in nats."""
    raise NotImplementedError("this is yours to write")

# %%
if __name__ == "__main__":
    import pushforward as pf

    mean, log_std, zero = torch.randn(4, 2), torch.randn(4, 2), torch.zeros(4, 2)
    kl = pf.objectives.kl_diagonal(mean, log_std.exp(), zero, zero + 1)
    print(elbo_terms(zero, mean, log_std, zero, zero)[1], kl)

# %% [markdown]
# ## Task plane (3 points): a VAE on two Gaussians, and where its code collapses
#
# Train a VAE with diagonal Gaussians for encoder and decoder on points of the plane, (n, 2). The
# grader does so twice: on a Gaussian without correlation, where the best code carries nothing (KL
# 0), and with correlation 0.9, where the decoder needs it. `encode(model, x)` gives mean and log
# standard deviation of q(z|x), `decode(model, z)` those of p(x|z). The grader draws z and
# computes the bound by itself: it must come within **0.12** nats of the true log-likelihood.

# %%
# What else you need goes here.


def fit_vae(x: Tensor, seed: int) -> nn.Module:
    """A VAE trained on points of the plane."""
    raise NotImplementedError("this is yours to write")


def encode(model: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log standard deviation of q(z | x), each (n, k)."""
    raise NotImplementedError("this is yours to write")


def decode(model: nn.Module, z: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log standard deviation of p(x | z), each (n, 2)."""
    raise NotImplementedError("this is yours to write")

# %%
if __name__ == "__main__":
    import pushforward as pf

    data = pf.data.tensors(torch.randn(4_000, 2))
    vae = pf.fit(pf.VAE(data.space, latent=2), data, pf.Recipe(steps=300))
    print(pf.metrics.elbo_surgery(vae, data.test))
