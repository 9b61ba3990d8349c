"""Homework 5: tighter bounds, and generators against critics."""

# %% [markdown]
# # Homework 5: dequantisation, least squares, critics
#
# <!-- pushforward-course homework hw5 -->
#
# 13 points, lectures 6 and 8 to 10. Write plain torch where it says so: the grader has torch and
# NumPy, and not the library. What only looks at results belongs under `if __name__ ==
# "__main__":`. All generators take noise z ~ N(0, I), (n, 8).

# %% tags=["install"]
# !pip install pushforward

# %%
import torch
from torch import Tensor, nn
from torch.nn import functional as F

# %% tags=["hidden"]
import numpy as np

from pushforward_course.practice.adversaries import ColourGAN, LineGAN, RingGAN
from pushforward_course.practice.judges import Close
from pushforward_course.practice.tasks import Homework

homework = Homework("hw5", "Dequantisation, least squares, critics", (6, 8, 9, 10))

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
    # BEGIN SOLUTION
    log_w = log_p - log_q
    k = torch.tensor(float(log_w.shape[1]), dtype=log_w.dtype)
    return torch.logsumexp(log_w, 1) - k.log(), log_w.mean(1)
    # END SOLUTION


# %% [markdown]
# **Answer to dequantise**
#
# The mean of p(x + u)/q(u|x) under q is P(x), so is that of an average of K of them; log is
# concave, so Jensen gives the bound. An average of K + 1 weights is the mean over the K + 1
# averages that leave one out; Jensen once more, inside the expectation, and all those have the
# same law, so the bound with K + 1 is at least that with K.


# %% tags=["hidden"]
@homework.task(
    "dequantise",
    2,
    Close(1e-7),
    "dequantised_bounds",
    title="Importance-weighted dequantisation",
    written=8,
    hints=("log 1/K Σ exp is a logsumexp less log K.",),
)
def dequantise_inputs(draw):
    """Draws near 0, and far below."""
    for k, level in ((1, 0.0), (5, -3.0), (20, -2_000.0)):
        yield level + 3 * draw.standard_normal((4, k)), draw.standard_normal((4, k))


# %% tags=["library"]
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
    # BEGIN SOLUTION
    best = (b * p + a * q) / (p + q)
    return best, 0.5 * ((p + q) * (best - c) ** 2).sum()
    # END SOLUTION


# %% tags=["hidden"]
@homework.task(
    "squares",
    1,
    Close(1e-7),
    "least_squares",
    title="LSGAN(a, b, c)",
    hints=("Minimise ½ p (D − b)² + ½ q (D − a)² for one value at a time.",),
)
def squares_inputs(draw):
    """The chi-square's a, b, c, the 0-1-1 coding, and others."""
    for a, b, c in ((-1.0, 1.0, 0.0), (0.0, 1.0, 1.0), tuple(map(float, draw.uniform(-2, 2, 3)))):
        yield draw.dirichlet([2.0] * 5), draw.dirichlet([2.0] * 5), a, b, c


# %% tags=["library"]
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
    # BEGIN SOLUTION
    saturating, other = -F.softplus(logits).mean(), F.softplus(-logits).mean()
    return saturating, other, -torch.sigmoid(logits), torch.sigmoid(logits) - 1
    # END SOLUTION


# %% tags=["hidden"]
@homework.task(
    "slopes",
    1,
    Close(1e-7, 1e-12),
    "generator_losses",
    title="Saturating against non-saturating",
    hints=("log(1 − σ(l)) = −softplus(l).",),
)
def slopes_inputs(draw):
    """Small and enormous logits."""
    yield (draw.standard_normal(6),)
    yield (np.array([-500.0, -30.0, 30.0, 500.0]) + draw.standard_normal(4),)


# %% tags=["library"]
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
# BEGIN SOLUTION
def mlp(inputs: int, outputs: int, width: int = 64) -> nn.Sequential:
    """Two hidden layers."""
    hidden = [
        nn.Linear(inputs, width),
        nn.LeakyReLU(0.2),
        nn.Linear(width, width),
        nn.LeakyReLU(0.2),
    ]
    return nn.Sequential(*hidden, nn.Linear(width, outputs))


def averaged(average: nn.Module, model: nn.Module, rate: float = 0.99) -> None:
    """Moves a running average of the weights."""
    for one, other in zip(average.parameters(), model.parameters()):
        one.data.lerp_(other.data, 1 - rate)


def slope(critic: nn.Module, x: Tensor) -> Tensor:
    """The norm of the critic's gradient at each x."""
    x = x.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return gradient.flatten(1).norm(dim=1)


# END SOLUTION
def fit_line(x: Tensor, seed: int) -> nn.Module:
    """A generator trained against a discriminator."""
    # BEGIN SOLUTION
    torch.manual_seed(seed)
    generator, critic, kept = mlp(8, 1), mlp(1, 1), mlp(8, 1)
    kept.load_state_dict(generator.state_dict())
    g = torch.optim.Adam(generator.parameters(), 1e-3, (0.5, 0.9))
    d = torch.optim.Adam(critic.parameters(), 2e-3, (0.5, 0.9))
    for _ in range(1_500):
        real, fake = x[torch.randint(len(x), (256,))], generator(torch.randn(256, 8))
        loss = F.softplus(-critic(real)).mean() + F.softplus(critic(fake.detach())).mean()
        d.zero_grad()
        (loss + 0.5 * (slope(critic, real) ** 2).mean()).backward()
        d.step()
        g.zero_grad()
        F.softplus(-critic(generator(torch.randn(256, 8)))).mean().backward()
        g.step()
        averaged(kept, generator)
    return kept
    # END SOLUTION


def generate_line(model: nn.Module, z: Tensor) -> Tensor:
    """Points (n, 1) of noise (n, 8)."""
    # BEGIN SOLUTION
    with torch.no_grad():
        return model(z)
    # END SOLUTION


# %% tags=["hidden"]
homework.add(
    "line",
    2,
    LineGAN(0.3),
    "fit_line",
    "generate_line",
    title="A GAN on a line",
    hints=("A small penalty on the discriminator's slope at real data (R1) calms the game.",),
)

# %% tags=["library"]
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
    # BEGIN SOLUTION
    u = mix * real + (1 - mix) * fake
    gradient = ((1 - torch.tanh(u @ v.T + b) ** 2) * w) @ v
    return ((gradient.norm(dim=1) - 1) ** 2).mean()
    # END SOLUTION


# %% tags=["hidden"]
@homework.task(
    "penalty",
    1,
    Close(1e-7),
    "gradient_penalty",
    title="The gradient penalty",
    hints=("∇f(u) = Vᵀ (w ⊙ (1 − tanh²)); or let autograd find it, one norm for each datum.",),
)
def penalty_inputs(draw):
    """Several widths."""
    for d, h in ((2, 5), (4, 3)):
        shapes = ((h, d), (h,), (h,), (6, d), (6, d))
        yield (*(draw.standard_normal(shape) for shape in shapes), draw.uniform(size=(6, 1)))


# %% tags=["library"]
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
    # BEGIN SOLUTION
    torch.manual_seed(seed)
    generator, critic, kept = mlp(8, 2), mlp(2, 1), mlp(8, 2)
    kept.load_state_dict(generator.state_dict())
    g = torch.optim.Adam(generator.parameters(), 1e-3, (0.0, 0.9))
    d = torch.optim.Adam(critic.parameters(), 2e-3, (0.0, 0.9))
    for step in range(3_000):
        real, fake = x[torch.randint(len(x), (256,))], generator(torch.randn(256, 8)).detach()
        loss = critic(fake).mean() - critic(real).mean()
        if how == "penalty":
            between = torch.lerp(fake, real, torch.rand(256, 1))
            loss = loss + ((slope(critic, between) - 1) ** 2).mean()
        d.zero_grad()
        loss.backward()
        d.step()
        if how == "clip":
            for weight in critic.parameters():
                weight.data.clamp_(-0.2, 0.2)
        if step % 3 == 0:
            g.zero_grad()
            (-critic(generator(torch.randn(256, 8)))).mean().backward()
            g.step()
            averaged(kept, generator)
    return kept
    # END SOLUTION


def generate_ring(model: nn.Module, z: Tensor) -> Tensor:
    """Points (n, 2) of noise (n, 8)."""
    # BEGIN SOLUTION
    with torch.no_grad():
        return model(z)
    # END SOLUTION


# %% tags=["hidden"]
homework.add(
    "ring",
    2,
    RingGAN(0.1, 0.05),
    "fit_ring",
    "generate_ring",
    title="WGAN by clipping and by a penalty",
    hints=("Several turns of the critic for one of the generator, and Adam without momentum.",),
)

# %% tags=["library"]
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
    # BEGIN SOLUTION
    torch.manual_seed(seed)
    shape, flat = x.shape[1:], x.flatten(1)
    d = flat.shape[1]
    generator, critic, kept = (mlp(*sizes, 192) for sizes in ((8, d), (d, 1), (8, d)))
    kept.load_state_dict(generator.state_dict())
    g = torch.optim.Adam(generator.parameters(), 1e-3, (0.0, 0.9))
    c = torch.optim.Adam(critic.parameters(), 1e-3, (0.0, 0.9))
    for step in range(2_000):
        real, fake = flat[torch.randint(len(x), (64,))], generator(torch.randn(64, 8)).detach()
        between = torch.lerp(fake, real, torch.rand(64, 1))
        loss = critic(fake).mean() - critic(real).mean()
        c.zero_grad()
        (loss + 10 * ((slope(critic, between) - 1) ** 2).mean()).backward()
        c.step()
        if step % 3 == 0:
            g.zero_grad()
            (-critic(generator(torch.randn(64, 8)))).mean().backward()
            g.step()
            averaged(kept, generator)
    return nn.Sequential(kept, nn.Unflatten(1, shape))
    # END SOLUTION


def generate_image(model: nn.Module, z: Tensor) -> Tensor:
    """Images (n, 3, h, w) of noise (n, 8)."""
    # BEGIN SOLUTION
    with torch.no_grad():
        return model(z)
    # END SOLUTION


# %% tags=["hidden"]
homework.add(
    "colours",
    4,
    ColourGAN(0.2, 0.35),
    "fit_colours",
    "generate_image",
    title="A WGAN-GP on colour images",
    hints=("A running average of the generator's weights gives better samples than its last.",),
)

# %% tags=["library"]
if __name__ == "__main__":
    import pushforward as pf

    data = pf.data.sprites(size=8, scales=3, orientations=8, colours=7)
    gan = pf.fit(pf.WGANGP(data.space, latent=8), data, pf.Recipe(steps=50))
    print(gan.sample(16).shape)
