"""A share of a batch: what a process, or a part of an accumulated batch, sees of it.

A batch is cut over the processes of a run, and in each of them perhaps into parts, for memory. That
shall change no number: within a `Share` every draw of noise for its rows is a draw for the whole
batch, of which its rows are taken. All processes draw from one random state, so each row has the
noise that one process alone would have given it. What couples the rows of a batch (a moment, a
count, batch normalisation) says so by `total`, or by `whole`.

A dimension stands for rows where it is a multiple of their number: the first that is. What is
mistaken for one, or is drawn in another order, is noise all the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch import distributed as dist
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

_shared: list[Share] = []


def rank() -> int:
    """Which process this is, 0 where there is one."""
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def world() -> int:
    """How many processes there are."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def part_of(n: int, which: int, parts: int) -> slice:
    """The rows of the part `which` of `n` rows; parts differ by one row at most.

    >>> [part_of(7, i, 3) for i in range(3)]
    [slice(0, 2, None), slice(2, 4, None), slice(4, 7, None)]
    """
    return slice(n * which // parts, n * (which + 1) // parts)


class Noise:
    """The random state of torch's global generators, to be drawn from again."""

    def __init__(self, device: torch.device):
        self.device, self.cpu = device, torch.get_rng_state()
        self.cuda = torch.cuda.get_rng_state(device) if device.type == "cuda" else None

    def again(self) -> None:
        """Goes back to it."""
        torch.set_rng_state(self.cpu)
        if self.cuda is not None:
            torch.cuda.set_rng_state(self.cuda, self.device)


class Share(TorchFunctionMode):
    """Within it the `rows` of a batch of `n` are under way, with the noise of the whole batch.

    Where `apart` is true other processes have the other rows, and `total` is a sum over them all;
    `norms` says whether batch normalisation is by the moments of all.
    """

    def __init__(self, rows: slice, n: int, apart: bool = False, norms: bool = True):
        super().__init__()
        self.rows, self.n, self.apart, self.norms = rows, n, apart, norms

    @property
    def mine(self) -> int:
        """How many rows it has."""
        return self.rows.stop - self.rows.start

    def __enter__(self) -> Any:
        _shared.append(self)
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        _shared.pop()

    @contextmanager
    def silent(self) -> Iterator[None]:
        """The share, but with noise of this process's own: what is compiled cannot be told."""
        _shared.append(self)
        try:
            yield
        finally:
            _shared.pop()

    def __torch_function__(
        self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None
    ) -> Any:
        """Torch's functions as they are, but for those that draw, or look at a whole batch."""
        kwargs = kwargs or {}
        drawn = _DRAWN.get(function)
        return function(*args, **kwargs) if drawn is None else drawn(self, function, args, kwargs)

    def dimension(self, shape: tuple[int, ...]) -> int | None:
        """Which dimension of a shape stands for rows; None where none does."""
        if self.mine in (0, self.n):
            return None
        exact = (d for d, size in enumerate(shape) if size == self.mine)
        several = (d for d, size in enumerate(shape) if size and size % self.mine == 0)
        return next(several if shape and shape[0] % self.mine == 0 else exact, None)

    def enlarged(self, shape: tuple[int, ...], d: int) -> tuple[int, ...]:
        """The shape of the same for the whole batch."""
        return (*shape[:d], shape[d] // self.mine * self.n, *shape[d + 1 :])

    def cut(self, drawn: Tensor, d: int) -> Tensor:
        """Of what was drawn for the whole batch this share's rows."""
        each = drawn.shape[d] // self.n
        return drawn.narrow(d, self.rows.start * each, self.mine * each)

    def like(self, x: Tensor, d: int) -> Tensor:
        """Room for the same of the whole batch, whose numbers lie in memory as torch has them: in
        the order of x's where x is dense, else in that of its dimensions.
        """
        shape, order = self.enlarged(tuple(x.shape), d), list(range(x.dim()))
        if _is_dense(x):
            order.sort(key=lambda i: -x.stride()[i])
        room = x.new_empty([shape[i] for i in order])
        return room.permute([order.index(i) for i in range(x.dim())])

    def padded(self, x: Tensor, d: int) -> Tensor:
        """What draws are made by, for the whole batch: the other rows are ones, and are unused."""
        whole = self.like(x, d).fill_(1)
        self.cut(whole, d).copy_(x)
        return whole


def _is_dense(x: Tensor) -> bool:
    """Whether the numbers of `x` fill a stretch of memory, in whatever order of dimensions."""
    size = 1
    for stride, n in sorted((x.stride(i), x.shape[i]) for i in range(x.dim()) if x.shape[i] > 1):
        if stride != size:
            return False
        size *= n
    return True


def _of_shape(share: Share, function: Callable, args: tuple, kwargs: dict) -> Any:
    """`torch.randn(*shape)` and its like."""
    first = 0 if function is not torch.randint else sum(isinstance(a, int) for a in args)
    shape = kwargs["size"] if "size" in kwargs else args[first:]
    if len(shape) == 1 and not isinstance(shape[0], int):
        shape = shape[0]
    d = share.dimension(tuple(shape))
    if d is None:
        return function(*args, **kwargs)
    rest = {k: v for k, v in kwargs.items() if k != "size"}
    return share.cut(function(*args[:first], share.enlarged(tuple(shape), d), **rest), d)


def _alike(share: Share, function: Callable, args: tuple, kwargs: dict) -> Any:
    """`torch.randn_like(x)` and its like."""
    d = share.dimension(tuple(args[0].shape))
    if d is None:
        return function(*args, **kwargs)
    return share.cut(function(share.like(args[0], d), *args[1:], **kwargs), d)


def _in_place(share: Share, function: Callable, args: tuple, kwargs: dict) -> Any:
    """`x.normal_()` and its like."""
    x = args[0]
    d = share.dimension(tuple(x.shape))
    if d is None:
        return function(*args, **kwargs)
    shape = share.enlarged(tuple(x.shape), d)
    gaps = not _is_dense(x) and x.stride(d) == max(x.stride())  # a part of wider rows
    room = x.new_empty_strided(shape, x.stride()) if gaps else share.like(x, d)
    drawn = function(room, *args[1:], **kwargs)
    return x.copy_(share.cut(drawn, d))


def _by_values(share: Share, function: Callable, args: tuple, kwargs: dict) -> Any:
    """`torch.bernoulli(p)` and its like: one draw for each row of what they are given."""
    given = [a for a in args if isinstance(a, Tensor) and a.dim()]
    d = share.dimension(tuple(given[0].shape)) if given else None
    if d is None:
        return function(*args, **kwargs)
    padded = (share.padded(a, d) if any(a is g for g in given) else a for a in args)
    return share.cut(function(*padded, **kwargs), d)


def _dropout(share: Share, function: Callable, args: tuple, kwargs: dict) -> Any:
    """`F.dropout` for the whole batch, of which these are rows."""
    x = args[0]
    d = share.dimension(tuple(x.shape))
    if d is None:
        return function(*args, **kwargs)
    ones = share.like(x, d).fill_(1)
    rest = {k: v for k, v in kwargs.items() if k != "inplace"}
    return x * share.cut(function(ones, *args[1:3], **rest), d)


def _batch_norm(share: Share, function: Callable, args: tuple, kwargs: dict) -> Any:
    """`F.batch_norm` by the moments of the whole batch, where other processes have a part of it."""
    given = dict(zip(("input", "running_mean", "running_var", "weight", "bias"), args))
    given |= dict(zip(("training", "momentum", "eps"), args[5:])) | kwargs
    if not (share.norms and share.apart and given.get("training", False)):
        return function(*args, **kwargs)
    x, momentum = given["input"], given.get("momentum", 0.1)
    average, variance, count = moments(x)
    if given.get("running_mean") is not None:
        with torch.no_grad():
            given["running_mean"].lerp_(average.to(given["running_mean"].dtype), momentum)
            unbiased = variance * count / (count - 1)
            given["running_var"].lerp_(unbiased.to(given["running_var"].dtype), momentum)
    weight, bias, eps = given.get("weight"), given.get("bias"), given.get("eps", 1e-5)
    broad = (1, -1, *[1] * (x.dim() - 2))
    z = (x - average.view(broad)) * (variance + eps).rsqrt().view(broad)
    z = z if weight is None else z * weight.view(broad)
    return z if bias is None else z + bias.view(broad)


@contextmanager
def thinned(k: int) -> Iterator[slice]:
    """Within it only each `k`-th row of the whole batch is under way: the slice of those here."""
    before = [(share.rows, share.n) for share in _shared]
    start = sum(share.rows.start for share in _shared)
    for share in _shared:
        share.rows = slice(-(-share.rows.start // k), -(-share.rows.stop // k))
        share.n = -(-share.n // k)
    try:
        yield slice(-start % k, None, k)
    finally:
        for share, (rows, n) in zip(_shared, before):
            share.rows, share.n = rows, n


class _Total(torch.autograd.Function):
    """The sum over processes; so is its gradient's, however often one differentiates."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        """Of every process's `x`."""
        found = x.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(found)
        return found

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        """Of every process's gradient."""
        return _Total.apply(gradients[0])


def apart() -> bool:
    """Whether other processes have other rows of the batch under way."""
    return any(share.apart for share in _shared)


def uneven() -> float:
    """How much more rows this process has than one has on the average."""
    share = next((s for s in _shared if s.apart), None)
    return 1.0 if share is None else share.mine * world() / share.n


def total(x: Tensor) -> Tensor:
    """The sum of `x` over the processes that share the batch, with gradients; else `x`.

    >>> total(torch.ones(2))
    tensor([1., 1.])
    """
    return _Total.apply(x) if apart() else x


def number(x: Tensor) -> float:
    """How many rows there are of what `x` holds some of."""
    return float(total(torch.tensor(float(len(x)), device=x.device))) if apart() else len(x)


def mean(x: Tensor) -> Tensor:
    """The mean over the first dimension of the whole batch, whoever has its rows."""
    return total(x.sum(0)) / number(x) if apart() else x.mean(0)


def moments(x: Tensor) -> tuple[Tensor, Tensor, float]:
    """Mean and biased variance of every channel (batch, channels, ...), and of how many numbers."""
    axes = [0, *range(2, x.dim())]
    if not apart():
        variance, average = torch.var_mean(x, axes, correction=0)
        return average, variance, x.numel() // x.shape[1]
    count = number(x) * (x[:1].numel() // x.shape[1] if len(x) else 1)
    average = total(x.sum(axes)) / count
    centred = x - average.view(1, -1, *[1] * (x.dim() - 2))
    return average, total(centred.square().sum(axes)) / count, count


def _place(n: int, device: torch.device) -> tuple[int, int]:
    """Where the rows of this process begin, it having `n` of them, and how many all have."""
    each = torch.zeros(world(), dtype=torch.int64, device=device)
    each[rank()] = n
    dist.all_reduce(each)
    sizes = each.tolist()
    return sum(sizes[: rank()]), sum(sizes)


def whole(x: Tensor) -> Tensor:
    """The rows of all processes in their order, with gradients; else `x`."""
    if not apart():
        return x
    start, n = _place(len(x), x.device)
    before, after = (x.new_zeros(rows, *x.shape[1:]) for rows in (start, n - start - len(x)))
    return total(torch.cat([before, x, after]))


def mine(found: Tensor, n: int) -> Tensor:
    """Of what was found for the whole batch the `n` rows of this process; else all."""
    return found.narrow(0, _place(n, found.device)[0], n) if apart() else found


def drawn_rows(x: Tensor, k: int) -> Tensor:
    """`k` rows of the whole batch, drawn with replacement: the same for all processes."""
    with torch._C.DisableTorchFunction():
        if not apart():
            return x[torch.randint(len(x), (k,), device=x.device)]
        start, n = _place(len(x), x.device)
        index = torch.randint(n, (k,), device=x.device)
        dist.broadcast(index, 0)
        here = (index >= start) & (index < start + len(x))
        found = x.new_zeros(k, *x.shape[1:])
        found[here] = x[index[here] - start]
        return total(found)


def places(n: int, device: torch.device) -> tuple[Tensor, int]:
    """Which places `n` rows have when the whole batch is put in random order; and of how many."""
    size = n
    for share in reversed(_shared):
        size = size // max(1, share.mine) * share.n
    with torch._C.DisableTorchFunction():
        order = torch.randperm(size, device=device)
        for share in _shared:
            order = share.cut(order, 0) if len(order) >= share.n else order
    return order, size


_DRAWN: dict[Any, Callable[[Share, Callable, tuple, dict], Any]] = {
    **dict.fromkeys((torch.randn, torch.rand, torch.randint), _of_shape),
    **dict.fromkeys((torch.randn_like, torch.rand_like, torch.randint_like), _alike),
    **dict.fromkeys((torch.bernoulli, torch.poisson, torch.multinomial, torch.normal), _by_values),
    **dict.fromkeys((torch._standard_gamma, torch.binomial, torch._sample_dirichlet), _by_values),
    **dict.fromkeys(
        (
            torch.Tensor.normal_,
            torch.Tensor.uniform_,
            torch.Tensor.exponential_,
            torch.Tensor.bernoulli_,
            torch.Tensor.random_,
            torch.Tensor.cauchy_,
            torch.Tensor.log_normal_,
            torch.Tensor.geometric_,
        ),
        _in_place,
    ),
    **dict.fromkeys((F.dropout, F.dropout1d, F.dropout2d, F.dropout3d), _dropout),
    F.gumbel_softmax: _by_values,
    F.batch_norm: _batch_norm,
}
