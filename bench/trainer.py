"""What the trainer costs: against a bare loop over the same networks, and against pythae's trainer.

python bench/trainer.py      (about four minutes on two idle cores; pythae's row needs the extra
`peers`)

The bare loop is what one would write by hand: a resident tensor, a permutation an epoch, fused
Adam, denormals flushed, no reports, no validation, no checks. pythae's row trains its own VAE
class on the same sizes (784-500-500-40, batch 128), timed over `train_step`, which is one epoch.
"""

from __future__ import annotations

import copy
import tempfile
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


def pythae_epoch(x: torch.Tensor) -> Callable[[], None]:
    """An epoch of pythae's trainer on its VAE with networks of the same sizes."""
    from pythae.data.datasets import BaseDataset
    from pythae.models import VAE, VAEConfig
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig
    from torch import nn

    class Encoder(BaseEncoder):
        def __init__(self):
            super().__init__()
            self.net = nn.Sequential(nn.Linear(784, 500), nn.SiLU(), nn.Linear(500, 500), nn.SiLU())
            self.mean, self.log_var = nn.Linear(500, 40), nn.Linear(500, 40)

        def forward(self, x):
            h = self.net(x.flatten(1))
            return ModelOutput(embedding=self.mean(h), log_covariance=self.log_var(h))

    class Decoder(BaseDecoder):
        def __init__(self):
            super().__init__()
            layers = (nn.Linear(40, 500), nn.SiLU(), nn.Linear(500, 500), nn.SiLU())
            self.net = nn.Sequential(*layers, nn.Linear(500, 784), nn.Sigmoid())

        def forward(self, z):
            return ModelOutput(reconstruction=self.net(z).view(-1, 1, 28, 28))

    config = VAEConfig(input_dim=(1, 28, 28), latent_dim=40, reconstruction_loss="bce")
    model = VAE(config, Encoder(), Decoder())
    training = BaseTrainerConfig(
        output_dir=tempfile.mkdtemp(),
        num_epochs=1,
        learning_rate=1e-3,
        per_device_train_batch_size=BATCH,
        no_cuda=True,
    )
    data = BaseDataset(x, torch.ones(len(x)))
    trainer = BaseTrainer(model, data, training_config=training)
    trainer.prepare_training()
    return lambda: trainer.train_step(epoch=1)


def main() -> None:
    """Runs all pairs and writes results/trainer.json."""
    from pushforward.presets.adversarial import wgan_gp_mnist

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
    packages: tuple[str, ...] = ()
    try:
        epoch = pythae_epoch(grey.space.to_unit(grey.train.tensors[0]))
    except ImportError:
        print("pythae is not installed: its row is left out")
    else:
        recipe = pf.Recipe(len(grey.train) // BATCH, BATCH, validate_every=0)
        fixed = pf.data.mnist(binarise="fixed")  # pythae draws no pixels either
        seen = alternate(ours(vae, fixed, recipe), epoch, repeats=5)
        seen["our_samples_per_second"] = round(len(grey.train) / seen["our_seconds"])
        seen["their_samples_per_second"] = round(len(grey.train) / seen["their_seconds"])
        record["VAE: trainer against pythae's, an epoch of MNIST"] = seen
        packages = ("pythae",)
    write("trainer", record, packages)


if __name__ == "__main__":
    main()
