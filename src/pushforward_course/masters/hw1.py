"""Homework 1: divergences and autoregressive models."""

# %% [markdown]
# # Homework 1: divergences and autoregressive models
#
# <!-- pushforward-course homework hw1 -->
#
# 13 points, lectures 1 and 2. Write plain torch where it says so: the grader has torch and NumPy,
# and not the library. Functions keep their names and stand at the top of a cell. What only looks
# at results belongs under `if __name__ == "__main__":`, which the grader does not run.
#
# `pushforward-course check hw1 my.py` (or `.ipynb`) tells your points. Its inputs are few and
# known; the grader draws others.

# %% tags=["install"]
# !pip install pushforward

# %%
import torch
from torch import Tensor, nn
from torch.nn import functional as F

# %% tags=["hidden"]
from pushforward_course.practice.judges import Close
from pushforward_course.practice.tasks import Homework
from pushforward_course.practice.trainings import NextPixel, Table

homework = Homework("hw1", "Divergences and autoregressive models", (1, 2))

# %% [markdown]
# ## Task alpha (2 points): one line of divergences through both KLs
#
# For two distributions over finitely many values, all probabilities positive, and a = (1 + α) /
# 2,
#
# D_α(p ‖ q) = 4 / (1 − α²) · (1 − Σ pᵃ q¹⁻ᵃ).
#
# Derive its limits as α → 1 and α → −1, and write a function that is right for every α, the
# limits and numbers within 1e-9 of them among them. `p` and `q` are float64, (n,); the answer is
# a scalar.


# %%
def alpha_divergence(p: Tensor, q: Tensor, alpha: float) -> Tensor:
    """D_alpha(p || q) in nats."""
    # BEGIN SOLUTION
    ratio = p.log() - q.log()
    if abs(alpha - 1) < 1e-6:
        return (p * ratio).sum()
    if abs(alpha + 1) < 1e-6:
        return -(q * ratio).sum()
    a = (1 + alpha) / 2
    return 4 / (1 - alpha**2) * (1 - (q * (a * ratio).exp()).sum())
    # END SOLUTION


# %% [markdown]
# **Answer to alpha**
#
# Write 1 − a = ε. Then Σ pᵃ q¹⁻ᵃ = Σ p exp(−ε log p/q) = 1 − ε KL(p ‖ q) + O(ε²), and 1 − α² = 4
# a (1 − a) = 4 ε (1 − ε). So D_α = (ε KL(p ‖ q) + O(ε²)) / (ε (1 − ε)), which tends to KL(p ‖ q)
# as ε → 0. Exchanging a and 1 − a exchanges p and q, so α → −1 gives KL(q ‖ p).


# %% tags=["hidden"]
@homework.task(
    "alpha",
    2,
    Close(1e-5, 1e-7),
    "alpha_divergence",
    title="The limits of the alpha-divergences",
    written=8,
    hints=(
        "Near α = 1 both the bracket and 1 − α² vanish: what is their ratio's limit by l'Hôpital?",
        "pᵃ q¹⁻ᵃ = p exp(−(1 − a) log p/q). Expand the exponential once.",
    ),
)
def alpha_inputs(draw):
    """Distributions of several lengths, and alphas on both sides of the limits."""
    for alpha in (0.0, 3.0, -3.0, 0.5, 1.0, -1.0, 1 + 1e-9, -1 - 1e-9, float(draw.uniform(-2, 2))):
        n = int(draw.integers(3, 9))
        yield draw.dirichlet([2.0] * n), draw.dirichlet([2.0] * n), alpha


# %% tags=["library"]
if __name__ == "__main__":
    import pushforward as pf

    p, q = torch.tensor([0.2, 0.3, 0.5]).double(), torch.tensor([0.6, 0.3, 0.1]).double()
    of = pf.objectives.alpha_divergence(0.5)
    print(float(alpha_divergence(p, q, 0.5)), float(of.discrete(p, q)))


# %% [markdown]
# ## Task masks (2 points): masks count paths
#
# A MADE gives each unit a degree. A hidden unit of degree m may see units of degree at most m
# below it; an output of degree m, inputs of degrees below m alone, so the last mask is strict.
# Derive why entry (d, k) of the product of all masks is the number of paths from input k to
# output d, and why this makes the Jacobian triangular in the order of the degrees.
#
# `degrees` holds int64 tensors: of the inputs, of each hidden layer, of the outputs. Give the
# number of paths, float64, (outputs, inputs).


# %%
def count_paths(degrees: list[Tensor]) -> Tensor:
    """How many paths lead from each input (column) to each output (row)."""
    # BEGIN SOLUTION
    paths = torch.eye(len(degrees[0]), dtype=torch.float64)
    for below, above in zip(degrees[:-2], degrees[1:-1]):  # noqa: RUF007
        paths = (above[:, None] >= below[None]).double() @ paths
    return (degrees[-1][:, None] > degrees[-2][None]).double() @ paths
    # END SOLUTION


# %% [markdown]
# **Answer to masks**
#
# (M₂ M₁)_{dk} = Σ_h M₂_{dh} M₁_{hk} adds 1 for each hidden unit h that is joined to both, which
# is a path; by induction over layers the product counts paths. Along a path degrees never fall
# and rise strictly at the end, so a path from k to d exists only where the degree of k is less
# than that of d. ∂ output_d / ∂ input_k is a sum over paths, so it is 0 elsewhere: the Jacobian
# is strictly triangular once both are sorted by degree.


# %% tags=["hidden"]
@homework.task(
    "masks",
    2,
    Close(),
    "count_paths",
    title="Masks count paths",
    written=8,
    hints=(
        "Write one mask for each pair of neighbouring layers, (above, below), of zeros and ones.",
        "`above[:, None] >= below[None]` for hidden layers, `>` for the outputs; then multiply.",
    ),
)
def masks_inputs(draw):
    """Networks of one to three hidden layers, in orders of any kind."""
    for layers in (1, 2, 3, 2):
        d = int(draw.integers(3, 7))
        order = draw.permutation(d) + 1
        hidden = [draw.integers(1, d, int(draw.integers(4, 9))) for _ in range(layers)]
        yield ([order, *hidden, order],)


# %% tags=["library"]
if __name__ == "__main__":
    import pushforward as pf

    degrees = [torch.tensor([1, 2, 3]), torch.tensor([1, 2, 2, 1]), torch.tensor([1, 2, 3])]
    print(count_paths(degrees), pf.theory.path_counts(pf.theory.degree_masks(degrees)))


# %% [markdown]
# ## Task heads (1 point): a discretised mixture of logistics
#
# A softmax over 256 values needs 255 numbers a pixel, and neighbouring values share nothing. A
# mixture of K logistics needs 3 K − 1. Its probability of the integer x is the mass that the
# mixture puts on [x − ½, x + ½]; at 0 the cell is open to the left, at 255 to the right, so that
# the masses add up to 1.
#
# `x` is int64 (n,); `logits`, `means` (in units of x) and `log_scales` are (n, K). Give
# log-probabilities (n,), finite also far in the tails, where σ(u) − σ(v) rounds to 0: log(1e-300)
# will do there as the least.


# %%
def mixture_log_prob(x: Tensor, logits: Tensor, means: Tensor, log_scales: Tensor) -> Tensor:
    """log P(x) under a discretised mixture of logistics over 0 .. 255."""
    # BEGIN SOLUTION
    centred, scale = x[:, None] - means, log_scales.exp()
    upper = torch.sigmoid((centred + 0.5) / scale)
    lower = torch.sigmoid((centred - 0.5) / scale)
    upper = torch.where(x[:, None] == 255, torch.ones_like(upper), upper)
    lower = torch.where(x[:, None] == 0, torch.zeros_like(lower), lower)
    mass = (F.softmax(logits, 1) * (upper - lower)).sum(1)
    return mass.clamp_min(1e-300).log()
    # END SOLUTION


# %% tags=["hidden"]
@homework.task(
    "heads",
    1,
    Close(1e-6),
    "mixture_log_prob",
    title="Logistic-mixture heads",
    hints=(
        "The logistic's distribution function is σ((x − μ) / s). Which cells have no left end?",
    ),
)
def heads_inputs(draw):
    """Pixels everywhere, the two ends among them."""
    for components in (1, 3, 5):
        x = draw.integers(0, 256, 12)
        x[:4] = 0, 255, 1, 254
        logits = draw.standard_normal((12, components))
        means = x[:, None] + 12 * draw.standard_normal((12, components))
        yield x, logits, means, draw.uniform(0, 3, (12, components))


# %% tags=["library"]
if __name__ == "__main__":
    from pushforward.probability.discretized import DiscretizedLogistic

    x, means, zero = torch.tensor([0, 7, 255]), torch.tensor([3.0, 5.0, 250.0]), torch.zeros(3, 1)
    head = DiscretizedLogistic((means - 127.5) / 127.5, -torch.tensor(127.5).log(), 256)
    mine = mixture_log_prob(x, zero, means[:, None], zero)
    torch.testing.assert_close(mine, head.log_prob(x), rtol=1e-3, atol=1e-3)
    print("right for one component")


# %% [markdown]
# ## Task picture (5 points): MADE on a grey picture as two variables
#
# A grey picture is a distribution over (row, column). From pairs drawn of it, int64 (n, 2), each
# from 0 to levels − 1, learn p(row) p(column | row) by an autoregressive network, and give the
# table of log p, (levels, levels). The probabilities must add up to 1; the grader computes the
# cross-entropy with a picture that it drew.
#
# CPU: 32 levels, below **2.95** nats a dimension, within 5 minutes. Full: 200 levels, below
# **4.0**.


# %%
def fit_picture(pairs: Tensor, levels: int, seed: int) -> Tensor:
    """log p(row, column), (levels, levels), learned from `pairs`."""
    # BEGIN SOLUTION
    torch.manual_seed(seed)
    axis = torch.linspace(-1, 1, levels)[:, None]
    waves = torch.pi * 2.0 ** torch.arange(5)
    inputs = torch.cat([axis, (axis * waves).sin(), (axis * waves).cos()], 1)
    row = nn.Sequential(nn.Linear(11, 64), nn.ReLU(), nn.Linear(64, 1))
    given, column = (
        nn.Sequential(
            nn.Linear(11, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 48)
        )
        for _ in range(2)
    )
    parameters = [*row.parameters(), *given.parameters(), *column.parameters()]
    optimizer = torch.optim.Adam(parameters, 3e-3, weight_decay=1e-5)
    counts = torch.zeros(levels, levels).index_put_(tuple(pairs.T), torch.ones(len(pairs)), True)
    for _ in range(600):
        logits = given(inputs) @ column(inputs).T
        table = F.log_softmax(row(inputs), 0) + F.log_softmax(logits, 1)
        optimizer.zero_grad()
        (-(counts * table).sum() / len(pairs)).backward()
        optimizer.step()
    return table.detach().double()
    # END SOLUTION


# %% tags=["hidden"]
homework.add(
    "picture",
    5,
    Table(),
    "fit_picture",
    title="MADE on a picture",
    hints=(
        "There are only `levels` different inputs: all conditionals can be computed at once.",
        "Feed the row as a few sines and cosines, not one-hot: neighbours share, columns as well.",
    ),
)

# %% tags=["library"]
if __name__ == "__main__":
    import pushforward as pf

    data = pf.data.picture(torch.rand(8, 8).numpy(), bins=8)
    model = pf.fit(pf.MADE(data.space, width=64), data, pf.Recipe(steps=200))
    print(pf.metrics.nats(model, data.test).value / 2, "nats a dimension")


# %% [markdown]
# ## Task made (3 points): MADE on black and white digits
#
# Images are uint8 of 0 and 1, (n, height, width). `fit_made` trains a MADE of your own on them,
# in raster order; `made_logits(model, images)` gives each pixel's logit of being 1 given those
# before it, in the same shape. The grader shows images of which it has replaced a pixel and all
# after it, so looking ahead gains nothing.
#
# CPU: digits of 8x8, below **0.34** nats a pixel, within 5 minutes. Full: MNIST above 127, below
# **0.16**.


# %%
# BEGIN SOLUTION
class MaskedLinear(nn.Linear):
    """A linear map of which a mask keeps some weights."""

    def __init__(self, mask: Tensor):
        super().__init__(mask.shape[1], mask.shape[0])
        self.register_buffer("mask", mask.float())

    def forward(self, x: Tensor) -> Tensor:
        """x (n, inputs) to (n, outputs)."""
        return F.linear(x, self.weight * self.mask, self.bias)


# END SOLUTION
def fit_made(images: Tensor, seed: int) -> nn.Module:
    """A MADE trained on black and white images."""
    # BEGIN SOLUTION
    torch.manual_seed(seed)
    x = images.flatten(1).float()
    d = x.shape[1]
    order, hidden = torch.arange(d), torch.arange(4 * d) % (d - 1)
    first, last = hidden[:, None] >= order[None], order[:, None] > hidden[None]
    model = nn.Sequential(MaskedLinear(first), nn.ReLU(), MaskedLinear(last))
    optimizer = torch.optim.Adam(model.parameters(), 2e-3, weight_decay=1e-4)
    steps = 1_500 if d < 100 else 6_000
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in range(steps):
        batch = x[torch.randint(len(x), (128,))]
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(model(batch), batch).backward()
        optimizer.step()
        schedule.step()
    return model
    # END SOLUTION


def made_logits(model: nn.Module, images: Tensor) -> Tensor:
    """The logit of each pixel being 1 given the pixels before it."""
    # BEGIN SOLUTION
    with torch.no_grad():
        return model(images.flatten(1).float()).reshape(images.shape)
    # END SOLUTION


# %% tags=["hidden"]
homework.add(
    "made",
    3,
    NextPixel(0.34, 0.16),
    "fit_made",
    "made_logits",
    title="MADE on digits",
    hints=("One hidden layer will do. A small weight decay and a falling rate help.",),
)

# %% tags=["library"]
if __name__ == "__main__":
    import pushforward as pf

    data = pf.data.digits(levels=2)
    model = pf.fit(pf.MADE(data.space, width=256), data, pf.Recipe(steps=600))
    print(pf.metrics.nats(model, data.test).value / 64, "nats a pixel")
