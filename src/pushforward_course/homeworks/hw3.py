# %%
# !pip install pushforward

# %% [markdown]
# # Homework 3: determinants, a VAE of colour images, RealNVP
#
# <!-- pushforward-course homework hw3 -->
#
# 13 points, lectures 3 to 5. Write plain torch where it says so: the grader has torch and NumPy,
# and not the library. What only looks at results belongs under `if __name__ == "__main__":`.

# %%
import torch
from torch import Tensor, nn

# %% [markdown]
# ## Task sylvester (2 points): a large determinant that is a small one
#
# Show det(I_d + A B) = det(I_m + B A) for A (d, m) and B (m, d), and what it saves. Then write
# log |det| of the Jacobian of
#
# f(z) = z + A h(B z + b), h = tanh,
#
# at points z, float64 (n, d), by determinants of m x m matrices alone: (n,).

# %%
def sylvester_log_det(z: Tensor, a: Tensor, b: Tensor, bias: Tensor) -> Tensor:
    """log |det df/dz| of z + a tanh(b z + bias), with a (d, m), b (m, d), bias (m,)."""
    raise NotImplementedError("this is yours to write")

# %% [markdown]
# **Answer to sylvester**
#
# *write here*

# %% [markdown]
# ## Task triangular (1 point): the same with a QR form
#
# With A = Q R and B = S Qᵀ, Q (d, m) of orthonormal columns and R, S (m, m) upper triangular, log
# |det| needs no determinant at all. Give it, (n,), from the diagonals of R and S. What does it
# cost?

# %%
def triangular_log_det(z: Tensor, q: Tensor, r: Tensor, s: Tensor, bias: Tensor) -> Tensor:
    """log |det| of z + q r tanh(s q^T z + bias)."""
    raise NotImplementedError("this is yours to write")

# %%
if __name__ == "__main__":
    import pushforward as pf

    x, log_q = pf.SylvesterFlow(features=4, steps=1, rank=2).rsample_and_log_prob(3)
    print(x, log_q)

# %% [markdown]
# ## Task loss (2 points): what a decoder of unit variance minimises
#
# x is (n, 3, h, w), `x_mean` the decoder's image, `mean` and `log_std` (n, k) describe q(z|x),
# and p(z) = N(0, I). Give three results, all scalars and means over the batch: half the squared
# error *summed over pixels and channels*, the KL, and the negative ELBO in bits a dimension (of 3
# h w), the constant of the Gaussian included.

# %%
def unit_variance_loss(
    x: Tensor, x_mean: Tensor, mean: Tensor, log_std: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Half the squared error, KL, and -ELBO in bits a dimension."""
    raise NotImplementedError("this is yours to write")

# %% [markdown]
# ## Task colour (3 points): a VAE of colour images
#
# Train a VAE whose decoder gives the mean of a Gaussian of unit variance. Images are float32 (n,
# 3, h, w), of mean 0 and scale 1. `encode_image` gives mean and log standard deviation of q(z|x),
# (n, k) each; `decode_image(model, z)` an image. The grader draws z, and asks your decoder in
# another process than your encoder.
#
# CPU: sprites of 8x8: half the squared error + KL below **34** nats, within 5 minutes. Full:
# CIFAR-10, below **400**.

# %%
# What else you need goes here.


def fit_colour_vae(x: Tensor, seed: int) -> nn.Module:
    """A VAE trained on colour images."""
    raise NotImplementedError("this is yours to write")


def encode_image(model: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log standard deviation of q(z | x)."""
    raise NotImplementedError("this is yours to write")


def decode_image(model: nn.Module, z: Tensor) -> Tensor:
    """The mean of p(x | z), (n, 3, h, w)."""
    raise NotImplementedError("this is yours to write")

# %%
if __name__ == "__main__":
    import pushforward as pf

    data = pf.data.sprites(size=8, scales=3, orientations=8, colours=7)
    vae = pf.fit(pf.VAE(data.space, latent=24), data, pf.Recipe(steps=200))
    print(pf.metrics.elbo_surgery(vae, data.test.first(500)))

# %% [markdown]
# ## Task coupling (2 points): an affine coupling and its inverse
#
# A coupling keeps the first half of x and maps the second: y₂ = x₂ exp(s(x₁)) + t(x₁), with s(x₁)
# = tanh(x₁ W) and t(x₁) = x₁ V. Give y and log |det|, (n, d) and (n,); and from y again x.

# %%
def couple(x: Tensor, w: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """y and log |det dy/dx| of an affine coupling; w and v are (d / 2, d / 2)."""
    raise NotImplementedError("this is yours to write")


def uncouple(y: Tensor, w: Tensor, v: Tensor) -> Tensor:
    """x of `couple`'s y."""
    raise NotImplementedError("this is yours to write")

# %%
if __name__ == "__main__":
    import pushforward as pf

    flow, x = pf.VectorRealNVP(4), torch.randn(5, 4)
    print(flow.push(flow.noise(x)) - x)

# %% [markdown]
# ## Task moons (3 points): RealNVP on two moons
#
# Train a flow of couplings on points of the plane, float32 (n, 2). `flow_forward(model, x)` gives
# z and log |det dz/dx|, `flow_inverse(model, z)` gives x back. The grader integrates your density
# over the plane, inverts it, and asks for less than **1.3** nats on held-out points, within 5
# minutes.

# %%
# What else you need goes here.


def fit_flow(x: Tensor, seed: int) -> nn.Module:
    """A flow trained on points of the plane."""
    raise NotImplementedError("this is yours to write")


# What else you need goes here.


def flow_forward(model: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """z (n, 2) and log |det dz/dx| (n,)."""
    raise NotImplementedError("this is yours to write")


def flow_inverse(model: nn.Module, z: Tensor) -> Tensor:
    """x of z."""
    raise NotImplementedError("this is yours to write")

# %%
if __name__ == "__main__":
    import pushforward as pf

    data = pf.data.moons()
    flow = pf.fit(pf.VectorRealNVP(2), data, pf.Recipe(steps=300))
    print(pf.metrics.nats(flow, data.test).value, "nats")
