"""Flows against zuko, nflows and normflows: training steps, samples, calls of continuous ones.

    OMP_NUM_THREADS=2 python bench/flows.py            all, at the sizes of the targets; 15 minutes
    OMP_NUM_THREADS=2 python bench/flows.py maf glow   some of: maf realnvp nsf glow ffjord sampling
    OMP_NUM_THREADS=1 python bench/flows.py tiny       to see that it runs; writes nothing

Each writes results/flows_NAME.json. Training: D = 64, batch 256, steps of Adam (fused for all
sides, as our recipes have it; and besides, for theirs, the one that torch takes by default) on the
negative log-likelihood of standard normal data; MAF with 5 layers of 512 units, RealNVP and NSF
with 5 couplings of 2 x 256 (RealNVP with rectifiers, as theirs, and with the smooth units that ours
has otherwise); Glow on 3 x 32 x 32 with L = 3, K = 8, width 128, batch 32 (ours dequantises
besides). Sampling: MAF with D = 784, 5 layers of 1024 units, 64 samples. All sides take turns
(A B C ... A B C ...) in one process; a ratio is the median over the rounds of their time by ours.
FFJORD: a few hundred steps on moons with the same sizes and tolerances; zuko counts errors of the
trace for a hundredth.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable
from itertools import pairwise

import harness
import torch
import zuko
from flow_peers import LogProb, glow, log_prob_of, mafs, nsfs, realnvps
from torch import Tensor, nn

from pushforward.core.blueprint import Component
from pushforward.core.spaces import Pixels
from pushforward.data import moons
from pushforward.models.flow.ffjord import FFJORD
from pushforward.models.flow.flow import Flow
from pushforward.models.flow.glow import Glow
from pushforward.models.flow.maf import MAF
from pushforward.models.flow.nsf import NSF
from pushforward.models.flow.realnvp import VectorRealNVP
from pushforward.probability.bijections.coupling import Coupling
from pushforward.probability.bijections.splits import Halves
from pushforward.probability.priors import StandardNormal

TINY = "tiny" in sys.argv
D, BATCH, WIDE, WIDTH = (4, 8, 8, 8) if TINY else (64, 256, 512, 256)
Runs = dict[str, Callable[[], object]]


def stepper(
    model: nn.Module, loss: LogProb, x: Tensor, steps: int, fused: bool | None = True
) -> Callable[[], None]:
    """A call of it makes `steps` steps on `x`."""
    optimizer = torch.optim.Adam(model.parameters(), 1e-3, fused=fused)

    def run() -> None:
        for _ in range(steps):
            loss(x).mean().backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)

    return run


def race(ours: Runs, theirs: Runs, rounds: int, warmup: int = 1) -> dict:
    """Each of ours against each of theirs; "the fastest" is that with the least median."""
    both = {**ours, **theirs}
    for _ in range(warmup):
        [run() for run in both.values()]
    seen = [{name: harness.seconds(run)[0] for name, run in both.items()} for _ in range(rounds)]
    found: dict = {"rounds": rounds}
    for mine in ours:
        each = {k: harness.ratio([(s[mine], s[k]) for s in seen]) for k in theirs}
        found[mine] = {**each, "the fastest": min(each, key=lambda k: each[k]["their_seconds"])}
    return found


def both_ways(name: str, model: nn.Module, loss: LogProb, x: Tensor, steps: int) -> Runs:
    """A peer with the fused Adam that ours has, and with the one that torch takes by default."""
    ways = {name: True, f"{name}, default Adam": None}
    return {k: stepper(model, loss, x, steps, fused) for k, fused in ways.items()}


def training(mine: dict[str, Flow], theirs: dict[str, nn.Module]) -> dict:
    """Steps of one kind of flow: ours eagerly and compiled, theirs."""
    steps, x = 1 if TINY else 20, torch.randn(BATCH, D)
    ours: Runs = {}
    for name, flow in mine.items():
        ways = {f"{name}eager": flow.log_prob, f"{name}compiled": torch.compile(flow.log_prob)}
        if TINY:  # compiling takes longer than all else
            del ways[f"{name}compiled"]
        for way, f in ways.items():
            ours[way] = stepper(flow, lambda x, f=f: -f(x), x, steps)
    peers = {k: (flow, log_prob_of(flow)) for k, flow in theirs.items()}
    runs: Runs = {}
    for k, (flow, f) in peers.items():
        runs |= both_ways(k, flow, lambda x, f=f: -f(x), x, steps)
    return race(ours, runs, 1 if TINY else 21, warmup=2)


class Rectifiers(Component):
    """Ours of smooth units with rectifiers in their place, as the peers have."""

    def __init__(self, inputs: int, outputs: int, width: int):
        super().__init__()
        sizes = [inputs, width, width]
        hidden = [nn.Sequential(nn.Linear(a, b), nn.ReLU(inplace=True)) for a, b in pairwise(sizes)]
        self.net = nn.Sequential(*hidden, nn.Linear(width, outputs))

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x)


def rectified(couplings: int = 5) -> Flow:
    """RealNVP like the peers', with rectifiers."""
    splits = [Halves(flip=i % 2 == 1) for i in range(couplings)]
    steps = [Coupling(Rectifiers(D // 2, D, WIDTH), split) for split in splits]
    return Flow(StandardNormal((D,)), steps)


def maf() -> dict:
    return training({"": MAF(D, 5, WIDE, 1)}, mafs(D, WIDE))


def realnvp() -> dict:
    kinds = {"": rectified(), "smooth, ": VectorRealNVP(D, 5, WIDTH, 2)}
    return training(kinds, realnvps(D, WIDTH))


def nsf() -> dict:
    return training({"": NSF(D, 5, WIDTH, 2)}, nsfs(D, WIDTH))


def sampling() -> dict:
    features, width, n = (8, 16, 4) if TINY else (784, 1024, 64)
    ours, theirs = MAF(features, 5, width, 1).eval(), mafs(features, width)
    draws: Runs = {
        "zuko": lambda: theirs["zuko"]().sample((n,)),
        "nflows": lambda: theirs["nflows"].sample(n),
        "normflows": lambda: theirs["normflows"].sample(n),
    }
    with torch.no_grad():
        return {k: harness.against_slow(lambda: ours.sample(n), run) for k, run in draws.items()}


def glows() -> dict:
    shape, scales, steps, width, n = (
        ((3, 8, 8), 2, 1, 8, 4) if TINY else ((3, 32, 32), 3, 8, 128, 32)
    )
    ours, theirs = Glow(Pixels(*shape), scales, steps, width), glow(shape, scales, steps, width)
    x = torch.randint(256, (n, *shape), dtype=torch.uint8)
    ours.loss(x)  # sets the actnorms
    losses, pushes = {"eager": ours.loss}, {"eager": ours.push}
    if not TINY:
        losses["compiled"], pushes["compiled"] = torch.compile(ours.loss), torch.compile(ours.push)
    rounds, turn = (1, 1) if TINY else (21, 4)  # one step alone is as long as the machine's noise
    mine: Runs = {
        k: stepper(ours, lambda x, f=f: f(x)["negative_elbo"], x, turn) for k, f in losses.items()
    }
    runs = both_ways("normflows", theirs, lambda x: -theirs.log_prob(x, None), x / 256, turn)
    trained = race(mine, runs, rounds, warmup=2)
    ours.eval(), theirs.eval()
    draw: Runs = {
        k: lambda f=f: [f(ours.latents(n)) for _ in range(turn)] for k, f in pushes.items()
    }
    peer: Runs = {"normflows": lambda: [theirs.sample(n) for _ in range(turn)]}
    with torch.no_grad():
        sampled = race(draw, peer, rounds, warmup=2)
    return {"training": trained, "sampling": sampled}


def counted(network: nn.Module) -> list[int]:
    """How often `network` ran, as a list of one number that grows."""
    calls = [0]
    network.register_forward_hook(lambda *_: calls.__setitem__(0, calls[0] + 1))
    return calls


def ffjords(exact: bool) -> dict:
    """Both trained on moons for the same steps: calls and time a step, nats on test data."""
    data, found = moons(), {}
    torch.manual_seed(0)
    ours = FFJORD(2, 64, 3, probes=0 if exact else 1, adjoint=False)
    theirs = zuko.flows.CNF(2, hidden_features=(64,) * 3, atol=1e-5, rtol=1e-5, exact=exact)
    nets = {"ours": ours.ode.velocity, "zuko": theirs.transform.ode}
    sides = {
        "ours": (ours, lambda x: ours.loss(x)["nll"]),
        "zuko": (theirs, lambda x: -theirs().log_prob(x)),
    }
    for name, (model, loss) in sides.items():
        calls, start = counted(nets[name]), time.perf_counter()
        optimizer, steps = (
            torch.optim.Adam(model.parameters(), 3e-3, fused=True),
            2 if TINY else 150,
        )
        for i in range(steps):
            x = data.train.tensors[0][(torch.arange(BATCH) + i * BATCH) % len(data.train)]
            loss(x).mean().backward()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        spent = 1e3 * (time.perf_counter() - start) / steps
        made = calls[0] / steps
        model.eval()
        with torch.no_grad():
            held = loss(data.test.tensors[0][:1000]).mean().item()
        found[name] = {
            "calls": round(made, 1),
            "milliseconds": round(spent, 1),
            "nats": round(held, 3),
        }
    return {"steps": steps, **found}


def both() -> dict:
    return {"exact trace": ffjords(True), "one probe": ffjords(False)}


BENCHES = {
    "maf": maf,
    "realnvp": realnvp,
    "nsf": nsf,
    "glow": glows,
    "ffjord": both,
    "sampling": sampling,
}


def main() -> None:
    warnings.simplefilter("ignore")
    for name in [n for n in sys.argv[1:] if n in BENCHES] or BENCHES:
        torch.manual_seed(0)
        record = {"seed": 0, "batch": BATCH, **BENCHES[name]()}
        if TINY:
            print(name, record)
        else:
            harness.write(f"flows_{name}", record, ("zuko", "nflows", "normflows"))


if __name__ == "__main__":
    main()
