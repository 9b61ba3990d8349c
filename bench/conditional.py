"""How often a model that is told a digit draws that digit: every family, one table.

    python bench/conditional.py [--only NAME ...] [--jobs 2] [--factor 1]

With --only, the rows that stand in results/conditional.json and are not named stay as they are.

Each model learns the 8x8 digits with their labels on one thread; of its 1,000 samples, 100 of each
digit, the share that the named classifier recognises as asked for goes to results/conditional.json.
The classifier's share of the real test images stands beside them.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Any, NamedTuple

import harness
import torch

import pushforward as pf
from pushforward import data
from pushforward.metrics.small_classifiers import digits_classifier
from pushforward.models.adversarial.gan import critic_for, generator_for
from pushforward.models.flow.dequantized import of_images
from pushforward.models.latent.avb import dense_avb
from pushforward.models.latent.pixel_vae import pixel_vae
from pushforward.probability.quantisation import VectorQuantiser
from pushforward.solvers.fixed import RungeKutta4
from pushforward.solvers.samplers import DDIM, HeunSampler

SPACE, TOLD, SAMPLES = pf.Pixels(1, 8, 8, levels=17), {"classes": 10}, 1_000


class Trial(NamedTuple):
    """A model to build, the steps it takes, and how."""

    build: Callable[[], pf.Generative]
    steps: int
    optimizer: Any = pf.Adam(3e-3)
    clip: float | None = 50.0
    ema: float = 0.99


def unet(**knobs: Any) -> pf.Component:
    return pf.UNet(1, width=24, multipliers=(1, 2), blocks=1, **TOLD, **knobs)


def codes(prior: Callable[[Any], pf.Density]) -> pf.Generative:
    codec = pf.VQVAE(SPACE, VectorQuantiser(32, 16), width=32, halvings=1, blocks=1)
    return pf.TwoStage(codec, prior(codec))


def latent_diffusion() -> pf.Generative:
    codec = pf.GridCodec(SPACE, features=4, width=32, halvings=1)
    net = pf.UNet(4, width=32, multipliers=(1, 2), blocks=1, **TOLD)
    return pf.LatentDiffusion(codec, pf.FlowMatching(codec.latent, net, DDIM(25)))


def gan(kind: type, **knobs: Any) -> pf.Generative:
    given = pf.Labels(10)
    parts = generator_for(SPACE, 64, 16, given), critic_for(SPACE, 16, given)
    return kind(SPACE, *parts, latent=64, given=given, **knobs)


def smooth(latent: int) -> tuple[Any, Any]:
    """An encoder and a decoder of perceptrons whose pixels are discretised logistics."""
    given, head, pixel = pf.Labels(10), pf.DiagonalGaussian(latent), pf.DiscretizedLogisticHead(17)
    network = pf.FlatMLP(64, head.outputs, 512, 1, context=10)
    decoder = pf.MLP(latent, 64 * pixel.outputs, 512, 2, context=10)
    encoder = pf.Encoder(network, SPACE, head, given)
    return encoder, pf.Decoder(decoder, SPACE, pixel, given)


def avb() -> pf.Generative:
    """With two latents: in more, the critic overlooks where q leaves p bare."""
    plain = dense_avb(SPACE, 2, 512, **TOLD)
    networks = plain.encoder, smooth(2)[1], plain.critic
    return pf.AVB(*networks, 2, 4, turns=4, given=pf.Labels(10))


GAME, SOFT = pf.Adam(2e-3, betas=(0.0, 0.9)), pf.Adam(2e-3, weight_decay=0.1)
TRIALS: dict[str, Trial] = {
    "MADE": Trial(lambda: pf.MADE(SPACE, width=1024, layers=2, **TOLD), 2_500, SOFT),
    "PixelCNN": Trial(lambda: pf.PixelCNN(SPACE, 64, 4, first=5, **TOLD), 2_500, SOFT),
    "Gated PixelCNN": Trial(lambda: pf.GatedPixelCNN(SPACE, 32, 3, first=5, **TOLD), 2_500, SOFT),
    "PixelCNN++": Trial(lambda: pf.PixelCNNpp(SPACE, 24, 1, 5, 1, dropout=0.0, **TOLD), 1_000),
    "ImageGPT": Trial(lambda: pf.ImageGPT(SPACE, 64, 3, **TOLD), 1_500, SOFT),
    "NICE": Trial(
        lambda: of_images(pf.NICE(64, 6, 512, 3, **TOLD), SPACE, alpha=0.01), 4_000, pf.Adam(1e-3)
    ),
    "Real NVP": Trial(lambda: pf.RealNVP(SPACE, width=32, blocks=1, alpha=0.01, **TOLD), 1_500),
    "Glow": Trial(lambda: pf.Glow(SPACE, 2, 6, 64, alpha=0.01, **TOLD), 4_000),
    "Flow++": Trial(lambda: pf.FlowPP(SPACE, 16, 1, 4, 2, 1, alpha=0.01, **TOLD), 1_000),
    "FFJORD": Trial(
        lambda: of_images(
            pf.FFJORD(64, 256, 3, RungeKutta4(3), adjoint=False, **TOLD), SPACE, alpha=0.01
        ),
        2_500,
        pf.Adam(2e-3),
    ),
    "MAF": Trial(
        lambda: of_images(pf.MAF(64, 5, 512, normalised=True, **TOLD), SPACE, alpha=0.01), 2_500
    ),
    "VAE": Trial(lambda: pf.VAE(*smooth(16)), 6_000, pf.Adam(1e-3)),
    "PixelVAE": Trial(lambda: pixel_vae(SPACE, 16, 32, 3, 5, 16, **TOLD), 4_000, pf.Adam(2e-3)),
    "Ladder VAE": Trial(lambda: pf.LadderVAE(SPACE, (16, 8), 256, **TOLD), 4_000, pf.Adam(1e-3)),
    "Deep VAE": Trial(lambda: pf.DeepVAE(SPACE, (2, 2, 2), 32, 4, **TOLD), 2_000, pf.Adam(2e-3)),
    "AVB": Trial(avb, 2_500, pf.Adam(1e-3)),
    "GAN": Trial(lambda: gan(pf.GAN), 3_000, GAME, None),
    "WGAN-GP": Trial(lambda: gan(pf.WGANGP, turns=3), 1_500, GAME, None),
    "SNGAN": Trial(lambda: gan(pf.SNGAN, turns=2), 3_000, GAME, None),
    "VQ-VAE, Gated PixelCNN of codes": Trial(
        lambda: codes(lambda c: pf.GatedPixelCNN(pf.Tokens(c.grid, 32), 32, 3, first=3, **TOLD)),
        3_000,
        SOFT,
    ),
    "VQ-VAE, Transformer of codes": Trial(
        lambda: codes(lambda c: pf.ImageGPT(c.tokens, 64, 2, **TOLD)), 5_000
    ),
    "DDPM": Trial(lambda: pf.DDPM(SPACE, unet(), steps=100, sampler=DDIM(25)), 1_500, clip=1.0),
    "EDM": Trial(
        lambda: pf.EDM(SPACE, unet(), data_std=0.75, sampler=HeunSampler(18)), 1_500, clip=1.0
    ),
    "Flow matching": Trial(lambda: pf.FlowMatching(SPACE, unet(), DDIM(25)), 1_500, clip=1.0),
    "Guided flow matching": Trial(
        lambda: pf.Guided(pf.FlowMatching(SPACE, unet(), DDIM(25)), 10), 1_500, clip=1.0
    ),
    "Latent diffusion": Trial(latent_diffusion, 2_500, clip=1.0),
}


def recognised(x: torch.Tensor, y: torch.Tensor) -> dict[str, float]:
    """The share of images that the classifier takes for what they should be, and its error."""
    share = (digits_classifier().logits(x).argmax(1) == y).double().mean().item()
    return {"share": share, "stderr": (share * (1 - share) / len(y)) ** 0.5}


def tried(name: str, factor: float) -> dict[str, Any]:
    """Trains a model with labels and asks it for every digit."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    trial, steps = TRIALS[name], round(TRIALS[name].steps * factor)
    schedule = pf.Cosine(warmup=min(50, steps // 2))
    recipe = pf.Recipe(
        steps, 64, trial.optimizer, clip=trial.clip, schedule=schedule, ema=trial.ema
    )
    start = time.perf_counter()
    model = pf.fit(trial.build(), data.find("digits?labels=True"), recipe, quiet=True)
    minutes = (time.perf_counter() - start) / 60
    y = torch.arange(SAMPLES) % 10
    torch.manual_seed(1)
    row = {"steps": steps, "minutes": minutes, "torch": torch.__version__}
    return {**row, **recognised(model.sample(SAMPLES, y), y)}


def standing() -> dict[str, Any]:
    """The rows that an earlier run wrote, each with what it was made on."""
    path = harness.RESULTS / "conditional.json"
    record = json.loads(path.read_text()) if path.exists() else {}
    return {name: row for name, row in record.items() if name in TRIALS}


def main() -> None:
    """Works the trials off, `jobs` at a time, and writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", nargs="*", choices=sorted(TRIALS), default=list(TRIALS))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--factor", type=float, default=1.0, help="of every model's steps")
    options = parser.parse_args()
    x, y = data.find("digits?labels=True").test.at(slice(None))
    rows = standing() | {"real test images": recognised(x, y)}
    with ProcessPoolExecutor(options.jobs, get_context("spawn")) as pool:
        jobs = {pool.submit(tried, name, options.factor): name for name in options.only}
        for job in as_completed(jobs):
            name = jobs[job]
            rows[name] = job.result()
            harness.write("conditional", rows)


if __name__ == "__main__":
    main()
