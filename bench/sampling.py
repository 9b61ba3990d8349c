"""Cached sampling against one whole pass per number: ours, a plain loop, and the peers' samplers.

    python bench/sampling.py          the sizes of the project's targets; some minutes
    python bench/sampling.py --tiny   seconds, to see that it runs

Two ways run alternately (A B A B ...). A peer that needs minutes is run on the same sizes but once.
What a plain loop would take on the large sizes is measured for some of its numbers and multiplied:
every pass costs the same. Writes results/sampling.json.
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
from pushforward.models.autoregressive.transformer import ImageGPT
from pushforward.models.autoregressive.wavenet import WaveNet

TINY = "--tiny" in sys.argv


def made() -> dict:
    dims, width, layers, n = (32, 32, 2, 4) if TINY else (784, 1024, 5, 64)
    model = MADE(Reals((dims,)), width=width, layers=layers).eval()
    rounds = {
        "a pass per dimension": lambda: model.sample_naively(n),
        "zuko 1.x MAF, one transform": zuko_maf(dims, width, layers, n),
        "nflows MAF, one transform": nflows_maf(dims, width, layers, n),
    }
    return {
        "sizes": {"dims": dims, "hidden": width, "layers": layers, "samples": n},
        **{k: harness.alternate(lambda: model.sample(n), run, 1, 0) for k, run in rounds.items()},
    }


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


def images() -> dict:
    size, n = (8, 2) if TINY else (28, 16)
    space = Pixels(1, size, size, 2)
    models = {
        "PixelCNN, 7 layers, 64 channels, kernel 5": PixelCNN(space, 64, 7, kernel=5),
        "gated PixelCNN, 7 layers, 64 channels": GatedPixelCNN(space, 64, 7),
        "PixelCNN++, 2 layers, 32 channels": PixelCNNpp(space, 32, 2, 5, dropout=0.0),
    }
    found = {name: against_passes(model.eval(), n) for name, model in models.items()}
    return {"sizes": {"side": size, "samples": n}, **found}


def against_passes(model, n: int) -> dict:
    """Ours against as many whole passes as there are pixels; one pass is timed several times."""
    x, passes = model.sample(n), model.space.height * model.space.width

    @torch.no_grad()
    def one_pass():
        return model.log_prob(x)

    return scaled(lambda: model.sample(n), one_pass, passes)


def scaled(ours, one_pass, passes: int, repeats: int = 3) -> dict:
    found = harness.alternate(ours, one_pass, repeats)
    for key in ("times_faster", "their_seconds"):
        found[key] = round(found[key] * passes, 1)
    found["spread"] = [round(r * passes, 1) for r in found["spread"]]
    return {**found, "their_passes": passes, "theirs": "one pass was timed and multiplied"}


def transformer() -> dict:
    length, n = (64, 2) if TINY else (1024, 4)
    model = ImageGPT(Tokens(length, 256), 128, 4, 4).eval()
    # The plain loop's mean pass is over half of the sequence: attention over what is there so far.
    half = ImageGPT(Tokens(length // 2, 256), 128, 4, 4).eval()
    x = torch.randint(256, (n, length // 2))

    @torch.no_grad()
    def one_pass():
        return half.conditionals(x)

    sizes = {"length": length, "width": 128, "layers": 4, "samples": n}
    return {"sizes": sizes, **scaled(lambda: model.sample(n), one_pass, length, 1)}


def wavenet() -> dict:
    rate = 400 if TINY else 16_000
    model = WaveNet(Tokens(rate, 256), 64, 128, 10, 3).eval()
    start = torch.randint(256, (1, 1))
    short, steps = rate // 20, 200
    window = torch.randint(256, (1, model.receptive_field))  # all that a plain loop must look at
    plain = WaveNet(Tokens(model.receptive_field, 256), 64, 128, 10, 3).eval()

    @torch.no_grad()
    def one_pass():
        return plain.conditionals(window)

    times = {
        f"after {k}": harness.seconds(lambda k=k: model.extend(start, k)) / k
        for k in (short, 4 * short)
    }
    one_second = scaled(lambda: model.extend(start, steps), one_pass, steps)
    return {
        "sizes": {"receptive field": model.receptive_field, "layers": 30, "width": 64},
        "seconds per sample": {k: round(v, 6) for k, v in times.items()},
        f"{steps} samples, looking back over the receptive field": one_second,
    }


if __name__ == "__main__":
    torch.manual_seed(0)
    parts = {"MADE": made, "images": images, "transformer": transformer, "WaveNet": wavenet}
    record = {name: part() for name, part in parts.items()}
    if TINY:
        print(record)
    else:
        harness.write("sampling", record, ("zuko", "nflows"))
