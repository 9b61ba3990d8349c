# %%
# !pip install pushforward

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

# %% [markdown]
# ## plan (2 points)
#
# A dict of `paper` (its id in the list), `claim` (what is compared with what, by which number),
# `metric`, `data`, `command` (what is typed, beginning with `pushforward` or `python`), and
# `seeds`, three or more.

# %%
def plan() -> dict:
    """What is reproduced, and how."""
    raise NotImplementedError("this is yours to write")

# %% [markdown]
# ## runs (3 points)
#
# A dict of two lists, `baseline` and `paper`, with a number for each seed of the plan, in its
# order.

# %%
def runs() -> dict:
    """What was measured, one number a seed."""
    raise NotImplementedError("this is yours to write")

# %% [markdown]
# ## summary (3 points)
#
# A dict of `baseline`, `paper` and `difference` (paper less baseline, seed by seed), each [mean,
# standard error], and `decided`: whether the difference is more than two of its standard errors.

# %%
def summary() -> dict:
    """What follows from the runs."""
    raise NotImplementedError("this is yours to write")

# %% [markdown]
# ## sweep (2 points)
#
# A dict of `knob` (its name), `values` (four or more, rising) and `results`.

# %%
def sweep() -> dict:
    """One knob of the paper's model."""
    raise NotImplementedError("this is yours to write")

# %% [markdown]
# ## report (3 points)
#
# In words: the model, what was measured and how, what it decides, and what differs from the
# paper.

# %% [markdown]
# **Answer to report**
#
# *write here*
