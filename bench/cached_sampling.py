"""Transformers over codes: sampling with keys and values kept, against computing them again.

    python bench/cached_sampling.py          some ten minutes
    python bench/cached_sampling.py --tiny   seconds, to see that it runs

16 grids of 16x16 codes, and of 24x24, from the Transformer of DALL-E (a sparse pattern in each of
its four layers, told a caption of 24 words) and from ImageGPT, both of width 128. Who keeps nothing
has two ways:

- a pass over everything, for each code: `sample_naively`; all passes cost the same
- a pass over the codes so far, for each code: half of that, in the mean

Of either way passes for evenly spaced codes are timed, as many as `passes timed` says, and
multiplied up to one for each code. That draws are the same under one seed is seen by running both
samplers whole, in float32 at this size and in float64. Writes results/cached_sampling.json.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import harness
import torch
from torch import Tensor

from pushforward.core.spaces import Tokens
from pushforward.models.autoregressive.factorised import Factorised
from pushforward.models.autoregressive.transformer import ImageGPT
from pushforward.models.discrete.text_image_transformer import TextImageTransformer
from pushforward.nn.attention_patterns import Column, Convolutional, Full, Row

TINY = "--tiny" in sys.argv
WIDTH, LAYERS, HEADS, CODES, N = (32, 4, 4, 16, 2) if TINY else (128, 4, 4, 512, 16)
SIDES = (4, 6) if TINY else (16, 24)
TEXT = Tokens(24, 512)
TIMED = 4 if TINY else 16  # passes, of as many as there are codes

Conditions = tuple[Tensor, ...]
SoFar = Callable[[Factorised, Tensor, Conditions], Tensor]


def dall_e(side: int) -> TextImageTransformer:
    """A row's, a column's, a window's and a full layer."""
    patterns = Row(), Column(), Convolutional(), Full()
    space = Tokens((side, side), CODES)
    return TextImageTransformer(space, TEXT, WIDTH, LAYERS, HEADS, patterns).eval()


def dall_e_so_far(model: TextImageTransformer, codes: Tensor, told: Conditions) -> Tensor:
    """Logits of the code after these, (n, codes)."""
    stream = torch.cat([model.told_words(*told), model.told_codes(codes)], 1)
    return model.leave(model.body(stream, model.masks(slice(0, stream.shape[1])))[:, -1])


def image_gpt(side: int) -> ImageGPT:
    """All layers see everything before."""
    return ImageGPT(Tokens((side, side), CODES), WIDTH, LAYERS, HEADS).eval()


def image_gpt_so_far(model: ImageGPT, codes: Tensor, told: Conditions) -> Tensor:
    """Logits of the code after these, (n, codes)."""
    stream = torch.cat([model.begin(len(codes), *told), model.embedding(codes)], 1)
    return model.leave(model.body(stream + model.positions[: stream.shape[1]])[:, -1])


def measured(model: Factorised, so_far: SoFar, told: Conditions, repeats: int) -> dict:
    """Both ratios, and that what is cached is what is computed anew."""
    codes = model.sample(N, *told).flatten(1)
    places = range(0, model.space.dims, model.space.dims // TIMED)
    found = {
        "over everything, for each code": lambda: [everything(model, codes, told) for _ in places],
        "over the codes so far, for each code": lambda: [
            looking_back(model, so_far, codes[:, :i], told) for i in places
        ],
    }
    times = model.space.dims / len(places)
    ratios = {k: multiplied(model, told, run, times, repeats) for k, run in found.items()}
    off = max(
        (looking_back(model, so_far, codes[:, :i], told) - row).abs().max().item()
        for i, row in zip(places, everything(model, codes, told)[:, places].unbind(1))
    )
    return {"passes timed": len(places), "both passes differ by at most": off, **ratios}


@torch.inference_mode()
def everything(model: Factorised, codes: Tensor, told: Conditions) -> Tensor:
    return model.conditionals(model.unflatten(codes), *told)


@torch.inference_mode()
def looking_back(model: Factorised, so_far: SoFar, codes: Tensor, told: Conditions) -> Tensor:
    return so_far(model, codes, told)


def multiplied(
    model: Factorised, told: Conditions, passes: Callable, times: float, repeats: int
) -> dict:
    """Cached samples against some passes, as if there were so many times more of them."""
    found = harness.alternate(lambda: model.sample(N, *told), passes, repeats)
    for part in (found, found["processor"]):
        for key in ("times_faster", "their_seconds"):
            part[key] = round(part[key] * times, 2)
        part["spread"] = [round(r * times, 2) for r in part["spread"]]
    return found


def equal(model: Factorised, told: Conditions, n: int) -> dict:
    """Whether both samplers draw the same from one seed."""
    seen = {}
    for name, kind in (("float32", model.float()), ("float64", model.double())):
        torch.manual_seed(1)
        cached = kind.sample(n, *(c[:n] for c in told))
        torch.manual_seed(1)
        naive = kind.sample_naively(n, *(c[:n] for c in told))
        seen[name] = f"{(cached != naive).sum().item()} of {cached.numel()} codes differ"
    return seen


def spread_out(model: Factorised) -> Factorised:
    """Larger weights, so that codes depend on those before: a new network's hardly do."""
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.1 * torch.randn_like(p))
    return model


def main(repeats: int = 3) -> None:
    torch.manual_seed(0)
    text = torch.randint(1, TEXT.vocabulary, (N, TEXT.length))
    kinds = {
        "DALL-E's Transformer": (dall_e, dall_e_so_far, (text,)),
        "ImageGPT": (image_gpt, image_gpt_so_far, ()),
    }
    record: dict = {"sizes": {"grids": N, "width": WIDTH, "layers": LAYERS, "heads": HEADS}}
    for name, (build, so_far, told) in kinds.items():
        for side in SIDES:
            model = spread_out(build(side))
            found = measured(model, so_far, told, repeats)
            if side == SIDES[0]:
                found["under one seed"] = equal(model, told, 2)
            record[f"{name}, {side * side} codes"] = found
            print(name, side, found, flush=True)
    if not TINY:
        harness.write("cached_sampling", record)


if __name__ == "__main__":
    main()
