"""A module called with weights that carry no gradient, so that one flows to its inputs alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn


class Detached:
    """`module(...)` of weights that are the module's, but not moved by what is made of the result.

    Unlike `requires_grad_(False)` it leaves the module as it is for whoever else calls it.
    """

    def __init__(self, module: nn.Module):
        self.module = module
        self.weights = {name: p.detach() for name, p in module.named_parameters()}

    def __call__(self, *arguments: Any) -> Any:
        """What the module returns."""
        return torch.func.functional_call(self.module, self.weights, arguments)
