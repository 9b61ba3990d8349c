# %%
# !pip install pushforward

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

# %%
import torch
from torch import Tensor, nn
from torch.nn import functional as F

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
    raise NotImplementedError("this is yours to write")

# %% [markdown]
# **Answer to alpha**
#
# *write here*

# %%
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
    raise NotImplementedError("this is yours to write")

# %% [markdown]
# **Answer to masks**
#
# *write here*

# %%
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
    raise NotImplementedError("this is yours to write")

# %%
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
    raise NotImplementedError("this is yours to write")

# %%
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
# What else you need goes here.


def fit_made(images: Tensor, seed: int) -> nn.Module:
    """A MADE trained on black and white images."""
    raise NotImplementedError("this is yours to write")


def made_logits(model: nn.Module, images: Tensor) -> Tensor:
    """The logit of each pixel being 1 given the pixels before it."""
    raise NotImplementedError("this is yours to write")

# %%
if __name__ == "__main__":
    import pushforward as pf

    data = pf.data.digits(levels=2)
    model = pf.fit(pf.MADE(data.space, width=256), data, pf.Recipe(steps=600))
    print(pf.metrics.nats(model, data.test).value / 64, "nats a pixel")
