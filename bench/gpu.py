"""The queue of what still needs a GPU, and the script that works it off.

python bench/gpu.py --minutes 9 [--only NAME ...] [--out results/gpu]

Each job trains a preset with the knobs given until it is done or its share of the minutes is over,
keeps a checkpoint, measures the test split, and writes OUT/NAME.json with hardware, versions, seed
and command. A job that was cut off goes on from its checkpoint in the next call. It needs torch
and what the presets read data with, and no other extra: `PYTHONPATH=src python bench/gpu.py`
suffices.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import time
from pathlib import Path
from typing import Any

import torch
from harness import hardware, versions

from pushforward.core.catalogue import preset_called
from pushforward.core.contract import Bounded, Density, Weighted
from pushforward.metrics import nats
from pushforward.training.loop import Training


@dataclasses.dataclass(frozen=True)
class Job:
    """A preset to train on a GPU, with knobs, and the minutes that it should need there."""

    preset: str
    knobs: dict[str, Any] = dataclasses.field(default_factory=dict)
    minutes: float = 10.0
    k: int | None = None
    bf16: bool = True
    compile: bool = True


DIFFUSION = {"width": 32, "steps": 6_000}
QUEUE = {
    # Aims on binarised or 8-bit MNIST: nats or bits/dim on the test set.
    "made_mnist_paper": Job("made_mnist_paper", minutes=15),  # <= 86.6 nats
    "gated_pixelcnn_mnist_paper": Job("gated_pixelcnn_mnist_paper", minutes=30),  # <= 81.5 nats
    "pixelcnn_mnist_paper": Job("pixelcnn_mnist_paper", minutes=30),  # <= 81.5 nats
    "imagegpt_mnist": Job("imagegpt_mnist", minutes=20),
    "realnvp_mnist": Job(  # <= 1.06 bits/dim
        "realnvp_mnist", {"width": 64, "blocks": 4, "steps": 60_000, "batch_size": 128}, 30
    ),
    "glow_mnist": Job(  # <= 1.05 bits/dim
        "glow_mnist",
        {"steps_per_scale": 32, "width": 512, "steps": 60_000, "batch_size": 128},
        30,
    ),
    "ffjord_mnist": Job("ffjord_mnist", minutes=30, compile=False),  # <= 0.99 bits/dim
    "vae_mnist": Job("vae_mnist", {"steps": 300_000}, 10),  # <= 86.8 nats
    "iwae_mnist_paper": Job("iwae_mnist_paper", minutes=15),  # <= 84.8 nats
    "vamp_mnist": Job("vamp_mnist", {"binarise": "fixed", "steps": 300_000}, 15),  # <= 85.6 nats
    "iaf_mnist": Job("iaf_mnist", {"steps": 300_000}, 15),
    "hvae_vamp_mnist": Job("hvae_vamp_mnist", minutes=20),  # <= 83.2 nats
    "deep_mnist": Job("deep_mnist", minutes=30),  # <= 79 nats
    "pixelvae_mnist": Job("pixelvae_mnist", minutes=30),  # <= 80 nats
    "ddpm_mnist_large": Job("ddpm_mnist_large", minutes=15),
    # Diffusions of MNIST: `bench/diffusion_steps.py` measures the checkpoints.
    "ddpm_mnist": Job("ddpm_mnist", DIFFUSION, 2, compile=False),
    "edm_mnist": Job("edm_mnist", DIFFUSION, 2, compile=False),
    "flow_matching_mnist": Job("flow_matching_mnist", DIFFUSION, 2, compile=False),
    "score_sde_mnist": Job("score_sde_mnist", DIFFUSION, 2, compile=False),
    "ncsn_mnist": Job("ncsn_mnist", DIFFUSION, 2, compile=False),
    "dit_mnist": Job("dit_mnist", {"steps": 10_000}, 2, compile=False),
    "guided_mnist": Job("guided_mnist", DIFFUSION, 2, compile=False),
    "latent_diffusion_mnist": Job("latent_diffusion_mnist", {"steps": 8_000}, 2, compile=False),
    "consistency_mnist": Job("consistency_mnist", {"width": 32}, 3, compile=False),
    "reflow_mnist": Job("reflow_mnist", {"width": 32}, 3, compile=False),
    "vq_vae_mnist": Job("vq_vae_mnist", minutes=15),
    # MNIST, presets for half an hour of two CPU cores; bench/adversarial_mnist.py measures them.
    **{
        name: Job(name, minutes=9, bf16=False, compile=False)
        for name in (
            "dcgan_mnist",
            "wgan_mnist",
            "wgan_gp_mnist",
            "sngan_mnist",
            "sagan_mnist",
            "biggan_mnist",
            "pggan_mnist",
            "stylegan2_mnist",
            "fqgan_mnist",
            "cogan_mnist",
        )
    },
    # The same games with other rates and turns: which of them is the better.
    "pggan_mnist_fast": Job("pggan_mnist", {"lr": 2e-3}, 9, bf16=False, compile=False),
    "pggan_mnist_turns": Job("pggan_mnist", {"lr": 2e-3, "turns": 2}, 9, bf16=False, compile=False),
    "wgan_gp_mnist_fast": Job("wgan_gp_mnist", {"lr": 1e-3}, 9, bf16=False, compile=False),
    "pggan_digits": Job("pggan_digits", minutes=4, bf16=False, compile=False),
    "pggan_digits_fast": Job("pggan_digits", {"lr": 2e-3}, 4, bf16=False, compile=False),
    "pggan_digits_turns": Job(
        "pggan_digits", {"lr": 2e-3, "turns": 3}, 4, bf16=False, compile=False
    ),
    # Sprites: bench/mixing.py and bench/infogan.py measure them.
    "stylegan_sprites": Job("stylegan_sprites", minutes=9, bf16=False, compile=False),
    "infogan_sprites": Job("infogan_sprites", minutes=9, bf16=False, compile=False),
    # CIFAR-10 (JPEG): comparable among themselves only.
    "pixelcnn_pp_cifar10": Job("pixelcnn_pp_cifar10", minutes=30),
    "realnvp_cifar10": Job("realnvp_cifar10", minutes=30),
    "glow_cifar10": Job("glow_cifar10", minutes=30),
    "flowpp_cifar10": Job("flowpp_cifar10", minutes=30),
    "ddpm_cifar10": Job("ddpm_cifar10", minutes=30),
    "vq_vae_cifar10": Job("vq_vae_cifar10", minutes=20),
    # Published Frechet distances of Inception features stand in the presets' words.
    "dcgan_cifar10": Job("dcgan_cifar10", minutes=20, compile=False),
    "wgan_gp_cifar10": Job("wgan_gp_cifar10", minutes=60, compile=False),
    "sngan_cifar10": Job("sngan_cifar10", minutes=60, compile=False),
    "sagan_cifar10": Job("sagan_cifar10", minutes=60, compile=False),
    "biggan_cifar10": Job("biggan_cifar10", minutes=90, compile=False),
    "stylegan2_cifar10": Job("stylegan2_cifar10", minutes=120, bf16=False, compile=False),
}


def work_off(name: str, job: Job, seconds: float, out: Path) -> dict[str, Any]:
    """Trains a job for at most `seconds` more, measures it and returns the record."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    experiment = preset_called(job.preset).build(**job.knobs)
    recipe = dataclasses.replace(experiment.recipe, bf16=job.bf16, compile=job.compile)
    training = Training(experiment.model, experiment.data, recipe, device)
    training.preset = job.preset
    checkpoint = out / f"{name}.safetensors"
    if checkpoint.exists():
        training.resume(checkpoint)
    until = time.monotonic() + seconds
    for report in training:
        print(report, flush=True)
        if time.monotonic() > until:
            training.stop()
    training.save(checkpoint)
    return {
        "preset": job.preset,
        "knobs": job.knobs,
        "step": training.step,
        "steps": recipe.steps,
        "seed": recipe.seed,
        "training_minutes": round(training.seconds / 60, 2),
        "likelihood": _likelihood(training.result, experiment.data, job.k),
        "hardware": hardware(),
        "versions": versions(),
        "command": f"python bench/gpu.py --only {name}",
    }


def _likelihood(model: Any, data: Any, k: int | None) -> dict[str, Any] | None:
    if not isinstance(model, Density | Bounded):
        return None
    samples = (k or 500) if isinstance(model, Weighted) else None
    return nats(model, data.test, samples, size=32 if samples else 256).record()


def main() -> None:
    """Works off the queue in order, within the minutes given."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--only", nargs="*", choices=sorted(QUEUE), default=list(QUEUE))
    parser.add_argument("--out", type=Path, default=Path("results/gpu"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    until = time.monotonic() + 60 * options.minutes
    for name in options.only:
        left = until - time.monotonic()
        if left < 30:
            print(f"{name}: no time is left; it stays in the queue")
            continue
        record = work_off(name, QUEUE[name], min(left, 60 * QUEUE[name].minutes), options.out)
        (options.out / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n")
        print(json.dumps(record))


if __name__ == "__main__":
    main()
