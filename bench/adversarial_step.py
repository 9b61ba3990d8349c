"""What a step of a game costs: the trainer, a bare loop, and a loop as other libraries write it.

OMP_NUM_THREADS=1 python bench/adversarial_step.py      (some minutes of an idle core)

The bare loop calls `backward` on the losses of the same model with `inputs=` the mover's
parameters, by hand. The third loop (mimicry's and StudioGAN's way) calls plain `backward`, so that
the generator's turn computes gradients of the critic's weights too, which nobody uses, and sets
them to zero.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from harness import alternate, write

import pushforward as pf
from pushforward.core.catalogue import preset_called
from pushforward.training.experiment import Experiment
from pushforward.training.loop import Training

GAMES = {"dcgan_mnist": 25, "sngan_mnist": 5, "wgan_gp_mnist": 3}
Run = Callable[[], None]


def ours(experiment: Experiment, recipe: pf.Recipe) -> Run:
    """A run of the library's trainer."""

    def run() -> None:
        for _ in Training(copy.deepcopy(experiment.model), experiment.data, recipe):
            pass

    return run


def by_hand(experiment: Experiment, recipe: pf.Recipe, isolated: bool) -> Run:
    """The same steps in a loop of one's own; not `isolated` is without `inputs=`."""

    def run() -> None:
        torch.set_flush_denormal(True)  # as the trainer does
        model: Any = copy.deepcopy(experiment.model).train()
        (x,) = experiment.data.train.tensors
        players = model.players()
        weights = {p.name: list(p.module.parameters()) for p in players}
        optimizers = {p.name: recipe.optimizer.build(weights[p.name]) for p in players}
        average = [w.detach().clone() for w in model.parameters()]
        size = recipe.batch_size
        for _ in range(recipe.steps):
            batches = [x[torch.randint(len(x), (size,))] for _ in range(players[0].turns)]
            for player in players:
                for batch in batches[: player.turns]:
                    if not isolated:
                        model.zero_grad(set_to_none=True)
                    total = sum(term.mean() for term in player.loss(batch).values())
                    total.backward(inputs=weights[player.name] if isolated else None)
                    optimizers[player.name].step()
                    optimizers[player.name].zero_grad(set_to_none=True)
            torch._foreach_lerp_(average, [w.detach() for w in model.parameters()], 0.001)

    return run


def main() -> None:
    """Times every game against both loops."""
    record: dict = {"seed": 0}
    for name, steps in GAMES.items():
        torch.manual_seed(0)
        experiment = preset_called(name).build()
        recipe = replace(experiment.recipe, steps=steps, validate_every=0, report_every=steps)
        trainer = ours(experiment, recipe)
        record[name] = {
            "steps": steps,
            "against a bare loop": alternate(trainer, by_hand(experiment, recipe, True)),
            "against plain backward": alternate(trainer, by_hand(experiment, recipe, False)),
        }
        print(name, record[name], flush=True)
    write("adversarial_step", record)


if __name__ == "__main__":
    main()
