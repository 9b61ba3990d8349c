"""Masked layers: a perceptron whose i-th outputs see only what comes before i in some order.

Every hidden unit has a degree m, the number of leading dimensions that it may see:

    M_in[k, d] = [rank(d) < m(k)],   M[k, k'] = [m(k) >= m(k')],   M_out[d, k] = [rank(d) >= m(k)]

so that the product of the masks is strictly triangular in the order of the ranks.

MADE: Masked Autoencoder for Distribution Estimation (Germain et al., 2015), arXiv:1502.03509,
eqs. 12-13 (their degrees count from 1, ours are theirs; our ranks count from 0).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..core.blueprint import Component
from ..core.spaces import count


class MaskedLinear(nn.Linear):
    """A linear layer, some of whose weights are held at zero by a mask that each pass brings."""

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """The outputs (batch, out); `mask` is (out, in), of zeros and ones."""
        return F.linear(x, self.weight * mask, self.bias)


class MaskedMLP(Component):
    """(batch, dims, inputs) -> (batch, dims, outputs): row i sees only rows before i in the order.

    Args:
        dims: how many dimensions there are.
        inputs: features that each dimension enters as.
        outputs: parameters for each dimension.
        width: units in a hidden layer.
        layers: hidden layers.
        masks: how many sets of degrees (and orders) share the weights.
        shuffled: whether the orders are random, else natural.
        direct: connect inputs to outputs besides.
        context: length of a vector that every unit may see; 0 is none.
        seed: of the random orders and degrees.
    """

    ranks: Tensor
    degrees: Tensor
    hidden: Sequence[MaskedLinear]

    def __init__(
        self,
        dims: int,
        inputs: int = 1,
        outputs: int = 1,
        width: int = 500,
        layers: int = 1,
        masks: int = 1,
        shuffled: bool = False,
        direct: bool = False,
        context: int = 0,
        seed: int = 0,
    ):
        super().__init__()
        self.dims, self.inputs, self.outputs = count("dims", dims), inputs, outputs
        self.masks, self.width = count("masks", masks), count("width", width)
        sizes = [dims * inputs, *[width] * count("layers", layers)]
        hidden = nn.ModuleList(MaskedLinear(a, b) for a, b in pairwise(sizes))
        self.hidden = hidden  # type: ignore[assignment]
        self.leave = MaskedLinear(width, dims * outputs)
        self.direct = MaskedLinear(dims * inputs, dims * outputs, bias=False) if direct else None
        self.context = nn.Linear(context, width, bias=False) if context else None
        generator = torch.Generator().manual_seed(seed)
        self.register_buffer("ranks", _ranks(masks, dims, shuffled, generator).int())
        least = 0 if context else 1  # a unit of degree 0 sees the context alone
        degrees = _degrees(masks, layers, width, dims, least, generator)
        self.register_buffer("degrees", degrees.int())  # a compiled step reads them every time
        self._kept: tuple[tuple, tuple[Tensor, ...], list[Tensor]] | None = None

    def forward(self, x: Tensor, context: Tensor | None = None, which: int | Tensor = 0) -> Tensor:
        """The outputs for features `x` under set `which` of masks; `context` is (batch, length)."""
        masks = self._masks(which)
        x = h = x.flatten(1)
        for i, (layer, mask) in enumerate(zip(self.hidden, masks)):
            h = layer(h, mask)
            if i == 0 and self.context is not None:
                h = h + self.context(context)
            h = F.relu_(h)
        y = self.leave(h, masks[len(self.hidden)])
        if self.direct is not None:
            y = y + self.direct(x, masks[-1])
        return y.unflatten(1, (self.dims, self.outputs))

    def _masks(self, which: int | Tensor) -> list[Tensor]:
        """The masks of set `which`; the last set's are kept for as long as its degrees stay."""
        if isinstance(which, Tensor) or torch.compiler.is_compiling():
            return self._computed_masks(which)
        kept, weight = (self.degrees, self.ranks), self.leave.weight
        key = (which, weight.dtype, weight.device, *((id(t), t._version) for t in kept))
        if self._kept is None or self._kept[0] != key:
            with torch.inference_mode(False):  # else no later training could use them
                self._kept = key, kept, self._computed_masks(which)
        return self._kept[2]

    def _computed_masks(self, which: int | Tensor) -> list[Tensor]:
        """Zeros and ones for every hidden layer, the last layer and any direct connections.

        They are of the weights' own type: products with booleans are several times slower.
        """
        rank, degrees = self.ranks[which].float(), self.degrees[which].float()
        ins, outs = (rank.repeat_interleave(k) for k in (self.inputs, self.outputs))
        below = [ins + 1, *degrees]  # an input of rank r is seen by degrees above r
        pairs = [*zip([*degrees, outs], below), *([(outs, below[0])] if self.direct else [])]
        return [(rows[:, None] >= seen).to(self.leave.weight.dtype) for rows, seen in pairs]

    def order(self, which: int = 0) -> list[int]:
        """The dimensions in the order of set `which`: each depends on those before it."""
        return self.ranks[which].argsort().tolist()


class Unrolled:
    """Runs a `MaskedMLP` one dimension at a time, every hidden unit once.

    Inputs of rank r count as units of degree r + 1, outputs as a last layer of units whose degree
    is their rank: then a unit of degree m sees the units below it of degrees up to m, a *prefix*
    when all are sorted by degree. When the i-th dimension (in order) becomes known, exactly the
    units of degree i + 1 can be computed. They go in blocks of degrees: what a block sees of units
    before it is one product, what its units see of one another small products, so that a whole
    sample costs one pass, and a step as few and as small operations as can be.
    """

    BLOCK = 64  # degrees; the small products grow with it, the number of large ones falls

    def __init__(self, net: MaskedMLP, n: int, context: Tensor | None = None, which: int = 0):
        self.inputs, self.dims, order = net.inputs, net.dims, net.ranks[which].argsort()
        ins, outs = (_spread(order, k) for k in (net.inputs, net.outputs))
        weight = net.leave.weight
        x = below = _Units(weight, 1 + _spread_ranks(net.dims, net.inputs, weight.device), n)
        self.x, self.known, places = x, x.values.split(net.inputs), ins
        self.layers: list[_Layer] = []
        for i, (degrees, layer) in enumerate(zip(net.degrees[which], net.hidden)):
            rows = degrees.argsort(stable=True)
            shift = layer.bias.detach()[rows, None]
            if i == 0 and net.context is not None:
                shift = shift + net.context(context).detach().t()[rows]
            units = _Units(weight, degrees[rows], n)
            self.layers.append(_Layer(units, shift, [(_sorted(layer.weight, rows, places), below)]))
            below, places = units, rows
        self.outputs = _Units(weight, _spread_ranks(net.dims, net.outputs, weight.device), n)
        seen = [(_sorted(weight, outs, places), below)]
        if net.direct is not None:
            seen.append((_sorted(net.direct.weight, outs, ins), x))
        self.leave = _Layer(self.outputs, net.leave.bias.detach()[outs, None], seen)
        self.parts = self.outputs.values.split(net.outputs)
        self._compute(0)

    def parameters(self, i: int) -> Tensor:
        """The outputs (n, outputs) for the i-th dimension in order, once those before are known."""
        return self.parts[i].t()

    def know(self, i: int, features: Tensor) -> None:
        """Takes the features (n, inputs) of the i-th dimension in order."""
        self.known[i].copy_(features.t())
        if i + 1 < self.dims:
            self._compute(i + 1)

    def features(self) -> Tensor:
        """The features (n, dims * inputs) of all dimensions in order, as far as they are known."""
        return self.x.values.t()

    def all_parameters(self) -> Tensor:
        """The outputs (n, dims, outputs) for all dimensions in order, once they are known."""
        return self.outputs.values.t().unflatten(1, (self.dims, -1))

    def _compute(self, degree: int) -> None:
        """The units of one degree, layer by layer."""
        place = degree % self.BLOCK
        if not place:
            for layer in (*self.layers, self.leave):
                layer.enter(degree, min(degree + self.BLOCK, self.dims))
        for layer in self.layers:
            layer.compute(place)
            layer.rows[place].relu_()
        self.leave.compute(place)


class _Units:
    """The values (units, n) of a layer, sorted by degree, and where each degree begins."""

    def __init__(self, like: Tensor, degrees: Tensor, n: int):
        self.values, self.degrees = like.new_zeros(len(degrees), n), degrees
        self.starts = [0, *degrees.bincount(minlength=int(degrees.max()) + 1).cumsum(0).tolist()]

    def start(self, degree: int) -> int:
        """How many units are of a lower degree."""
        return self.starts[min(degree, len(self.starts) - 1)]


class _Layer:
    """Units that see a prefix of other units, by weights whose rows and columns are sorted."""

    def __init__(self, units: _Units, shift: Tensor, seen: list[tuple[Tensor, _Units]]):
        self.units, self.shift, self.seen = units, shift, seen

    def enter(self, first: int, last: int) -> None:
        """Takes in all that units of degrees first .. last - 1 see of those before `first`."""
        a, b = self.units.start(first), self.units.start(last)
        ends = [self.units.start(m) - a for m in range(first + 1, last)]
        values, degrees = self.units.values[a:b], self.units.degrees[a:b]
        values.copy_(self.shift[a:b].expand_as(values))
        self.rows, self.products = values.tensor_split(ends), []
        for weight, below in self.seen:
            p, q = below.start(first), below.start(last)
            values.addmm_(weight[a:b, :p], below.values[:p])
            allowed = degrees[:, None] >= below.degrees[p:q]
            within = (weight[a:b, p:q] * allowed).tensor_split(ends)
            self.products.append((within, below.values[p:q]))

    def compute(self, place: int) -> None:
        """Takes in what units of the block's degree `place` see of the block."""
        for within, below in self.products:
            self.rows[place].addmm_(within[place], below)


def _ranks(masks: int, dims: int, shuffled: bool, generator: torch.Generator) -> Tensor:
    """The place of each dimension in the order, (masks, dims)."""
    if not shuffled:
        return torch.arange(dims).repeat(masks, 1)
    return torch.stack([torch.randperm(dims, generator=generator) for _ in range(masks)])


def _degrees(
    masks: int, layers: int, width: int, dims: int, least: int, generator: torch.Generator
) -> Tensor:
    """(masks, layers, width): evenly spread for a single mask, else drawn uniformly."""
    span = max(dims - least, 1)
    if masks == 1:
        return (least + torch.arange(width) * span // width).repeat(1, layers, 1)
    return torch.randint(least, least + span, (masks, layers, width), generator=generator)


def _sorted(weight: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """`weight` with its rows and columns in these orders; as it is where they are so already."""
    weight = weight.detach()
    for axis, index in enumerate((rows, columns)):
        if not torch.equal(index, torch.arange(len(index), device=index.device)):
            weight = weight.index_select(axis, index)
    return weight


def _spread_ranks(dims: int, k: int, device: torch.device) -> Tensor:
    """The ranks of the k numbers of every dimension, in order."""
    return torch.arange(dims, device=device).repeat_interleave(k)


def _spread(index: Tensor, k: int) -> Tensor:
    """The places of the k numbers of every dimension.

    >>> _spread(torch.tensor([2, 0]), 2).tolist()
    [4, 5, 0, 1]
    """
    return (index[:, None] * k + torch.arange(k, device=index.device)).flatten()
