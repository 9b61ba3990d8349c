"""Homework 4: what a VAE's rate is spent on, learned priors, decoders that need no code."""

# %% [markdown]
# # Homework 4: surgery, learned priors, free bits
#
# <!-- pushforward-course homework hw4 -->
#
# 13 points, lectures 6 and 7. Write plain torch where it says so: the grader has torch and NumPy,
# and not the library. What only looks at results belongs under `if __name__ == "__main__":`.

# %% tags=["install"]
# !pip install pushforward

# %%
import torch
from torch import Tensor, nn
from torch.nn import functional as F

# %% tags=["hidden"]
import numpy as np

from pushforward_course.practice.judges import Close
from pushforward_course.practice.tasks import Homework
from pushforward_course.practice.trainings import ColourVAE, PixelVAE

homework = Homework("hw4", "Surgery, learned priors, free bits", (6, 7))

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
    # BEGIN SOLUTION
    posterior = torch.distributions.Normal(mean, log_std.exp())
    each = posterior.log_prob(z[:, None]).sum(2)  # (draw, datum)
    n = torch.tensor(float(len(z)), dtype=z.dtype)
    aggregated = torch.logsumexp(each, 1) - n.log()
    prior = torch.distributions.Normal(0.0, 1.0).log_prob(z).sum(1)
    return (each.diagonal() - aggregated).mean(), (aggregated - prior).mean()
    # END SOLUTION


# %% [markdown]
# **Answer to surgery**
#
# log q(z|x)/p(z) = log q(z|x)/q(z) + log q(z)/p(z). Under q(z|x_n), averaged over n, the first
# term is the mutual information of the pair (x, z) with x uniform on the set. The second depends
# on z alone, whose law is q(z), so its mean is KL(q(z) ‖ p(z)). Only that one holds the prior and
# it is 0 exactly for p(z) = q(z): the aggregated posterior is the best prior.


# %% tags=["hidden"]
@homework.task(
    "surgery",
    2,
    Close(1e-6, 1e-8),
    "surgery",
    title="ELBO surgery",
    written=8,
    hints=(
        "You need log q(z_i | x_n) for all pairs (i, n): broadcast z[:, None] against mean[None].",
        "log q(z_i) is a logsumexp over n, less log N.",
    ),
)
def surgery_inputs(draw):
    """Sets of several sizes, one of them with narrow posteriors."""
    for n, k, width in ((4, 1, 0.0), (12, 3, -1.0), (7, 2, -4.0)):
        mean = draw.standard_normal((n, k))
        log_std = width + 0.3 * draw.standard_normal((n, k))
        yield mean, log_std, mean + np.exp(log_std) * draw.standard_normal((n, k))


# %% [markdown]
# ## Task information (1 point): the same without noise
#
# For a code of K values, `q` holds q(z|x_n) in rows, (N, K), and `prior` p(z), (K,). Give I(x; z)
# and KL(q(z) ‖ p(z)) exactly. Probabilities in q may be 0.


# %%
def information(q: Tensor, prior: Tensor) -> tuple[Tensor, Tensor]:
    """I(x; z) and KL(q(z) || p(z)) in nats, x uniform over the rows."""
    # BEGIN SOLUTION
    marginal = q.mean(0)
    joint = torch.xlogy(q, q) - torch.xlogy(q, marginal)
    return joint.sum(1).mean(), (torch.xlogy(marginal, marginal) - marginal * prior.log()).sum()
    # END SOLUTION


# %% tags=["hidden"]
@homework.task(
    "information",
    1,
    Close(1e-7, 1e-9),
    "information",
    title="Mutual information of a code",
    hints=("torch.xlogy(p, p) is 0 where p is 0.",),
)
def information_inputs(draw):
    """Tables, some with zeros, one of a perfect code."""
    for n, k in ((4, 3), (6, 5)):
        yield draw.dirichlet([0.7] * k, n), draw.dirichlet([2.0] * k)
    zeros = draw.dirichlet([1.0] * 4, 3) * np.array([1, 1, 0, 0])
    yield zeros / zeros.sum(1, keepdims=True), draw.dirichlet([2.0] * 4)
    yield np.eye(4), draw.dirichlet([2.0] * 4)


# %% tags=["library"]
if __name__ == "__main__":
    from pushforward.objectives.f_divergences import KL

    q = torch.tensor([[0.7, 0.3], [0.1, 0.9]])
    kl = KL.discrete((q / 2).flatten(), (q.mean(0) / 2).repeat(2))
    print(information(q, torch.tensor([0.5, 0.5]))[0], kl)


# %% tags=["library"]
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
    # BEGIN SOLUTION
    m, s = z @ a.tril(-1).T, torch.tanh(z @ b.tril(-1).T)
    u = (z - m) * torch.exp(-s)
    return u, torch.distributions.Normal(0.0, 1.0).log_prob(u).sum(1) - s.sum(1)
    # END SOLUTION


# %% tags=["hidden"]
@homework.task(
    "maf",
    2,
    Close(1e-6),
    "maf",
    title="An autoregressive flow's density",
    hints=("The Jacobian du/dz is triangular, with exp(−s_i) on its diagonal.",),
)
def maf_inputs(draw):
    """Several widths."""
    for d in (1, 3, 6):
        yield (
            draw.standard_normal((5, d)),
            draw.standard_normal((d, d)),
            draw.standard_normal((d, d)),
        )


# %% [markdown]
# ## Task prior (3 points): a VAE of colour images with a flow for its prior
#
# As in homework 3, but log p(z) is an autoregressive flow's that is trained along: `prior(model,
# z)` gives the noise and log |det dnoise/dz|, which the grader compares with finite differences.
# Half the squared error + E log q(z|x) − log p(z):
#
# CPU: sprites of 8x8, below **28** nats, within 5 minutes. Full: CIFAR-10, below **380**.


# %%
# BEGIN SOLUTION
class Masked(nn.Linear):
    """A linear map of which a mask keeps some weights."""

    def __init__(self, mask: Tensor):
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer("mask", mask.float())

    def forward(self, x: Tensor) -> Tensor:
        """x (n, inputs) to (n, outputs)."""
        return F.linear(x, self.weight * self.mask, self.bias)


class Layer(nn.Module):
    """An affine autoregressive layer, in the order of the coordinates."""

    def __init__(self, d: int, width: int = 96):
        super().__init__()
        order, hidden = torch.arange(d), torch.arange(width) % (d - 1)
        last = (order[:, None] > hidden[None]).repeat(2, 1)
        self.net = nn.Sequential(Masked(hidden[:, None] >= order[None]), nn.ReLU(), Masked(last))

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The noise and log |det|."""
        m, s = self.net(z).chunk(2, 1)
        s = 2 * torch.tanh(s / 2)
        return (z - m) * torch.exp(-s), -s.sum(1)


class FlowVAE(nn.Module):
    """Dense networks on flat images, and two layers of a flow as prior."""

    def __init__(self, shape: tuple[int, ...], latent: int = 16):
        super().__init__()
        self.shape, d = shape, int(torch.tensor(shape).prod())
        self.encoder = nn.Sequential(nn.Linear(d, 256), nn.ReLU(), nn.Linear(256, 2 * latent))
        self.decoder = nn.Sequential(nn.Linear(latent, 256), nn.ReLU(), nn.Linear(256, d))
        self.layers = nn.ModuleList([Layer(latent), Layer(latent)])

    def noise(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The prior's noise and log |det|; the order turns between layers."""
        total = torch.zeros(len(z))
        for layer in self.layers:
            z, log_det = layer(z.flip(1))
            total = total + log_det
        return z, total


# END SOLUTION
def fit_flow_vae(x: Tensor, seed: int) -> nn.Module:
    """A VAE with a flow prior, trained on colour images."""
    # BEGIN SOLUTION
    torch.manual_seed(seed)
    model = FlowVAE(tuple(x.shape[1:]))
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 2_000)
    for _ in range(2_000):
        batch = x[torch.randint(len(x), (128,))].flatten(1)
        mean, log_std = model.encoder(batch).chunk(2, 1)
        q = torch.distributions.Normal(mean, log_std.exp())
        z = q.rsample()
        u, log_det = model.noise(z)
        log_p = torch.distributions.Normal(0.0, 1.0).log_prob(u).sum(1) + log_det
        error = 0.5 * ((batch - model.decoder(z)) ** 2).sum(1)
        optimizer.zero_grad()
        (error + q.log_prob(z).sum(1) - log_p).mean().backward()
        optimizer.step()
        schedule.step()
    return model
    # END SOLUTION


def encode_flow(model: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log standard deviation of q(z | x)."""
    # BEGIN SOLUTION
    with torch.no_grad():
        mean, log_std = model.encoder(x.flatten(1)).chunk(2, 1)
    return mean, log_std
    # END SOLUTION


def decode_flow(model: nn.Module, z: Tensor) -> Tensor:
    """The mean of p(x | z), (n, 3, h, w)."""
    # BEGIN SOLUTION
    with torch.no_grad():
        return model.decoder(z).reshape(-1, *model.shape)
    # END SOLUTION


def prior(model: nn.Module, z: Tensor) -> tuple[Tensor, Tensor]:
    """The noise of z, (n, k), and log |det dnoise/dz|, (n,)."""
    # BEGIN SOLUTION
    with torch.no_grad():
        return model.noise(z)
    # END SOLUTION


# %% tags=["hidden"]
homework.add(
    "prior",
    3,
    ColourVAE(28.0, 380.0, flow_prior=True),
    "fit_flow_vae",
    "encode_flow",
    "decode_flow",
    "prior",
    title="A flow for a prior",
    hints=(
        "Estimate the KL by log q(z|x) − log p(z) of the one draw; turn the order between layers.",
    ),
)

# %% tags=["library"]
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
    # BEGIN SOLUTION
    kl = (0.5 * (mean**2 + (2 * log_std).exp() - 1) - log_std).mean(0)
    return kl.clamp_min(floor).sum(), kl.sum()
    # END SOLUTION


# %% tags=["hidden"]
@homework.task(
    "bits",
    2,
    Close(1e-6),
    "free_bits",
    title="Free bits",
    hints=("mean over the batch, then the maximum, then the sum: the order matters.",),
)
def bits_inputs(draw):
    """Floors of which some dimensions are below and some above."""
    for n, k, floor in ((6, 3, 0.4), (5, 4, 0.9), (8, 2, 0.0)):
        scale = draw.uniform(0.1, 2, k)
        yield scale * draw.standard_normal((n, k)), 0.2 * draw.standard_normal((n, k)), floor


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
# BEGIN SOLUTION
class CodedMADE(nn.Module):
    """An encoder, and a MADE that is told z."""

    def __init__(self, d: int, latent: int = 8):
        super().__init__()
        order, hidden = torch.arange(d), torch.arange(4 * d) % d
        self.encoder = nn.Sequential(nn.Linear(d, 128), nn.ReLU(), nn.Linear(128, 2 * latent))
        self.first = Masked(hidden[:, None] > order[None])
        self.told, self.last = nn.Linear(latent, 4 * d), Masked(order[:, None] >= hidden[None])

    def forward(self, z: Tensor, x: Tensor) -> Tensor:
        """Logits (n, d)."""
        return self.last(F.relu(self.first(x) + self.told(z)))


# END SOLUTION
def fit_pixel_vae(images: Tensor, seed: int) -> nn.Module:
    """A VAE with an autoregressive decoder, trained with free bits."""
    # BEGIN SOLUTION
    torch.manual_seed(seed)
    x = images.flatten(1).float()
    model = CodedMADE(x.shape[1])
    optimizer = torch.optim.Adam(model.parameters(), 2e-3, weight_decay=1e-4)
    steps = 1_500 if x.shape[1] < 100 else 6_000
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        batch = x[torch.randint(len(x), (128,))]
        mean, log_std = model.encoder(batch).chunk(2, 1)
        logits = model(mean + log_std.exp() * torch.randn_like(mean), batch)
        error = F.binary_cross_entropy_with_logits(logits, batch, reduction="sum") / len(batch)
        optimizer.zero_grad()
        (error + free_bits(mean, log_std, 0.8)[0]).backward()
        optimizer.step()
        schedule.step()
    return model
    # END SOLUTION


def encode_pixels(model: nn.Module, images: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log standard deviation of q(z | x)."""
    # BEGIN SOLUTION
    with torch.no_grad():
        mean, log_std = model.encoder(images.flatten(1).float()).chunk(2, 1)
    return mean, log_std
    # END SOLUTION


def pixel_logits(model: nn.Module, z: Tensor, images: Tensor) -> Tensor:
    """The logit of each pixel being 1 given z and the pixels before it."""
    # BEGIN SOLUTION
    with torch.no_grad():
        return model(z, images.flatten(1).float()).reshape(images.shape)
    # END SOLUTION


# %% tags=["hidden"]
homework.add(
    "pixels",
    3,
    PixelVAE(0.34, 0.2, 5.0),
    "fit_pixel_vae",
    "encode_pixels",
    "pixel_logits",
    title="An autoregressive decoder with free bits",
    hints=("Choose the floor so that floor times dimensions is above what must be kept.",),
)

# %% tags=["library"]
if __name__ == "__main__":
    import pushforward as pf
    from pushforward.objectives.variational import ELBO

    data = pf.data.digits(levels=2)
    decoder = pf.AutoregressiveDecoder(pf.MADE(data.space, width=256, context=8))
    vae = pf.VAE(data.space, decoder, objective=ELBO(free_bits=0.8), latent=8)
    vae = pf.fit(vae, data, pf.Recipe(steps=300))
    print(pf.metrics.elbo_surgery(vae, data.test))
