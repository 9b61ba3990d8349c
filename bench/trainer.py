"""What the trainer costs: against a bare loop over the same networks.

python bench/trainer.py      (some minutes on two idle cores)

The bare loop is what one would write by hand: a resident tensor, a permutation an epoch, fused
Adam, no reports, no validation, no checks.
"""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from harness import alternate, write

import pushforward as pf
from pushforward.core.contract import Generative
from pushforward.core.dataset import Dataset

BATCH = 128


def ours(model: Generative, data: Dataset, recipe: pf.Recipe) -> Callable[[], None]:
    """A run of the library's trainer: `recipe.steps` steps from the start."""

    def run() -> None:
        for _ in pf.Training(copy.deepcopy(model), data, recipe):
            pass

    return run


def bare(model: Generative, data: Dataset, recipe: pf.Recipe) -> Callable[[], None]:
    """The same steps by hand."""

    def run() -> None:
        own = copy.deepcopy(model)
        players = own.players()
        optimizers = [
            recipe.optimizers.get(p.name, recipe.optimizer).build(list(p.module.parameters()))
            for p in players
        ]
        (x,) = data.train.tensors
        order, at = torch.randperm(len(x)), 0
        for _ in range(recipe.steps):
            batches = []
            for _ in range(max(p.turns for p in players)):
                if at + BATCH > len(x):
                    order, at = torch.randperm(len(x)), 0
                batches.append(data.train.view(x[order[at : at + BATCH]]))
                at += BATCH
            for player, optimizer in zip(players, optimizers):
                for batch in batches[: player.turns]:
                    terms = player.loss(*batch)
                    loss = sum(term.mean() for term in terms.values())
                    loss.backward(inputs=list(player.module.parameters()))
                    optimizer.step()
                    optimizer.zero_grad(set_to_none=True)

    return run


def mlp_vae(space: pf.Pixels) -> pf.Generative:
    """The VAE of the figures: 784-500-500-40 and back, Bernoulli pixels."""
    from pushforward.models.latent.vae import VAE, dense

    return VAE(*dense(space, latent=40, width=500, layers=2))


def main() -> None:
    """Runs all pairs and writes results/trainer.json."""
    from pushforward.presets.adversarial_mnist import wgan_gp_mnist

    record: dict = {}
    binary, grey = pf.data.mnist(binarise="dynamic"), pf.data.mnist()
    torch.manual_seed(0)
    vae = mlp_vae(binary.space)
    recipe = pf.Recipe(400, BATCH, validate_every=0)
    record["VAE: trainer against a bare loop"] = alternate(
        ours(vae, binary, recipe), bare(vae, binary, recipe)
    )
    gan = wgan_gp_mnist()
    recipe = pf.Recipe(4, BATCH, gan.recipe.optimizer, gan.recipe.optimizers, validate_every=0)
    record["WGAN-GP: trainer against a bare loop"] = alternate(
        ours(gan.model, grey, recipe), bare(gan.model, grey, recipe)
    )
    write("trainer", record)


if __name__ == "__main__":
    main()
