"""An epoch of the trainer against an epoch of pythae's, on a VAE of the same sizes.

python bench/pythae_trainer.py      (needs the extra `peers`; some minutes on two idle cores)

784-500-500-40, batch 128, MNIST. Both trainers are set up before the clock starts, and both go on
from epoch to epoch; ours once as it is and once with `Recipe(compile=True)`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable

import torch
from harness import alternate, write
from trainer import BATCH, mlp_vae

import pushforward as pf
from pushforward.core.dataset import Dataset

EPOCHS = 10


def our_epoch(data: Dataset, compiled: bool) -> Callable[[], None]:
    """An epoch of the library's trainer each time it is called."""
    steps = len(data.train) // BATCH
    recipe = pf.Recipe(
        EPOCHS * steps, BATCH, compile=compiled, report_every=steps, validate_every=0
    )
    torch.manual_seed(0)
    reports = iter(pf.Training(mlp_vae(data.space), data, recipe))
    return lambda: next(reports)  # type: ignore[return-value]


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
    """Writes results/pythae_trainer.json."""
    data, grey = pf.data.mnist(binarise="fixed"), pf.data.mnist()
    images = len(data.train)
    record: dict = {"images": images}
    for name, compiled in (("eager", False), ("compiled", True)):
        theirs = pythae_epoch(grey.space.to_unit(grey.train.tensors[0]))
        seen = alternate(our_epoch(data, compiled), theirs, repeats=5)
        seen["our_samples_per_second"] = round(images / seen["our_seconds"])
        seen["their_samples_per_second"] = round(images / seen["their_seconds"])
        record[f"VAE, {name}: an epoch against pythae's"] = seen
    write("pythae_trainer", record, ("pythae",))


if __name__ == "__main__":
    main()
