"""Do several processes, with a share of each batch each, give the losses of one?

    torchrun --nproc-per-node 2 tests/ranks.py                 # every registered example
    torchrun --nproc-per-node 4 tests/ranks.py --steps 50 vae gmm

Every example trains twice from one seed: with its batches cut over the processes, and whole in each
of them. In float64, where rounding does not grow: in float32 an Adam step on a gradient that is
zero but for rounding (a bias before batch normalisation) has a sign of its own in each summation.
"""

import argparse
import dataclasses
import os
import sys
import warnings
from datetime import timedelta

import torch
from torch import distributed as dist

from pushforward import data
from pushforward.core import shares
from pushforward.core.catalogue import examples
from pushforward.training.loop import Training
from pushforward.training.recipe import Adam, Recipe

LIMIT = 1e-5


def losses(example, steps, shared):
    """The terms of every report, validation among them."""
    torch.manual_seed(0)
    model = example.build().double()
    steps = max(steps, 2 * len(model.stages()))
    recipe = Recipe(steps, 32, Adam(1e-3), ema=0.9, clip=10.0, report_every=1, validate_every=steps)
    with alone(not shared):
        training = Training(model, doubled(data.find(example.data)), recipe)
        return [report.terms | (report.validation or {}) for report in training]


def doubled(found):
    """The data with floats of the model's type."""
    splits = {
        part: dataclasses.replace(split, tensors=tuple(map(_double, split.tensors)))
        for part in ("train", "validation", "test")
        for split in (getattr(found, part),)
    }
    return dataclasses.replace(found, **splits)


def _double(t):
    return t.double() if t.is_floating_point() else t


class alone:
    """Within it a process is the only one."""

    def __init__(self, are):
        self.are = are

    def __enter__(self):
        self.kept = dist.is_initialized
        if self.are:
            dist.is_initialized = lambda: False

    def __exit__(self, *error):
        dist.is_initialized = self.kept


def furthest(one, many):
    """The largest difference of two runs' terms, of those that are larger relative to them."""
    return max(
        abs(a[name] - b[name]) / max(1.0, abs(a[name])) for a, b in zip(one, many) for name in a
    )


def main():
    """Prints a line for each example that differs, and how many do not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--steps", type=int, default=5)
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    if "RANK" not in os.environ:
        sys.exit("start me by: torchrun --nproc-per-node 2 tests/ranks.py")
    dist.init_process_group("gloo", timeout=timedelta(minutes=5))
    names = given.names or list(examples())
    good = 0
    for name in names:
        try:
            runs = [losses(examples()[name], given.steps, shared) for shared in (False, True)]
            far = furthest(*runs)
        except (ValueError, RuntimeError) as error:
            far, runs = float("nan"), [str(error)]
        good += far < LIMIT
        if not far < LIMIT and shares.rank() == 0:
            print(f"{name}: {far:.2g}", *(runs if len(runs) == 1 else ()), flush=True)
    if shares.rank() == 0:
        print(f"{good} of {len(names)} examples: {shares.world()} processes as one, to {LIMIT:g}")
    dist.destroy_process_group()
    sys.exit(good < len(names))


if __name__ == "__main__":
    main()
