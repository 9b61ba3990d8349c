"""Networks that start at zero: then couplings start at the identity."""

from __future__ import annotations

from typing import TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def zero_last(net: Network) -> Network:
    """Sets the last linear layer or convolution of `net` to zero; returns `net`."""
    last = [m for m in net.modules() if isinstance(m, nn.Linear | nn.Conv2d)][-1]
    with torch.no_grad():
        last.weight.zero_()
        if last.bias is not None:
            last.bias.zero_()
    return net
