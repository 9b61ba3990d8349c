"""A classifier that reads the factors of sprites off their images, for the benches beside it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pushforward.core.dataset import Dataset, Split


class Reader(nn.Module):
    """Images in [-1, 1] to logits of each factor: convolutions that halve the sides."""

    def __init__(self, channels: int, side: int, sizes: list[int], width: int = 32):
        super().__init__()
        layers: list[nn.Module] = []
        before = channels
        while side > 4:
            layers += [nn.Conv2d(before, width, 3, 2, 1), nn.BatchNorm2d(width), nn.ReLU()]
            before, side, width = width, side // 2, min(96, width * 2)
        self.net = nn.Sequential(*layers, nn.Flatten(), nn.Linear(before * side**2, 256), nn.ReLU())
        self.head, self.sizes = nn.Linear(256, sum(sizes)), sizes

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        return self.head(self.net(x)).split(self.sizes, 1)


def images_of(data: Dataset, split: Split, index: Tensor, device: str) -> tuple[Tensor, Tensor]:
    """Images in [-1, 1] and their factors (n, factors) int64."""
    (x,) = split.at(index, device)
    assert split.factors is not None
    return data.space.to_signed(x), split.factors[index].long().to(device)  # type: ignore[union-attr]


def reader_of(data: Dataset, device: str, steps: int = 2_500, batch: int = 64) -> Reader:
    """Trains on factors and images of the training split, from seed 0."""
    torch.manual_seed(0)
    sizes = [factor.values for factor in data.factors]
    reader = Reader(data.space.shape[0], data.space.shape[1], sizes).to(device)
    optimizer = torch.optim.Adam(reader.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 2e-3, total_steps=steps)
    for _ in range(steps):
        x, factors = images_of(data, data.train, torch.randint(len(data.train), (batch,)), device)
        terms = [F.cross_entropy(row, y) for row, y in zip(reader(x), factors.unbind(1))]
        optimizer.zero_grad()
        torch.stack(terms).sum().backward()
        optimizer.step()
        schedule.step()
    return reader.eval()


@torch.no_grad()
def read(reader: Reader, x: Tensor) -> Tensor:
    """The factors (n, factors) of images in [-1, 1]."""
    return torch.stack([row.argmax(1) for row in reader(x)], 1)


@torch.no_grad()
def accuracies(reader: Reader, data: Dataset, device: str, n: int = 5_000) -> dict[str, float]:
    """The share of test images that are read rightly, for each factor."""
    index = torch.arange(min(n, len(data.test)))
    right = torch.cat(
        [
            read(reader, x) == y
            for x, y in (images_of(data, data.test, part, device) for part in index.split(250))
        ]
    )
    rates = right.double().mean(0).tolist()
    return {factor.name: round(rate, 4) for factor, rate in zip(data.factors, rates)}
