"""Cached sampling against one whole pass per number: ours, a plain loop, and the peers' samplers.

    python bench/sampling.py          the sizes of the project's targets; some minutes
    python bench/sampling.py --tiny   seconds, to see that it runs

Peers' samplers and two plain loops (MADE, PixelCNN) run whole, and the loops' samples are compared
with ours under one seed. What other plain loops would take is measured for one pass, which is
repeated, and multiplied by their number: every pass costs the same ("theirs" says so). Writes
results/sampling.json. PixelCNN at the asked size is seven convolutions of 5x5 and 64 channels; the
paper's residual blocks of three convolutions each stand beside it.
"""

from __future__ import annotations

import sys

import harness
import torch

from pushforward.core.spaces import Pixels, Reals, Tokens
from pushforward.models.autoregressive.gated_pixelcnn import GatedPixelCNN
from pushforward.models.autoregressive.made import MADE
from pushforward.models.autoregressive.pixelcnn import PixelCNN
from pushforward.models.autoregressive.pixelcnn_pp import PixelCNNpp
from pushforward.models.autoregressive.pixelsnail import PixelSNAIL
from pushforward.models.autoregressive.transformer import ImageGPT
from pushforward.models.autoregressive.wavenet import WaveNet

TINY = "--tiny" in sys.argv


def made() -> dict:
    dims, width, layers, n = (32, 32, 2, 4) if TINY else (784, 1024, 5, 64)
    model = MADE(Reals((dims,)), width=width, layers=layers).eval()
    rounds = {
        "a pass per dimension": lambda: model.sample_naively(n),
        "zuko MAF, one transform": zuko_maf(dims, width, layers, n),
        "nflows MAF, one transform": nflows_maf(dims, width, layers, n),
        "normflows MAF, one transform": normflows_maf(dims, width, layers, n),
    }
    found = {k: harness.against_slow(lambda: model.sample(n), run) for k, run in rounds.items()}
    return {
        "sizes": {"dims": dims, "hidden": width, "layers": layers, "samples": n},
        "largest difference under one seed": difference(model, n),
        **found,
    }


def difference(model, n: int) -> float:
    """The largest between cached and naive samples from one seed."""
    torch.manual_seed(0)
    cached = model.sample(n)
    torch.manual_seed(0)
    return (cached.double() - model.sample_naively(n).double()).abs().max().item()


def zuko_maf(dims: int, width: int, layers: int, n: int):
    from zuko.flows import MAF

    flow = MAF(dims, 0, transforms=1, hidden_features=[width] * layers)

    @torch.no_grad()
    def run():
        return flow().sample((n,))

    return run


def nflows_maf(dims: int, width: int, layers: int, n: int):
    from nflows.transforms.autoregressive import MaskedAffineAutoregressiveTransform

    # A block of nflows without residual connections is one hidden layer; the first comes besides.
    flow = MaskedAffineAutoregressiveTransform(
        dims, width, num_blocks=layers - 1, use_residual_blocks=False
    ).eval()

    @torch.no_grad()
    def run():
        return flow.inverse(torch.randn(n, dims))

    return run


def normflows_maf(dims: int, width: int, layers: int, n: int):
    from normflows.flows import MaskedAffineAutoregressive

    flow = MaskedAffineAutoregressive(
        dims, width, num_blocks=layers - 1, use_residual_blocks=False
    ).eval()

    @torch.no_grad()
    def run():
        return flow.inverse(torch.randn(n, dims))

    return run


def images() -> dict:
    size, n = (8, 2) if TINY else (28, 16)
    space = Pixels(1, size, size, 2)
    plain = PixelCNN(space, 64, 6, kernel=5, first=5, residual=False).eval()
    models = {
        "PixelCNN, 7 residual blocks, 64 channels, kernel 5": PixelCNN(space, 64, 7, kernel=5),
        "gated PixelCNN, 7 layers, 64 channels": GatedPixelCNN(space, 64, 7, kernel=3),
        "PixelSNAIL, 2 blocks of 2 layers, 32 channels": PixelSNAIL(space, 32, 2, 2),
        "PixelCNN++, 2 layers, 32 channels": PixelCNNpp(space, 32, 2, 5, dropout=0.0),
    }
    whole = harness.against_slow(lambda: plain.sample(n), lambda: plain.sample_naively(n), rounds=3)
    equal = difference(plain, n)
    return {
        "sizes": {"side": size, "samples": n},
        "PixelCNN, 7 layers, 64 channels, kernel 5": {
            **whole,
            "largest difference under one seed": equal,
        },
        **{name: against_passes(model.eval(), n) for name, model in models.items()},
    }


def against_passes(model, n: int) -> dict:
    """Ours against as many whole passes as there are pixels; one pass is timed several times."""
    x, passes = model.sample(n), model.space.height * model.space.width

    @torch.no_grad()
    def one_pass():
        return model.log_prob(x)

    return scaled(lambda: model.sample(n), one_pass, passes)


def scaled(ours, one_pass, passes: float, repeats: int = 3) -> dict:
    found = harness.alternate(ours, one_pass, repeats)
    for part in (found, found["processor"]):
        for key in ("times_faster", "their_seconds"):
            part[key] = round(part[key] * passes, 1)
        part["spread"] = [round(r * passes, 1) for r in part["spread"]]
    said = f"one pass was timed and multiplied by {passes:g}"
    return {**found, "theirs": said}


def transformer() -> dict:
    length, n = (64, 2) if TINY else (1024, 4)
    sizes = {"length": length, "width": 128, "layers": 4, "samples": n}
    model = ImageGPT(Tokens(length, 256), 128, 4, 4).eval()
    # The plain loop's mean pass is over half of the sequence: attention over what is there so far.
    half = ImageGPT(Tokens(length // 2, 256), 128, 4, 4).eval()
    short = ImageGPT(Tokens(64, 256), 128, 4, 4).eval()
    x = torch.randint(256, (n, length // 2))

    @torch.no_grad()
    def one_pass():
        return half.conditionals(x)

    equal = difference(short, n)
    found = scaled(lambda: model.sample(n), one_pass, length, 1)
    return {"sizes": sizes, "largest difference under one seed, 64 tokens": equal, **found}


def wavenet() -> dict:
    rate = 400 if TINY else 16_000
    model, small = wavenet_of(rate), wavenet_of(64)
    start, field = torch.randint(256, (1, 1)), model.receptive_field
    window = torch.randint(256, (1, field))  # all that a plain loop must look at
    looking = wavenet_of(field)

    @torch.no_grad()
    def one_pass():
        return looking.conditionals(window)

    # Up to the receptive field the plain loop looks at what there is: half of it in the mean.
    passes = rate - min(rate, field) / 2
    harness.seconds(one_pass)
    late = {
        f"{k} samples": harness.seconds(lambda k=k: model.extend(start, k))[0] / k
        for k in (rate // 40, rate // 10, rate // 4)
    }
    return {
        "sizes": {"receptive field": field, "layers": 30, "width": 64, "skip": 128, "sounds": 1},
        "seconds per sample of a sound of": {k: round(v, 6) for k, v in late.items()},
        "largest difference under one seed, 64 samples": difference(small, 2),
        f"{rate} samples, looking back over the receptive field": scaled(
            lambda: model.extend(start, rate), one_pass, passes, 1
        ),
    }


def wavenet_of(length: int) -> WaveNet:
    """Three stacks of ten layers: a receptive field of 3,070."""
    return WaveNet(Tokens(length, 256), 64, 128, 10, 3).eval()


if __name__ == "__main__":
    torch.manual_seed(0)
    parts = {"MADE": made, "images": images, "transformer": transformer, "WaveNet": wavenet}
    record = {}
    for name, part in parts.items():
        record[name] = part()
        print(name, record[name], flush=True)
    if not TINY:
        harness.write("sampling", record, ("zuko", "nflows", "normflows"))
