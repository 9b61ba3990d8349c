"""Networks that nobody trains: their weights are buffers, so that no player owns them."""

from __future__ import annotations

from typing import TypeVar

from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


def fixed(network: Network) -> Network:
    """Returns the network, in evaluation mode, its parameters made buffers of the same names.

    >>> net = fixed(nn.Linear(2, 1))
    >>> list(net.parameters()), sorted(net.state_dict())
    ([], ['bias', 'weight'])
    """
    held: dict[int, Tensor] = {}  # tied weights stay tied
    for module in network.modules():
        for name, weight in list(module.named_parameters(recurse=False, remove_duplicate=False)):
            delattr(module, name)
            module.register_buffer(name, held.setdefault(id(weight), weight.detach()))
    return network.eval()
