"""What float32 and bfloat16 do to flows of images."""

from __future__ import annotations

import pytest
import torch

from pushforward.core.spaces import Pixels
from pushforward.models.flow.ffjord import ImageFFJORD
from pushforward.models.flow.flowpp import FlowPP
from pushforward.models.flow.glow import Glow
from pushforward.models.flow.realnvp import RealNVP
from pushforward.probability.bijections.bijection import Bijection
from pushforward.probability.bijections.coupling import Coupling
from pushforward.probability.bijections.sylvester import Sylvester
from pushforward.solvers.fixed import RungeKutta4

SPACE = Pixels(1, 8, 8)
DEEP = {
    "glow": lambda: Glow(SPACE, scales=2, steps=16, width=8),
    "realnvp": lambda: RealNVP(SPACE, couplings=11, width=4, blocks=1),
}


def images(n=8):
    torch.manual_seed(0)
    return torch.randint(256, (n, *SPACE.shape), dtype=torch.uint8)


def trained(model, x, steps):
    """With moved weights, so that no coupling is the identity."""
    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    for _ in range(steps):
        optimizer.zero_grad()
        model.loss(x)["negative_elbo"].mean().backward()
        optimizer.step()
    return model.eval()


@pytest.mark.parametrize("name", DEEP)
def test_pixels_come_back_through_thirty_two_couplings(name):
    x = images()
    model = trained(DEEP[name](), x, 8)
    assert sum(isinstance(m, Coupling) for m in model.modules()) >= 32
    unit = (x + torch.rand(x.shape)) / 256
    with torch.no_grad():
        z = model.flow.noise(model.logit(unit)[0])
        back = model.logit.inverse(model.flow.push(z))[0]
    assert (z - model.logit(unit)[0].flatten(1)).abs().mean() > 0.1  # something happened
    assert (back - unit).abs().max() < 1e-4


HALVED = {
    "glow": lambda: Glow(SPACE, scales=2, steps=2, width=8),
    "realnvp": lambda: RealNVP(SPACE, couplings=1, width=4, blocks=1),
    "flowpp": lambda: FlowPP(SPACE, 8, 1, 2, noise_couplings=1, noise_blocks=1),
    "ffjord": lambda: ImageFFJORD(SPACE, 2, 4, 1, RungeKutta4(2), adjoint=False),
}


@pytest.mark.parametrize("name", HALVED)
def test_bfloat16_is_for_networks_alone(name):
    """Every log-determinant, every moved number and the likelihood stay in float32."""
    x, model, seen, inner = images(), HALVED[name](), set(), set()
    trained(model, x, 2)
    for module in model.modules():
        if isinstance(module, Bijection):
            module.register_forward_hook(lambda *a: seen.update(t.dtype for t in a[2]))
        if isinstance(module, Coupling):
            module.net.register_forward_hook(lambda *a: inner.add(a[2].dtype))
    found = []
    for on in (False, True):
        torch.manual_seed(1)
        with torch.autocast("cpu", torch.bfloat16, enabled=on), torch.no_grad():
            found.append(model.elbo(x))
    assert seen == {torch.float32}
    assert torch.bfloat16 in inner or name == "ffjord"  # whose steps judge their own errors
    assert found[1].dtype == torch.float32
    assert (found[0] - found[1]).abs().max() / 64 / 0.6931 < 0.05  # bits/dim


def test_sylvester_in_bfloat16_is_that_of_float32():
    torch.manual_seed(0)
    step, x = Sylvester(6, 3), torch.randn(5, 6)
    z, log_det = step(x)
    with torch.autocast("cpu", torch.bfloat16):
        again, same = step(x)
    assert torch.equal(z, again)
    assert torch.equal(log_det, same)


def test_glow_learns_in_bfloat16():
    import pushforward as pf

    torch.manual_seed(0)
    data = pf.data.digits()
    model = Glow(data.space, 2, 2, 8, alpha=0.01)
    recipe = pf.Recipe(30, 64, pf.Adam(3e-3), clip=50.0, bf16=True, validate_every=0)
    losses = [report.loss for report in pf.Training(model, data, recipe)]
    assert losses[-1] < losses[0] - 20
