"""What StyleGAN2 costs at 32, 64, 128 and 256 pixels: seconds a step, memory, samples a second.

python bench/stylegan2.py [--width 16 --most 512 --batch 16]

A step is the critic's and the generator's move with adaptive augmentation; the lazy penalties come
with every 16th and 4th, and 16 steps are timed. On CUDA the memory is what torch allocated at most;
on a CPU the process's peak, each size in a process of its own.
"""

from __future__ import annotations

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import torch
from harness import peak_memory, write

import pushforward as pf
from pushforward.models.adversarial.stylegan2 import StyleGAN2
from pushforward.objectives.adaptive_augmentation import AdaptiveAugmentation
from pushforward.training.loop import Training

SIZES = (32, 64, 128, 256)
STEPS = 16


def cost(size: int, width: int, most: int, batch: int, device: str) -> dict[str, Any]:
    """Trains for 2 x STEPS steps on noise, and times the second half."""
    torch.manual_seed(0)
    x = torch.randint(256, (64, 3, size, size)).to(torch.uint8)
    data = pf.data.tensors(x, validation=0.0, test=0.0)
    model = StyleGAN2(data.space, width=width, most=most, augment=AdaptiveAugmentation())
    optimizer = pf.Adam(2e-3, betas=(0.0, 0.99))
    recipe = pf.Recipe(2 * STEPS, batch, optimizer, report_every=STEPS, validate_every=0)
    seconds = []
    start = time.monotonic()
    training = Training(model, data, recipe, device)
    for _ in training:
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.monotonic() - start)
        start = time.monotonic()
    memory = torch.cuda.max_memory_allocated() if device == "cuda" else peak_memory()
    model.eval().sample(batch)
    start = time.monotonic()
    for _ in range(4):
        model.sample(batch)  # on the CPU at the end, so that it waits
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "seconds a step": round(seconds[-1] / STEPS, 4),
        "megabytes": round(memory / 1e6),
        "samples a second": round(4 * batch / (time.monotonic() - start), 1),
    }


def main() -> None:
    """Measures all sizes, one process each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--most", type=int, default=512)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--sizes", type=int, nargs="*", default=list(SIZES))
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    settings = options.width, options.most, options.batch
    record: dict = {"width": options.width, "most": options.most, "batch": options.batch}
    for size in options.sizes:
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            record[f"{size}x{size}"] = pool.submit(cost, size, *settings, device).result()
        print(size, record[f"{size}x{size}"], flush=True)
    write(f"stylegan2_{device}", record)


if __name__ == "__main__":
    main()
