"""Homework 3: determinants, a VAE of colour images, RealNVP."""

# %% [markdown]
# # Homework 3: determinants, a VAE of colour images, RealNVP
#
# <!-- pushforward-course homework hw3 -->
#
# 13 points, lectures 3 to 5. Write plain torch where it says so: the grader has torch and NumPy,
# and not the library. What only looks at results belongs under `if __name__ == "__main__":`.

# %% tags=["install"]
# !pip install pushforward

# %%
import torch
from torch import Tensor, nn

# %% tags=["hidden"]
import numpy as np

from pushforward_course.practice.adversaries import PlaneFlow
from pushforward_course.practice.judges import Close
from pushforward_course.practice.tasks import Homework
from pushforward_course.practice.trainings import ColourVAE

homework = Homework("hw3", "Determinants, a VAE of colour images, RealNVP", (3, 4, 5))

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
    # BEGIN SOLUTION
    slope = 1 - torch.tanh(z @ b.T + bias) ** 2
    small = torch.eye(len(b), dtype=z.dtype) + slope[:, :, None] * (b @ a)
    return torch.linalg.slogdet(small).logabsdet
    # END SOLUTION


# %% [markdown]
# **Answer to sylvester**
#
# Take the block matrix [[I_m, −B], [A, I_d]]. Eliminating its lower left block gives det(I_m)
# det(I_d + A B); eliminating its upper right block gives det(I_d) det(I_m + B A). Both are its
# determinant. An m x m determinant costs m³ rather than d³, beside d m² for B A. Here df/dz = I +
# A diag(h′) B, so the small one is I_m + diag(h′) B A.


# %% tags=["hidden"]
@homework.task(
    "sylvester",
    2,
    Close(1e-7, 1e-9),
    "sylvester_log_det",
    title="Sylvester's identity",
    written=8,
    hints=("The Jacobian is I + A diag(h′(B z + b)) B. Which two factors would you exchange?",),
)
def sylvester_inputs(draw):
    """Wide and narrow ones."""
    for d, m in ((6, 2), (3, 5), (4, 1)):
        shapes = ((5, d), (d, m), (m, d), (m,))
        yield tuple(draw.standard_normal(shape) for shape in shapes)


# %% [markdown]
# ## Task triangular (1 point): the same with a QR form
#
# With A = Q R and B = S Qᵀ, Q (d, m) of orthonormal columns and R, S (m, m) upper triangular, log
# |det| needs no determinant at all. Give it, (n,), from the diagonals of R and S. What does it
# cost?


# %%
def triangular_log_det(z: Tensor, q: Tensor, r: Tensor, s: Tensor, bias: Tensor) -> Tensor:
    """log |det| of z + q r tanh(s q^T z + bias)."""
    # BEGIN SOLUTION
    slope = 1 - torch.tanh(z @ q @ s.T + bias) ** 2
    return (1 + slope * r.diagonal() * s.diagonal()).abs().log().sum(1)
    # END SOLUTION


# %% tags=["hidden"]
@homework.task(
    "triangular",
    1,
    Close(1e-7, 1e-9),
    "triangular_log_det",
    title="The QR form",
    hints=(
        "A product of upper triangular matrices is one; its diagonal is the diagonals' product.",
    ),
)
def triangular_inputs(draw):
    """Orthonormal columns, and triangles with diagonals of both signs."""
    for d, m in ((6, 2), (5, 5), (4, 3)):
        q, _ = np.linalg.qr(draw.standard_normal((d, m)))
        r, s = (np.triu(draw.standard_normal((m, m))) for _ in range(2))
        yield draw.standard_normal((5, d)), q, r, s, draw.standard_normal(m)


# %% tags=["library"]
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
    # BEGIN SOLUTION
    error = 0.5 * ((x - x_mean) ** 2).flatten(1).sum(1).mean()
    kl = (0.5 * (mean**2 + (2 * log_std).exp() - 1) - log_std).sum(1).mean()
    d, two = x[0].numel(), torch.tensor(2.0, dtype=x.dtype)
    constant = 0.5 * d * torch.log(two * torch.pi)
    return error, kl, (error + kl + constant) / (d * two.log())
    # END SOLUTION


# %% tags=["hidden"]
@homework.task(
    "loss",
    2,
    Close(1e-6),
    "unit_variance_loss",
    title="The loss of a decoder of unit variance",
    hints=("Sum over all but the batch first; the constant is ½ log 2π for each dimension.",),
)
def loss_inputs(draw):
    """Two sizes."""
    for side, k in ((4, 3), (2, 8)):
        shapes = ((5, 3, side, side), (5, 3, side, side), (5, k), (5, k))
        yield tuple(draw.standard_normal(shape) for shape in shapes)


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
# BEGIN SOLUTION
class ColourVAE_(nn.Module):
    """Dense networks on flat images."""

    def __init__(self, shape: tuple[int, ...], latent: int = 24):
        super().__init__()
        self.shape, d = shape, int(torch.tensor(shape).prod())
        self.encoder = nn.Sequential(nn.Linear(d, 256), nn.ReLU(), nn.Linear(256, 2 * latent))
        self.decoder = nn.Sequential(nn.Linear(latent, 256), nn.ReLU(), nn.Linear(256, d))


# END SOLUTION
def fit_colour_vae(x: Tensor, seed: int) -> nn.Module:
    """A VAE trained on colour images."""
    # BEGIN SOLUTION
    torch.manual_seed(seed)
    model = ColourVAE_(tuple(x.shape[1:]))
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 2_000)
    for _ in range(2_000):
        batch = x[torch.randint(len(x), (128,))].flatten(1)
        mean, log_std = model.encoder(batch).chunk(2, 1)
        image = model.decoder(mean + log_std.exp() * torch.randn_like(mean))
        error, kl, _ = unit_variance_loss(batch, image, mean, log_std)
        optimizer.zero_grad()
        (error + kl).backward()
        optimizer.step()
        schedule.step()
    return model
    # END SOLUTION


def encode_image(model: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log standard deviation of q(z | x)."""
    # BEGIN SOLUTION
    with torch.no_grad():
        mean, log_std = model.encoder(x.flatten(1)).chunk(2, 1)
    return mean, log_std
    # END SOLUTION


def decode_image(model: nn.Module, z: Tensor) -> Tensor:
    """The mean of p(x | z), (n, 3, h, w)."""
    # BEGIN SOLUTION
    with torch.no_grad():
        return model.decoder(z).reshape(-1, *model.shape)
    # END SOLUTION


# %% tags=["hidden"]
homework.add(
    "colour",
    3,
    ColourVAE(34.0, 400.0),
    "fit_colour_vae",
    "encode_image",
    "decode_image",
    title="A VAE of colour images",
    hints=("Sum errors over pixels: a mean over pixels weighs the KL hundreds of times too much.",),
)

# %% tags=["library"]
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
    # BEGIN SOLUTION
    kept, moved = x.chunk(2, 1)
    s = torch.tanh(kept @ w)
    return torch.cat([kept, moved * s.exp() + kept @ v], 1), s.sum(1)
    # END SOLUTION


def uncouple(y: Tensor, w: Tensor, v: Tensor) -> Tensor:
    """x of `couple`'s y."""
    # BEGIN SOLUTION
    kept, moved = y.chunk(2, 1)
    return torch.cat([kept, (moved - kept @ v) * torch.exp(-torch.tanh(kept @ w))], 1)
    # END SOLUTION


# %% tags=["hidden"]
def coupling_inputs(draw):
    """Points and weights."""
    for d in (2, 4, 6):
        shapes = ((5, d), (d // 2, d // 2), (d // 2, d // 2))
        yield tuple(draw.standard_normal(shape) for shape in shapes)


HINT = ("The kept half is the same in x and y, so s and t can be computed from either.",)
homework.task("couple", 1, Close(1e-7), "couple", title="A coupling", hints=HINT)(coupling_inputs)
homework.task("uncouple", 1, Close(1e-7), "uncouple", title="Its inverse", hints=HINT)(
    coupling_inputs
)

# %% tags=["library"]
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
# BEGIN SOLUTION
class Coupling(nn.Module):
    """Maps one coordinate given the other."""

    def __init__(self, kept: int):
        super().__init__()
        self.kept = kept
        self.net = nn.Sequential(
            nn.Linear(1, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 2)
        )

    def parameters_of(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """s and t, (n,), from the coordinate that is kept."""
        s, t = self.net(x[:, self.kept, None]).unbind(1)
        return 2 * torch.tanh(s / 2), t


# END SOLUTION
def fit_flow(x: Tensor, seed: int) -> nn.Module:
    """A flow trained on points of the plane."""
    # BEGIN SOLUTION
    torch.manual_seed(seed)
    model = nn.ModuleList(Coupling(n % 2) for n in range(8))
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 1_500)
    for _ in range(1_500):
        z, log_det = moved(model, x[torch.randint(len(x), (256,))])
        optimizer.zero_grad()
        (0.5 * (z**2).sum(1) - log_det).mean().backward()
        optimizer.step()
        schedule.step()
    return model
    # END SOLUTION


# BEGIN SOLUTION
def moved(model: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """z and log |det|, with gradients."""
    total = torch.zeros(len(x))
    for layer in model:
        s, t = layer.parameters_of(x)
        other = x[:, 1 - layer.kept] * s.exp() + t
        pair = [x[:, 0], other] if layer.kept == 0 else [other, x[:, 1]]
        x, total = torch.stack(pair, 1), total + s
    return x, total


# END SOLUTION
def flow_forward(model: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """z (n, 2) and log |det dz/dx| (n,)."""
    # BEGIN SOLUTION
    with torch.no_grad():
        return moved(model, x)
    # END SOLUTION


def flow_inverse(model: nn.Module, z: Tensor) -> Tensor:
    """x of z."""
    # BEGIN SOLUTION
    with torch.no_grad():
        for layer in reversed(model):
            s, t = layer.parameters_of(z)
            other = (z[:, 1 - layer.kept] - t) * torch.exp(-s)
            pair = [z[:, 0], other] if layer.kept == 0 else [other, z[:, 1]]
            z = torch.stack(pair, 1)
    return z
    # END SOLUTION


# %% tags=["hidden"]
homework.add(
    "moons",
    3,
    PlaneFlow(1.3),
    "fit_flow",
    "flow_forward",
    "flow_inverse",
    title="RealNVP on two moons",
    hints=("Bound s by a tanh. Let the coordinate that is kept change from layer to layer.",),
)

# %% tags=["library"]
if __name__ == "__main__":
    import pushforward as pf

    data = pf.data.moons()
    flow = pf.fit(pf.VectorRealNVP(2), data, pf.Recipe(steps=300))
    print(pf.metrics.nats(flow, data.test).value, "nats")
