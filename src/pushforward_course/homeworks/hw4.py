# %%
# !pip install pushforward

# %% [markdown]
# # Homework 4: surgery, learned priors, free bits
#
# <!-- pushforward-course homework hw4 -->
#
# 13 points, lectures 6 and 7. Write plain torch where it says so: the grader has torch and NumPy,
# and not the library. What only looks at results belongs under `if __name__ == "__main__":`.

# %%
import torch
from torch import Tensor, nn
from torch.nn import functional as F

# %% [markdown]
# ## Task surgery (2 points): mutual information inside the KL
#
# On a finite set x₁ .. x_N let q(z) = 1/N Σ q(z|x_n). Show that the mean KL splits,
#
# 1/N Σ KL(q(z|x_n) ‖ p(z)) = I(x; z) + KL(q(z) ‖ p(z)),
#
# and what prior is therefore the best. Then estimate both terms from one draw z_n of each
# q(z|x_n) = N(mean_n, exp(log_std_n)²), with p(z) = N(0, I): all are float64 (N, k), and the two
# results are scalars in nats.

# %%
def surgery(mean: Tensor, log_std: Tensor, z: Tensor) -> tuple[Tensor, Tensor]:
    """Estimates of I(x; z) and of KL(q(z) || N(0, I)); z[n] was drawn from q(z | x_n)."""
    raise NotImplementedError("this is yours to write")

# %% [markdown]
# **Answer to surgery**
#
# *write here*

# %% [markdown]
# ## Task information (1 point): the same without noise
#
# For a code of K values, `q` holds q(z|x_n) in rows, (N, K), and `prior` p(z), (K,). Give I(x; z)
# and KL(q(z) ‖ p(z)) exactly. Probabilities in q may be 0.

# %%
def information(q: Tensor, prior: Tensor) -> tuple[Tensor, Tensor]:
    """I(x; z) and KL(q(z) || p(z)) in nats, x uniform over the rows."""
    raise NotImplementedError("this is yours to write")

# %%
if __name__ == "__main__":
    from pushforward.objectives.f_divergences import KL

    q = torch.tensor([[0.7, 0.3], [0.1, 0.9]])
    kl = KL.discrete((q / 2).flatten(), (q.mean(0) / 2).repeat(2))
    print(information(q, torch.tensor([0.5, 0.5]))[0], kl)

# %%
if __name__ == "__main__":
    import pushforward as pf

    vae = pf.VAE(pf.Reals((2,)), latent=2)
    print(pf.metrics.elbo_surgery(vae, pf.data.tensors(torch.randn(500, 2)).train))

# %% [markdown]
# ## Task maf (2 points): the density of an autoregressive flow
#
# One masked layer maps z to noise u: u_i = (z_i − m_i) exp(−s_i), where m = A z and s = tanh(B
# z), of which only the weights of *earlier* coordinates may count (strictly below the diagonal).
# `a` and `b` come as full matrices: mask them. Give u, (n, d), and log p(z), (n,), for u ~ N(0,
# I).

# %%
def maf(z: Tensor, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """The noise and log p(z) of one affine autoregressive layer, z (n, d), a and b (d, d)."""
    raise NotImplementedError("this is yours to write")

# %% [markdown]
# ## Task prior (3 points): a VAE of colour images with a flow for its prior
#
# As in homework 3, but log p(z) is an autoregressive flow's that is trained along: `prior(model,
# z)` gives the noise and log |det dnoise/dz|, which the grader compares with finite differences.
# Half the squared error + E log q(z|x) − log p(z):
#
# CPU: sprites of 8x8, below **28** nats, within 5 minutes. Full: CIFAR-10, below **380**.

# %%
# What else you need goes here.


def fit_flow_vae(x: Tensor, seed: int) -> nn.Module:
    """A VAE with a flow prior, trained on colour images."""
    raise NotImplementedError("this is yours to write")


def encode_flow(model: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log standard deviation of q(z | x)."""
    raise NotImplementedError("this is yours to write")


def decode_flow(model: nn.Module, z: Tensor) -> Tensor:
    """The mean of p(x | z), (n, 3, h, w)."""
    raise NotImplementedError("this is yours to write")


def prior(model: nn.Module, z: Tensor) -> tuple[Tensor, Tensor]:
    """The noise of z, (n, k), and log |det dnoise/dz|, (n,)."""
    raise NotImplementedError("this is yours to write")

# %%
if __name__ == "__main__":
    import pushforward as pf

    data = pf.data.sprites(size=8, scales=3, orientations=8, colours=7)
    vae = pf.VAE(data.space, latent=16, prior=pf.MAF(16, couplings=2, width=96))
    vae = pf.fit(vae, data, pf.Recipe(steps=200))
    print(pf.metrics.elbo_surgery(vae, data.test.first(500)))

# %% [markdown]
# ## Task bits (2 points): free bits
#
# Free bits count the KL of each latent dimension, *averaged over the batch first*, as at least
# `floor` nats: the sum over dimensions of max(mean KL, floor). From mean and log standard
# deviation of q, (n, k), and p = N(0, I), give the scalar, and the mean KL itself.

# %%
def free_bits(mean: Tensor, log_std: Tensor, floor: float) -> tuple[Tensor, Tensor]:
    """The KL with free bits, and the KL without, both summed over dimensions."""
    raise NotImplementedError("this is yours to write")

# %% [markdown]
# ## Task pixels (3 points): an autoregressive decoder that does not forget its code
#
# A VAE of black and white digits, uint8 (n, h, w), whose decoder sees the pixels before the one
# it draws. Left alone it ignores z. With free bits its KL must stay above **5** nats, and the
# bound must be good. `pixel_logits(model, z, images)` gives the logit of each pixel given z and
# the pixels before it; the grader replaces a pixel and all after it by noise.
#
# CPU: digits of 8x8, below **0.34** nats a pixel, within 5 minutes. Full: MNIST above 127, below
# **0.2**.

# %%
# What else you need goes here.


def fit_pixel_vae(images: Tensor, seed: int) -> nn.Module:
    """A VAE with an autoregressive decoder, trained with free bits."""
    raise NotImplementedError("this is yours to write")


def encode_pixels(model: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log standard deviation of q(z | x)."""
    raise NotImplementedError("this is yours to write")


def pixel_logits(model: nn.Module, z: Tensor, images: Tensor) -> Tensor:
    """The logit of each pixel being 1 given z and the pixels before it."""
    raise NotImplementedError("this is yours to write")

# %%
if __name__ == "__main__":
    import pushforward as pf
    from pushforward.objectives.variational import ELBO

    data = pf.data.digits(levels=2)
    decoder = pf.AutoregressiveDecoder(pf.MADE(data.space, width=256, context=8))
    vae = pf.VAE(data.space, decoder, objective=ELBO(free_bits=0.8), latent=8)
    vae = pf.fit(vae, data, pf.Recipe(steps=300))
    print(pf.metrics.elbo_surgery(vae, data.test))
