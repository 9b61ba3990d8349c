"""Inception-v3 as FID knows it: the 2015-12-05 TensorFlow graph, in plain torch.

    uint8 images -> bilinear 299x299 of TensorFlow 1 -> (x - 128) / 128 -> 2,048 features

Szegedy et al. (2016), arXiv:1512.00567, table 1; Heusel et al. (2017), arXiv:1706.08500. Where the
graph differs from the published network, and hence from torchvision's:
- averages over 3x3 windows leave the padding out of the count;
- the pooling branch of the last block takes the largest value, not the average;
- 1,008 logits, of which Inception Score uses the product with the weights without the bias;
- images are resized without antialiasing and without half-pixel centres.

Names of weights are those of the public port pt_inception-2015-12-05-6726825d.pth, which is read
from a local file or downloaded once (95,628,359 bytes) and checked against its sha256.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..core.spaces import Pixels
from .features import Extractor, Features

URL = (
    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
    "pt_inception-2015-12-05-6726825d.pth"
)
SHA256 = "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2"
Step = tuple  # (name, channels, kernel) or (name, channels, kernel, stride)


class ConvNorm(nn.Module):
    """Convolution without bias, batch normalisation, ReLU; padded unless it strides or is told."""

    def __init__(self, inputs: int, outputs: int, kernel, stride: int = 1, padded: bool = True):
        super().__init__()
        height, width = kernel if isinstance(kernel, tuple) else (kernel, kernel)
        padding = (height // 2, width // 2) if padded and stride == 1 else 0
        self.conv = nn.Conv2d(inputs, outputs, (height, width), stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=0.001)

    def forward(self, x: Tensor) -> Tensor:
        """Maps (batch, inputs, h, w) to (batch, outputs, h', w')."""
        return F.relu(self.bn(self.conv(x)), inplace=True)


def average(x: Tensor) -> Tensor:
    """3x3 means that leave out the padding."""
    return F.avg_pool2d(x, 3, 1, 1, count_include_pad=False)


def largest(x: Tensor) -> Tensor:
    """3x3 maxima at the same size."""
    return F.max_pool2d(x, 3, 1, 1)


def halved(x: Tensor) -> Tensor:
    """3x3 maxima at every second place, without padding."""
    return F.max_pool2d(x, 3, 2)


class Mixed(nn.Module):
    """Parallel paths, concatenated. A path is a list of steps; a list in its last place forks.

    The last path follows `pooling`; it may be empty.
    """

    def __init__(self, inputs: int, paths: Sequence[list], pooling: Features):
        super().__init__()
        self.paths = [[[s[0] for s in self.fork(step)] for step in path] for path in paths]
        self.pooling = pooling
        for path in paths:
            channels = inputs
            for step in path:
                for name, outputs, *form in self.fork(step):
                    self.add_module(name, ConvNorm(channels, outputs, *form))
                channels = outputs

    @staticmethod
    def fork(step: Step | list) -> list:
        """A step as a list of parallel steps."""
        return step if isinstance(step, list) else [step]

    def forward(self, x: Tensor) -> Tensor:
        """Maps (batch, inputs, h, w) to (batch, sum of the paths' outputs, h', w')."""
        starts = [x] * (len(self.paths) - 1) + [self.pooling(x)]
        return torch.cat([self.follow(path, x) for path, x in zip(self.paths, starts)], 1)

    def follow(self, path: list, x: Tensor) -> Tensor:
        """One path."""
        for names in path:
            x = torch.cat([self.get_submodule(name)(x) for name in names], 1)
        return x


def block_35(inputs: int, pooled: int) -> Mixed:
    """At 35x35: 1x1, 5x5, two 3x3, pooling."""
    double = [(f"branch3x3dbl_{i}", n, k) for i, n, k in ((1, 64, 1), (2, 96, 3), (3, 96, 3))]
    five = [("branch5x5_1", 48, 1), ("branch5x5_2", 64, 5)]
    return Mixed(
        inputs, [[("branch1x1", 64, 1)], five, double, [("branch_pool", pooled, 1)]], average
    )


def reduce_35(inputs: int) -> Mixed:
    """From 35x35 to 17x17."""
    double = [("branch3x3dbl_1", 64, 1), ("branch3x3dbl_2", 96, 3), ("branch3x3dbl_3", 96, 3, 2)]
    return Mixed(inputs, [[("branch3x3", 384, 3, 2)], double, []], halved)


def block_17(inputs: int, n: int) -> Mixed:
    """At 17x17: 1x1, 7x7 as 1x7 and 7x1, twice that, pooling."""
    row, column = (1, 7), (7, 1)
    seven = [("branch7x7_1", n, 1), ("branch7x7_2", n, row), ("branch7x7_3", 192, column)]
    forms = ((n, 1), (n, column), (n, row), (n, column), (192, row))
    double = [(f"branch7x7dbl_{i + 1}", *form) for i, form in enumerate(forms)]
    return Mixed(
        inputs, [[("branch1x1", 192, 1)], seven, double, [("branch_pool", 192, 1)]], average
    )


def reduce_17(inputs: int) -> Mixed:
    """From 17x17 to 8x8."""
    forms = ((192, 1), (192, (1, 7)), (192, (7, 1)), (192, 3, 2))
    seven = [(f"branch7x7x3_{i + 1}", *form) for i, form in enumerate(forms)]
    return Mixed(inputs, [[("branch3x3_1", 192, 1), ("branch3x3_2", 320, 3, 2)], seven, []], halved)


def block_8(inputs: int, pooling: Features) -> Mixed:
    """At 8x8: 1x1, 3x3 forked into a row and a column, twice that, pooling."""
    forks = [
        [(f"{name}a", 384, (1, 3)), (f"{name}b", 384, (3, 1))]
        for name in ("branch3x3_2", "branch3x3dbl_3")
    ]
    single = [("branch3x3_1", 384, 1), forks[0]]
    double = [("branch3x3dbl_1", 448, 1), ("branch3x3dbl_2", 384, 3), forks[1]]
    return Mixed(
        inputs, [[("branch1x1", 320, 1)], single, double, [("branch_pool", 192, 1)]], pooling
    )


class InceptionV3(nn.Module):
    """(batch, 3, 299, 299) in [-1, 1] to 2,048 features."""

    def __init__(self) -> None:
        super().__init__()
        self.Conv2d_1a_3x3 = ConvNorm(3, 32, 3, stride=2)
        self.Conv2d_2a_3x3 = ConvNorm(32, 32, 3, padded=False)
        self.Conv2d_2b_3x3 = ConvNorm(32, 64, 3)
        self.Conv2d_3b_1x1 = ConvNorm(64, 80, 1)
        self.Conv2d_4a_3x3 = ConvNorm(80, 192, 3, padded=False)
        for letter, inputs, pooled in (("b", 192, 32), ("c", 256, 64), ("d", 288, 64)):
            self.add_module(f"Mixed_5{letter}", block_35(inputs, pooled))
        self.Mixed_6a = reduce_35(288)
        for letter, width in (("b", 128), ("c", 160), ("d", 160), ("e", 192)):
            self.add_module(f"Mixed_6{letter}", block_17(768, width))
        self.Mixed_7a = reduce_17(768)
        self.Mixed_7b = block_8(1280, average)
        self.Mixed_7c = block_8(2048, largest)
        self.fc = nn.Linear(2048, 1008)

    def forward(self, x: Tensor) -> Tensor:
        """Features (batch, 2048): the means over the last 8x8 places."""
        x = halved(self.Conv2d_2b_3x3(self.Conv2d_2a_3x3(self.Conv2d_1a_3x3(x))))
        x = halved(self.Conv2d_4a_3x3(self.Conv2d_3b_1x1(x)))
        for place in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c"):
            x = self.get_submodule(f"Mixed_{place}")(x)
        return x.mean((2, 3))

    def logits(self, features: Tensor) -> Tensor:
        """Logits (batch, 1008) without the bias, as Inception Score has always taken them."""
        return features @ self.fc.weight.T


@dataclass(frozen=True)
class ResizeTF1:
    """TensorFlow 1's bilinear resizing: place i reads from i * old / new, no antialiasing."""

    height: int = 299
    width: int = 299

    def __call__(self, x: Tensor) -> Tensor:
        """Images (batch, channels, self.height, self.width) of float images."""
        return along(along(x, self.height, 2), self.width, 3)

    def __str__(self) -> str:
        return f"bilinear of TensorFlow 1, {self.height}x{self.width}"


def along(x: Tensor, size: int, dim: int) -> Tensor:
    """Resizes one dimension."""
    old = x.shape[dim]
    place = torch.arange(size, dtype=torch.float32, device=x.device) * (old / size)
    low = place.long().clamp(max=old - 1)
    share = (place - low).to(x.dtype).view([-1 if d == dim else 1 for d in range(x.dim())])
    a, b = x.index_select(dim, low), x.index_select(dim, (low + 1).clamp(max=old - 1))
    return a + (b - a) * share


def prepare(x: Tensor) -> Tensor:
    """uint8 images (batch, 1 or 3, h, w) to three float channels, (x - 128) / 128."""
    if x.dim() != 4 or x.shape[1] not in (1, 3):
        raise ValueError(f"images must be (batch, 1 or 3, height, width), not {tuple(x.shape)}")
    Pixels(*x.shape[1:]).check(x)
    return (x.float().expand(-1, 3, -1, -1) - 128) / 128


def weights_file(path: str | Path | None = None) -> Path:
    """The weights file, downloaded to torch's hub folder where no `path` is given.

    Raises FileNotFoundError for a path that is not there, ValueError for a file of another sha256,
    OSError where it cannot be downloaded.
    """
    if path is None:
        path = Path(torch.hub.get_dir()) / "checkpoints" / URL.rsplit("/", 1)[1]
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            _download(path)
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no Inception weights at {path}: they can be had from {URL}")
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != SHA256:
        raise ValueError(f"{path} has sha256 {found}, not {SHA256}: delete it and try again")
    return path


def _download(path: Path) -> None:
    try:
        torch.hub.download_url_to_file(URL, str(path), hash_prefix=SHA256)
    except OSError as error:  # no network, no such host, no room
        raise OSError(
            f"the Inception weights could not be downloaded ({error}): fetch {URL} on a machine "
            f"that can, and put it at {path} or give its path"
        ) from error


def inception_extractor(path: str | Path | None = None) -> Extractor:
    """The standard extractor of FID, KID and IS, for uint8 images of 256 levels and any size."""
    network = InceptionV3()
    weights = torch.load(weights_file(path), map_location="cpu", weights_only=True)
    load(network, weights)
    name = "Inception-v3 2015-12-05 (FID)"
    return Extractor.of(name, network, prepare, ResizeTF1(), network.logits)


def load(network: InceptionV3, weights: dict[str, Tensor]) -> None:
    """Loads a state dict; batch counters, which old files lack, may be missing, nothing else."""
    missing, unexpected = network.load_state_dict(weights, strict=False)
    wrong = [k for k in missing if not k.endswith("num_batches_tracked")] + list(unexpected)
    if wrong:
        raise ValueError(f"not the FID Inception weights: {len(wrong)} names differ, as {wrong[0]}")
