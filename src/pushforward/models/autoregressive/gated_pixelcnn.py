"""Gated PixelCNN: a stack for the rows above and a stack for the row, gates, and labels.

    p(x | y) = prod_i p(x_i | x_<i, y),    each unit tanh(W_f * x + V_f y) o sigma(W_g * x + V_g y)

where y is a label, or a map of features at every pixel, which V convolves pixel by pixel.

The vertical stack sees every pixel above, the horizontal one every pixel to the left: together all
that raster order allows, where the masks of a PixelCNN leave a blind spot.

Conditional Image Generation with PixelCNN Decoders (van den Oord et al., 2016), arXiv:1606.05328,
eqs. 2-5 (eq. 5: maps), figures 1-2, section 2.

Differs from the paper: values may enter as learned vectors instead of scaled; labels are one-hot
(h in the paper), not embeddings of another network.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional as F

from ...core.catalogue import example, system
from ...core.spaces import Pixels, Space, count
from ...nn.conditions import width_of
from ...nn.gated import GatedLayer
from ...nn.masked_conv import MaskedConv
from .pixelcnn import odd, relu_through
from .raster import Raster, RasterRun, image_of, map_or_vector


class GatedPixelCNN(Raster):
    """An exact density over images or grids of codes, given a class, a map, both or nothing.

    Args:
        space: Pixels, whose channels are red before green before blue; or Tokens of a grid.
        width: features, a multiple of the channels.
        layers: gated layers after the first.
        kernel: of their convolutions, odd.
        first: kernel of the first convolution, odd.
        classes: number of labels to condition on; 0 is none.
        embedding: length of the learned vectors as which values enter; 0 scales them to [-1, 1].
        context: features at every pixel (batch, context, height, width) to condition on, after the
            label; or (length,) of a vector, the same everywhere; 0 is none.
    """

    def __init__(
        self,
        space: Space,
        width: int = 120,
        layers: int = 7,
        kernel: int = 3,
        first: int = 7,
        classes: int = 0,
        embedding: int = 0,
        context: int | tuple[int] = 0,
    ):
        _, height, breadth, _ = image_of(space, "GatedPixelCNN")
        super().__init__(space, classes, embedding, map_or_vector(context, height, breadth))
        channels = self.channels
        if width % channels:
            raise ValueError(f"width must be a multiple of the {channels} channels, not {width}")
        far, reach = odd("first", first) // 2, odd("kernel", kernel) // 2
        given = (channels, width_of(self.given))
        enter = GatedLayer(channels * self.size, width, far, *given, first=True)
        deeper = [GatedLayer(width, width, reach, *given) for _ in range(layers)]
        count("layers", layers)
        self.layers: Sequence[GatedLayer] = nn.ModuleList([enter, *deeper])  # type: ignore[assignment]
        self.hidden = MaskedConv(width, width, groups=channels)
        self.leave = MaskedConv(width, channels * self.head.outputs, groups=channels)

    def network(self, features: Tensor, c: Tensor | None) -> Tensor:
        """Parameters (batch, channels * outputs, height, width)."""
        v = h = features
        for layer in self.layers:
            v, h = layer(v, h, c)
        return self.leave(F.relu(self.hidden(F.relu(h))))

    def run_rows(self, n: int, c: Tensor | None) -> RasterRun:
        """The network, one channel of one pixel at a time."""
        return _Rows(self, n, c)


class _Rows(RasterRun):
    """Every layer under way."""

    def __init__(self, model: GatedPixelCNN, n: int, c: Tensor | None):
        width = model.breadth
        self.layers = [layer.run(n, width, c) for layer in model.layers]
        self.hidden, self.leave = (conv.run(n, width) for conv in (model.hidden, model.leave))

    def next_row(self) -> None:
        seen = self.layers[0].horizontal
        v = seen.row[seen.inside].permute(2, 1, 0).unsqueeze(2)
        for layer in self.layers:
            v = layer.next_row(v)

    def parameters(self, column: int, group: int) -> Tensor:
        h = self.layers[0].at(None, column, group)
        for layer in self.layers[1:]:
            h = layer.at(h, column, group)
        h = relu_through(self.hidden, h, column, group)
        return relu_through(self.leave, h, column, group)

    def see(self, column: int, group: int, features: Tensor) -> None:
        self.layers[0].horizontal.slot(column, group).copy_(features)


@example(data="bars?height=2")
def gated_pixelcnn() -> GatedPixelCNN:
    """Two layers on tiny images: the density can be summed."""
    return GatedPixelCNN(Pixels(1, 2, 4, levels=2), width=12, layers=2, first=5)


system(
    "gated-pixelcnn",
    lecture=2,
    title="Gated PixelCNN: two stacks without a blind spot",
    paper="https://arxiv.org/abs/1606.05328",
)
