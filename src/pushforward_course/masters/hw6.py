"""Homework 6: a project, with a small one filled in as its solution."""

# %% [markdown]
# # Homework 6: a paper reproduced
#
# <!-- pushforward-course homework hw6 -->
#
# 13 points. Choose one of the 20 papers of `papers.md` (or agree on another with your
# lecturer), reproduce one claim of it on a small scale with the library, and fill in this
# template: it checks itself by `pushforward-course check hw6 my.py`. The check sees whether what
# you conclude follows from what you measured. Whether you measured it is for your lecturer, who
# may run any line.
#
# | part | points | milestone |
# |---|---|---|
# | plan | 2 | week 1: paper, claim, metric, data, command, seeds |
# | runs | 3 | week 2: a number for each seed, of a baseline and of the paper's model |
# | summary | 3 | week 3: means, standard errors, the paired difference |
# | sweep | 2 | week 4: one knob at four values or more |
# | report | 3 | week 5: 120 words or more |

# %% tags=["install"]
# !pip install pushforward

# %% tags=["hidden"]
from pushforward_course.practice.projects import Project
from pushforward_course.practice.tasks import Homework

homework = Homework("hw6", "A paper reproduced", tuple(range(1, 14)))

# %% [markdown]
# ## plan (2 points)
#
# A dict of `paper` (its id in the list), `claim` (what is compared with what, by which number),
# `metric`, `data`, `command` (what is typed, beginning with `pushforward` or `python`), and
# `seeds`, three or more.


# %%
def plan() -> dict:
    """What is reproduced, and how."""
    # BEGIN SOLUTION
    return {
        "paper": "vampprior",
        "claim": "a VampPrior has fewer bits/dim on held-out digits than a standard normal prior",
        "metric": "bits/dim of the bound on the test part",
        "data": "digits",
        "command": "pushforward train vamp_digits --seed 1",
        "seeds": [1, 2, 3],
    }
    # END SOLUTION


# %% tags=["hidden"]
homework.add(
    "plan",
    2,
    Project("plan"),
    "plan",
    title="Plan",
    hints=("A claim names two models and one number: A has less of N than B on data D.",),
)

# %% [markdown]
# ## runs (3 points)
#
# A dict of two lists, `baseline` and `paper`, with a number for each seed of the plan, in its
# order.


# %%
def runs() -> dict:
    """What was measured, one number a seed."""
    # BEGIN SOLUTION
    return {"baseline": [1.98497, 1.98622, 1.98449], "paper": [1.95737, 1.95575, 1.95663]}
    # END SOLUTION


# %% tags=["hidden"]
homework.add(
    "runs", 3, Project("runs"), "runs", "plan", title="Runs", hints=("Seeds and numbers pair up.",)
)

# %% [markdown]
# ## summary (3 points)
#
# A dict of `baseline`, `paper` and `difference` (paper less baseline, seed by seed), each [mean,
# standard error], and `decided`: whether the difference is more than two of its standard errors.


# %%
def summary() -> dict:
    """What follows from the runs."""
    # BEGIN SOLUTION
    found = runs()

    def told(values: list[float]) -> list[float]:
        mean = sum(values) / len(values)
        variance = sum((value - mean) ** 2 for value in values) / (len(values) - 1)
        return [mean, (variance / len(values)) ** 0.5]

    difference = told([p - b for b, p in zip(found["baseline"], found["paper"])])
    decided = abs(difference[0]) > 2 * difference[1]
    both = {key: told(found[key]) for key in ("baseline", "paper")}
    return {**both, "difference": difference, "decided": decided}
    # END SOLUTION


# %% tags=["hidden"]
homework.add(
    "summary",
    3,
    Project("summary"),
    "summary",
    "runs",
    title="Summary",
    hints=("The standard error of a mean is the standard deviation (n − 1) over √n.",),
)

# %% [markdown]
# ## sweep (2 points)
#
# A dict of `knob` (its name), `values` (four or more, rising) and `results`.


# %%
def sweep() -> dict:
    """One knob of the paper's model."""
    # BEGIN SOLUTION
    return {
        "knob": "components of the VampPrior (seed 1)",
        "values": [3, 10, 30, 100, 300],
        "results": [1.97629, 1.95485, 1.96666, 1.95737, 1.96738],
    }
    # END SOLUTION


# %% tags=["hidden"]
homework.add(
    "sweep",
    2,
    Project("sweep"),
    "sweep",
    title="Sweep",
    hints=("Double or triple a knob each time.",),
)

# %% [markdown]
# ## report (3 points)
#
# In words: the model, what was measured and how, what it decides, and what differs from the
# paper.

# %% [markdown]
# **Answer to report**
#
# The VampPrior replaces the standard normal prior of a VAE by a mixture of K of its own
# posteriors, at pseudo-inputs that are learned: p(z) = 1/K Σ q(z | u_k). The best prior for a
# given encoder is the aggregated posterior, and this is its cheap stand-in. Both models have one
# hidden layer of 256 units, 16 latents, and 1,500 steps on 1,200 digits of 8x8. Over three seeds
# the bound on 347 held-out digits is 1.985 bits/dim for the standard normal and 1.957 for the
# VampPrior; the paired difference is far more than two standard errors, so the claim is decided
# here. The rate fell from 18 nats to 12 while the distortion rose from 67 to 71: the mixture
# prior made the code cheaper rather than richer. Unlike the paper, the data are tiny, there is
# one level of latents, and the bound is not the importance-weighted estimate. The training
# without warm-up may favour the mixture. What was not looked at: whether samples are better, and
# whether pseudo-inputs look like digits.

# %% tags=["hidden"]
homework.add(
    "report",
    3,
    Project("report"),
    title="Report",
    written=120,
    hints=("Say what differs from the paper, and what you did not look at.",),
)
