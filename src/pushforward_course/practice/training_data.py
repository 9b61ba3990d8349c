"""What the training tasks learn, drawn anew from a run's random numbers."""

from __future__ import annotations

import numpy as np
import torch

import pushforward as pf


def picture(draw: np.random.Generator, levels: int, entropy: float) -> np.ndarray:
    """Probabilities (levels, levels) of a random grey picture with a given entropy in nats."""
    axis = np.linspace(0, 1, levels)
    grey = np.zeros((levels, levels))
    for _ in range(12):
        x, y, width = draw.uniform(0.1, 0.9), draw.uniform(0.1, 0.9), draw.uniform(0.03, 0.25)
        away = (axis[:, None] - x) ** 2 + (axis[None] - y) ** 2
        grey += draw.uniform(0.3, 1.0) * np.exp(-away / (2 * width**2))
    low, high = 0.0, 50.0  # the entropy falls with contrast
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if _entropy(_sharp(grey, middle)) > entropy else (low, middle)
    return _sharp(grey, low)


def _sharp(grey: np.ndarray, contrast: float) -> np.ndarray:
    powered = contrast * np.log(grey + 1e-12)
    mass = np.exp(powered - powered.max())
    return mass / mass.sum()


def _entropy(mass: np.ndarray) -> float:
    return float(-(mass * np.log(mass + 1e-300)).sum())


def strokes(draw: np.random.Generator, full: bool) -> tuple[np.ndarray, np.ndarray]:
    """Black and white digits to train and to hold out, uint8 (n, height, width).

    8x8 of scikit-learn; full: MNIST above 127. Which are held out is drawn.
    """
    if full:
        data = pf.data.mnist(binarise="threshold")
        train, held = data.train.tensors[0].numpy(), data.test.tensors[0].numpy()
        return train[:, 0], held[draw.permutation(len(held))[:1_000], 0]
    data = pf.data.digits(levels=2)
    every = np.concatenate([part.tensors[0].numpy() for part in (data.train, data.test)])[:, 0]
    every = every[draw.permutation(len(every))]
    return every[:1_200], every[1_200:]


def colours(draw: np.random.Generator, full: bool, n: int = 3_000) -> tuple[np.ndarray, np.ndarray]:
    """Colour images to train and to hold out, float32 (n, 3, side, side), of mean 0 and scale 1.

    Sprites of 8x8; full: CIFAR-10.
    """
    if full:
        data = pf.data.cifar10()
        images, held = data.train.tensors[0], data.test.tensors[0][:1_000]
    else:
        data = pf.data.sprites(size=8, scales=3, orientations=8, colours=7)
        rows = torch.from_numpy(draw.permutation(len(data.train))[: n + 500])
        images = data.train.at(rows)[0]
        images, held = images[:n], images[n:]
    centre, scale = images.float().mean(), images.float().std()
    train, rest = ((x.float() - centre).div(scale).numpy() for x in (images, held))
    return train, rest


def ring(draw: np.random.Generator, n: int) -> np.ndarray:
    """Eight Gaussians on a circle that is turned at random, float32 (n, 2)."""
    angle = 2 * np.pi * (draw.integers(0, 8, n) + draw.uniform(0, 1)) / 8
    centres = 2 * np.stack([np.cos(angle), np.sin(angle)], 1)
    return (centres + 0.15 * draw.standard_normal((n, 2))).astype("float32")
