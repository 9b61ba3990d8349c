"""Homework 2: PixelCNN and the first VAE."""

# %% [markdown]
# # Homework 2: PixelCNN and the first VAE
#
# <!-- pushforward-course homework hw2 -->
#
# 13 points, lectures 2 and 3. Write plain torch where it says so: the grader has torch and NumPy,
# and not the library. What only looks at results belongs under `if __name__ == "__main__":`.

# %% tags=["install"]
# !pip install pushforward

# %%
import torch
from torch import Tensor, nn
from torch.nn import functional as F

# %% tags=["hidden"]
from pushforward_course.practice.judges import Close
from pushforward_course.practice.tasks import Homework
from pushforward_course.practice.trainings import NextPixel, PlaneVAE

homework = Homework("hw2", "PixelCNN and the first VAE", (2, 3))

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
    # BEGIN SOLUTION
    n, sigma = len(noise), torch.tensor(log_sigma, dtype=noise.dtype).exp()
    centred = values - (values.sum() - values) / (n - 1)
    return torch.stack([(centred * noise / sigma).mean(), (centred * (noise**2 - 1)).mean()])
    # END SOLUTION


def path_gradient(log_sigma: float, noise: Tensor, slopes: Tensor) -> Tensor:
    """The gradient by (mu, log sigma) through the draws."""
    # BEGIN SOLUTION
    sigma = torch.tensor(log_sigma, dtype=noise.dtype).exp()
    return torch.stack([slopes.mean(), (slopes * sigma * noise).mean()])
    # END SOLUTION


# %% [markdown]
# **Answer to score**
#
# ∇ ∫ q f = ∫ f ∇q = E[f ∇ log q], and with z = μ + σ ε: ∂ log q / ∂μ = ε / σ, ∂ log q / ∂ log σ =
# ε² − 1. A baseline that does not depend on the draw changes nothing, because E ∇ log q = ∇ ∫ q =
# 0. Reparametrised, the expectation is over ε, so ∇ moves inside: f′(z) ∂z, with ∂z/∂μ = 1 and
# ∂z/∂ log σ = σ ε.


# %% tags=["hidden"]
@homework.task(
    "score",
    2,
    Close(1e-6),
    "score_gradient",
    title="The log-derivative trick",
    written=8,
    hints=("∂ log q / ∂ log σ = ε² − 1: differentiate −log σ − (z − μ)² / 2σ² with z held fixed.",),
)
def score_inputs(draw):
    """Draws of several functions."""
    for n in (2, 5, 40):
        noise, log_sigma = draw.standard_normal(n), float(draw.uniform(-1, 1))
        yield log_sigma, noise, (noise * 1.3 + 0.4) ** 2 + draw.uniform(5, 9)


@homework.task(
    "path",
    1,
    Close(1e-6),
    "path_gradient",
    title="The reparametrised gradient",
    hints=("z = μ + exp(log σ) ε: differentiate z by log σ.",),
)
def path_inputs(draw):
    """Draws and slopes."""
    for n in (1, 5, 40):
        yield float(draw.uniform(-1, 1)), draw.standard_normal(n), draw.standard_normal(n)


# %% tags=["library"]
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
    # BEGIN SOLUTION
    middle = kernel // 2
    mask = torch.zeros(kernel, kernel, dtype=torch.float64)
    mask[:middle] = 1
    mask[middle, :middle] = 1
    x = torch.zeros(1, 1, size, size, dtype=torch.float64, requires_grad=True)
    out = x
    for layer in range(layers):
        weight = mask.clone()
        weight[middle, middle] = float(layer > 0)
        out = F.conv2d(out, weight[None, None], padding=middle)
    out[0, 0, size // 2, size // 2].backward()
    assert x.grad is not None
    return (x.grad[0, 0] != 0).double()
    # END SOLUTION


# %% tags=["hidden"]
@homework.task(
    "receptive",
    2,
    Close(),
    "receptive_field",
    title="Receptive fields",
    hints=("Let all weights that the mask keeps be 1, so that no gradient cancels.",),
)
def receptive_inputs(draw):
    """1, 3, 5 and 6 layers, and other kernels."""
    for layers in (1, 3, 5, 6):
        yield layers, 3, 2 * int(draw.integers(5, 9)) + 1
    yield 2, 5, 15
    yield 2, 7, 16


# %% tags=["library"]
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
# BEGIN SOLUTION
class MaskedConv(nn.Conv2d):
    """A convolution that sees what comes before a pixel, and with `itself` the pixel too."""

    def __init__(self, inputs: int, outputs: int, kernel: int, itself: bool):
        super().__init__(inputs, outputs, kernel, padding=kernel // 2)
        middle = kernel // 2
        mask = torch.zeros(kernel, kernel)
        mask[:middle] = 1
        mask[middle, : middle + int(itself)] = 1
        self.register_buffer("mask", mask)

    def forward(self, x: Tensor) -> Tensor:
        """x (n, inputs, height, width) to (n, outputs, height, width)."""
        return F.conv2d(x, self.weight * self.mask, self.bias, padding=self.padding)


# END SOLUTION
def fit_pixelcnn(images: Tensor, seed: int) -> nn.Module:
    """A PixelCNN trained on black and white images."""
    # BEGIN SOLUTION
    torch.manual_seed(seed)
    x = images[:, None].float()
    first = 7 if x.shape[-1] > 8 else 5
    layers: list[nn.Module] = [MaskedConv(1, 32, first, False), nn.ReLU()]
    for _ in range(4):
        layers += [MaskedConv(32, 32, 3, True), nn.ReLU()]
    model = nn.Sequential(*layers, nn.Conv2d(32, 64, 1), nn.ReLU(), nn.Conv2d(64, 1, 1))
    optimizer = torch.optim.Adam(model.parameters(), 3e-3, weight_decay=1e-5)
    steps = 400 if x.shape[-1] < 10 else 6_000
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        batch = x[torch.randint(len(x), (64,))]
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(model(batch), batch).backward()
        optimizer.step()
        schedule.step()
    return model
    # END SOLUTION


def pixelcnn_logits(model: nn.Module, images: Tensor) -> Tensor:
    """The logit of each pixel being 1 given the pixels before it."""
    # BEGIN SOLUTION
    with torch.no_grad():
        parts = [model(part[:, None].float())[:, 0] for part in images.split(500)]
    return torch.cat(parts)
    # END SOLUTION


# %% tags=["hidden"]
homework.add(
    "pixelcnn",
    3,
    NextPixel(0.34, 0.11),
    "fit_pixelcnn",
    "pixelcnn_logits",
    title="PixelCNN on digits",
    hints=("Only the first layer must not see the pixel itself. 1x1 convolutions need no mask.",),
)

# %% tags=["library"]
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
    # BEGIN SOLUTION
    each = -0.5 * ((x - x_mean) / x_log_std.exp()) ** 2 - x_log_std
    constant = 0.5 * torch.log(torch.tensor(2 * torch.pi, dtype=x.dtype))
    kl = 0.5 * (mean**2 + (2 * log_std).exp() - 1) - log_std
    return (each - constant).sum(1), kl.sum(1)
    # END SOLUTION


# %% tags=["hidden"]
@homework.task(
    "elbo",
    2,
    Close(1e-6),
    "elbo_terms",
    title="The ELBO's two terms",
    hints=("log N(x; m, s) = −½ log 2π − log s − ½ ((x − m) / s)², summed over dimensions.",),
)
def elbo_inputs(draw):
    """Several widths."""
    for d, k in ((2, 2), (5, 3), (1, 4)):
        shapes = ((6, d), (6, k), (6, k), (6, d), (6, d))
        yield tuple(draw.standard_normal(shape) for shape in shapes)


# %% tags=["library"]
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
# BEGIN SOLUTION
class TwoNetworks(nn.Module):
    """An encoder and a decoder, each giving means and log standard deviations."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 4))
        self.decoder = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 4))


def elbo_loss(
    batch: Tensor, q_mean: Tensor, q_log_std: Tensor, out_mean: Tensor, out_log_std: Tensor
) -> Tensor:
    """-ELBO but for a constant."""
    error = 0.5 * ((batch - out_mean) / out_log_std.exp()) ** 2 + out_log_std
    kl = 0.5 * (q_mean**2 + (2 * q_log_std).exp() - 1) - q_log_std
    return error.sum(1).mean() + kl.sum(1).mean()


# END SOLUTION
def fit_vae(x: Tensor, seed: int) -> nn.Module:
    """A VAE trained on points of the plane."""
    # BEGIN SOLUTION
    torch.manual_seed(seed)
    model = TwoNetworks()
    optimizer = torch.optim.Adam(model.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 2_500)
    for _ in range(2_500):
        batch = x[torch.randint(len(x), (256,))]
        mean, log_std = model.encoder(batch).chunk(2, 1)
        z = mean + log_std.exp() * torch.randn_like(mean)
        terms = elbo_loss(batch, mean, log_std, *model.decoder(z).chunk(2, 1))
        optimizer.zero_grad()
        terms.backward()
        optimizer.step()
        schedule.step()
    return model
    # END SOLUTION


def encode(model: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log standard deviation of q(z | x), each (n, k)."""
    # BEGIN SOLUTION
    with torch.no_grad():
        mean, log_std = model.encoder(x).chunk(2, 1)
    return mean, log_std
    # END SOLUTION


def decode(model: nn.Module, z: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and log standard deviation of p(x | z), each (n, 2)."""
    # BEGIN SOLUTION
    with torch.no_grad():
        mean, log_std = model.decoder(z).chunk(2, 1)
    return mean, log_std
    # END SOLUTION


# %% tags=["hidden"]
homework.add(
    "plane",
    3,
    PlaneVAE(),
    "fit_vae",
    "encode",
    "decode",
    title="A VAE on the plane",
    hints=("Learn the decoder's variance: with a fixed one the code cannot collapse rightly.",),
)

# %% tags=["library"]
if __name__ == "__main__":
    import pushforward as pf

    data = pf.data.tensors(torch.randn(4_000, 2))
    vae = pf.fit(pf.VAE(data.space, latent=2), data, pf.Recipe(steps=300))
    print(pf.metrics.elbo_surgery(vae, data.test))
