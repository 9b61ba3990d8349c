"""Flows against zuko and nflows: training steps, and MAF's samples.

    OMP_NUM_THREADS=2 python bench/flows.py            everything, eagerly
    OMP_NUM_THREADS=2 python bench/flows.py compiled   ours through torch.compile too

Training: D = 64, batch 256, one step of Adam on the negative log-likelihood of standard normal
data; MAF with 5 layers of 512 units, RealNVP and NSF with 5 couplings of 2x256 units. Sampling:
MAF with D = 784, 5 layers of 1024 units; peers need a pass per dimension, so they draw fewer times.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable

import harness
import nflows.nn.nets
import nflows.transforms as nt
import torch
import zuko
from nflows.distributions.normal import StandardNormal
from nflows.flows.autoregressive import MaskedAutoregressiveFlow
from nflows.flows.base import Flow as PeerFlow
from nflows.flows.realnvp import SimpleRealNVP
from torch import Tensor, nn

from pushforward.models.flow.maf import MAF
from pushforward.models.flow.nsf import NSF
from pushforward.models.flow.realnvp import VectorRealNVP

D, BATCH, STEPS = 64, 256, 10
LogProb = Callable[[Tensor], Tensor]


def stepper(model: nn.Module, log_prob: LogProb) -> Callable[[], None]:
    """A call of it makes STEPS steps; peers get the same fused optimiser as we have."""
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=True)
    x = torch.randn(BATCH, D)

    def run() -> None:
        for _ in range(STEPS):
            optimizer.zero_grad(set_to_none=True)
            (-log_prob(x).mean()).backward()
            optimizer.step()

    return run


def nflows_nsf() -> PeerFlow:
    def net(inputs: int, outputs: int) -> nn.Module:
        # the nearest to a perceptron of 2x256 that the package has: one residual block
        return nflows.nn.nets.ResidualNet(inputs, outputs, hidden_features=256, num_blocks=1)

    steps: list[nn.Module] = []
    for i in range(5):
        mask = torch.arange(D) < D // 2 if i % 2 else torch.arange(D) >= D // 2
        steps += [
            nt.LULinear(D, identity_init=True),
            nt.PiecewiseRationalQuadraticCouplingTransform(
                mask.int(), net, num_bins=8, tails="linear", tail_bound=3.0
            ),
        ]
    return PeerFlow(nt.CompositeTransform(steps), StandardNormal([D]))


def peers() -> dict[str, tuple[nn.Module, dict[str, nn.Module]]]:
    """Ours, and theirs by package."""
    return {
        "maf": (
            MAF(D, 5, 512, 1),
            {
                "zuko": zuko.flows.MAF(D, transforms=5, hidden_features=(512,)),
                "nflows": MaskedAutoregressiveFlow(
                    D, 512, 5, 1, use_residual_blocks=False, batch_norm_within_layers=False
                ),
            },
        ),
        "realnvp": (
            VectorRealNVP(D, 5, 256, 2),
            {
                "zuko": zuko.flows.RealNVP(D, transforms=5, hidden_features=(256, 256)),
                "nflows": SimpleRealNVP(D, 256, 5, 1, use_volume_preserving=False),
            },
        ),
        "nsf": (
            NSF(D, 5, 256, 2),
            {
                "zuko": zuko.flows.NSF(
                    D, transforms=5, bins=8, hidden_features=(256, 256), passes=2
                ),
                "nflows": nflows_nsf(),
            },
        ),
    }


def log_prob_of(peer: nn.Module) -> LogProb:
    return peer.log_prob if isinstance(peer, PeerFlow) else lambda x: peer().log_prob(x)


def training(compiled: bool) -> dict:
    found: dict = {}
    for name, (ours, theirs) in peers().items():
        ways = {"eager": ours.log_prob}
        if compiled:
            ways["compiled"] = torch.compile(ours.log_prob)
        for way, log_prob in ways.items():
            mine = stepper(ours, log_prob)
            for package, peer in theirs.items():
                run = stepper(peer, log_prob_of(peer))
                found[f"{name} {way} against {package}"] = harness.alternate(mine, run)
    return found


def sampling(n: int = 100) -> dict:
    ours, found = MAF(784, 5, 1024, 1).eval(), {}
    zuko_maf = zuko.flows.MAF(784, transforms=5, hidden_features=(1024,))
    nflows_maf = MaskedAutoregressiveFlow(
        784, 1024, 5, 1, use_residual_blocks=False, batch_norm_within_layers=False
    )
    theirs: dict[str, Callable[[], Tensor]] = {
        "zuko": lambda: zuko_maf().sample((n,)),
        "nflows": lambda: nflows_maf.sample(n),
    }
    with torch.no_grad():
        for package, run in theirs.items():
            found[package] = harness.alternate(lambda: ours.sample(n), run, repeats=2, warmup=0)
    return found


def main() -> None:
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    record = {
        "seed": 0,
        "training": training("compiled" in sys.argv),
        "maf sampling, 100 x 784": sampling(),
    }
    harness.write("flows", record, ("zuko", "nflows"))


if __name__ == "__main__":
    main()
