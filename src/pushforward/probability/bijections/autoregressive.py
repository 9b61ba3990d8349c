"""Masked autoregressive bijections: every number moved by what comes before it.

    z_i = g(x_i; m_i(x_{<i})),    log|det| = sum_i log dg/dx_i

One masked network gives all parameters at once from the data to the noise. From the noise to the
data x_i must be known before m_{i+1}; but every hidden unit needs computing only once on the way,
so that the whole costs one pass and not D.

Masked Autoregressive Flow (Papamakarios et al., 2017), arXiv:1705.07057, eqs. 2-6. Its inverse is
IAF (Kingma et al., 2016), arXiv:1606.04934, eqs. 10-11.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ...nn.masked import MaskedMLP, Unrolled
from .bijection import Bijection, check_context
from .elementwise import Affine, Elementwise


class Autoregressive(Bijection):
    """A masked network's parameters move every number of a vector (batch, features).

    Args:
        net: with one input per feature and `map.arity` outputs.
        map: how a number is moved.
        context: width of the context that `net` was built for.
    """

    def __init__(self, net: MaskedMLP, map: Elementwise | None = None, context: int = 0):
        super().__init__()
        self.net = net
        self.map = map or Affine()
        self.context = context
        if net.outputs != self.map.arity:
            raise ValueError(f"the network must give {self.map.arity} outputs, not {net.outputs}")

    def parameters_for(self, x: Tensor, context: Tensor | None) -> Tensor:
        """What moves each number of `x`: (batch, arity, features)."""
        return self.net(x, context).to(x.dtype).transpose(1, 2)

    def forward(self, x: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Data to noise in one pass: z, and log|det dz/dx| (batch,)."""
        check_context(context if self.context else None, self.context, len(x))
        z, slope = self.map(x, self.parameters_for(x, context))
        return z, slope.sum(1)

    def inverse(self, z: Tensor, context: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Noise to data: x, and log|det dx/dz| (batch,).

        Without gradients every unit is computed once; with them, the network runs once a feature.
        """
        check_context(context if self.context else None, self.context, len(z))
        if torch.is_grad_enabled():
            return self._inverse_with_gradients(z, context)
        x, parameters = self._unrolled(z, context)
        return x, -self.map(x, parameters)[1].sum(1)

    def forward_each(
        self, x: Tensor, nats: Tensor, context: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Data to noise: z, and `nats` less what each number's slope gives."""
        check_context(context if self.context else None, self.context, len(x))
        z, slope = self.map(x, self.parameters_for(x, context))
        return z, nats - slope

    def push(self, z: Tensor, context: Tensor | None = None) -> Tensor:
        """Noise to data alone, in one pass."""
        if torch.is_grad_enabled():
            return self.inverse(z, context)[0]
        check_context(context if self.context else None, self.context, len(z))
        return self._unrolled(z, context)[0]

    def _unrolled(self, z: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        """Data, and the parameters (batch, arity, features) that moved it: each unit once."""
        run, order = Unrolled(self.net, len(z), context), self.net.ranks[0].argsort()
        with torch.inference_mode():  # for thousands of small steps quicker than no_grad
            for i, noise in enumerate(z.t()[order].unbind()):
                run.know(i, self.map.back(noise, run.parameters(i))[:, None])
        places = order.argsort()
        return run.features()[:, places], run.all_parameters()[:, places].transpose(1, 2)

    def _inverse_with_gradients(self, z: Tensor, context: Tensor | None) -> tuple[Tensor, Tensor]:
        x = torch.zeros_like(z)
        for place in self.net.order():
            moved, slope = self.map.inverse(z, self.parameters_for(x, context))
            x = torch.where(torch.arange(z.shape[1], device=z.device) == place, moved, x)
        return x, slope.sum(1)
