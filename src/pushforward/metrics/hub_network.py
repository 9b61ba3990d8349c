"""Any vision model of the Hugging Face hub as an extractor, by its name.

    features(x) = pooled output where the model has one, else the mean over its tokens or places

The model's own preparation decides its mean, deviation and size; resizing is ours (bilinear,
antialiased, to the whole image), so that one rule serves all models and is printed.
Needs the extra `hub`, which is imported only here.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .features import Extractor, Resize

NEEDED = 'this needs the package transformers: pip install "pushforward[hub]"'


class Pooled(nn.Module):
    """One vector (batch, features) from a vision model's output."""

    def __init__(self, network: nn.Module):
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        """Maps images (batch, 3, height, width) to features (batch, features)."""
        output: Any = self.network(pixel_values=x)
        pooled = getattr(output, "pooler_output", None)
        if pooled is not None:
            return pooled.flatten(1)
        last = output.last_hidden_state
        return last.mean(1) if last.dim() == 3 else last.flatten(2).mean(2)


def hub_extractor(name: str, revision: str = "main") -> Extractor:
    """The extractor of the vision model "OWNER/NAME", for uint8 images of 256 levels.

    Raises ImportError where transformers is not installed, ValueError for a name that is not
    "OWNER/NAME" or a model without a size or a mean, OSError where it cannot be downloaded.
    """
    if len(name.split("/")) != 2 or not all(name.split("/")):
        raise ValueError(f'a model of the hub is named "OWNER/NAME", not {name!r}')
    try:
        from transformers import AutoImageProcessor, AutoModel
    except ImportError as error:
        raise ImportError(NEEDED) from error
    rule: Any = AutoImageProcessor.from_pretrained(name, revision=revision)
    network = Pooled(AutoModel.from_pretrained(name, revision=revision))
    height, width = _sides(name, rule)
    mean, deviation = (_channels(name, rule, word) for word in ("image_mean", "image_std"))

    def prepare(x: Tensor) -> Tensor:
        if x.dtype != torch.uint8 or x.dim() != 4 or x.shape[1] not in (1, 3):
            shape = f"{x.dtype} of shape {tuple(x.shape)}"
            raise ValueError(f"images must be uint8 (batch, 1 or 3, height, width), not {shape}")
        unit = x.float().expand(-1, 3, -1, -1) / 255
        return (unit - mean.to(x.device)) / deviation.to(x.device)

    return Extractor.of(name, network, prepare, Resize(height, width))


def _sides(name: str, rule: Any) -> tuple[int, int]:
    """The size that the model was trained at, from its crop or else its resizing."""
    for size in (getattr(rule, "crop_size", None), getattr(rule, "size", None)):
        known: dict[str, int] = dict(size) if size else {}
        if {"height", "width"} <= known.keys():
            return known["height"], known["width"]
        if "shortest_edge" in known:
            return known["shortest_edge"], known["shortest_edge"]
    raise ValueError(f"{name} does not say what size of images it takes: it is no vision model")


def _channels(name: str, rule: Any, word: str) -> Tensor:
    values = getattr(rule, word, None)
    if not values or len(values) != 3:
        raise ValueError(f"{name} says {word} {values!r}: three channels are needed")
    return torch.tensor(values).view(3, 1, 1)
