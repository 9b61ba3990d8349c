"""Codecs and the priors over their codes, side by side: a part of docs/results.md.

Numbers are those of presets/reached.json; what a codec's codes are is read off the model that the
preset builds, and how many of them are in use off the checkpoint of the zoo.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from pushforward.core import checkpoint
from pushforward.core.catalogue import Preset, Reached, presets
from pushforward.core.contract import Generative
from pushforward.core.spaces import Tokens
from pushforward.media.zoo import CHECKOUT, entries
from pushforward.probability.quantisation import Quantiser

CODECS = {
    "vq-vae": "VQ-VAE",
    "finite-scalar-quantisation": "VQ-VAE, finite scalars",
    "vqgan": "VQGAN",
    "vq-vae-2": "VQ-VAE-2",
    "dvae": "dVAE",
    "gumbel-softmax": "Gumbel-softmax VAE",
    "dall-e": "VQ-VAE, told captions",
}
UNIFORM = "uniform"


def code_table() -> Iterator[str]:
    """Lines of Markdown: a table, of one data set after the other."""
    yield "## Codecs, and priors over their codes\n"
    yield "What an image costs by its codes under the prior and by what they leave open,"
    yield "together: a bound on -log p(x), so that codecs and priors compare where the data are"
    yield "the same. What is recorded in nats is divided by D log 2. *In use*: the share of"
    yield "codewords that the codebook's moving averages see, and how many in even use would"
    yield "have the same entropy, for files of the zoo that keep such averages; of VQ-VAE-2 for"
    yield "each level, the finest first.\n"
    yield "| data | codec | prior | preset | codes | bits/dim | Fréchet distance | in use |"
    yield "|---|---|---|---|---|---:|---:|---|"
    lines = [_line(preset, system) for preset, system in _measured()]
    yield from sorted(lines)
    yield ""


def _measured() -> Iterator[tuple[Preset, str]]:
    for preset in presets().values():
        system = next((s for s in preset.systems if s in CODECS), None)
        if system and _of(preset, "nll"):
            yield preset, system


def _of(preset: Preset, metric: str) -> Reached | None:
    return next((number for number in preset.reached if number.metric == metric), None)


def _line(preset: Preset, system: str) -> str:
    model = preset.build().model
    bound, distance = _of(preset, "nll"), _of(preset, "Frechet distance")
    assert bound is not None
    scale = 1 / (model.space.dims * math.log(2)) if bound.unit == "nats" else 1.0
    here = f"`zoo:{preset.name}`" if preset.name in entries() else f"`{preset.name}`"
    cells = [
        bound.data.removesuffix(" (test)"),
        CODECS[system],
        _prior(model),
        here,
        _codes(model),
        f"{bound.value * scale:.4g}",
        f"{distance.value:.4g}" if distance else "",
        _use(preset.name),
    ]
    return f"| {' | '.join(cells)} |"


def _prior(model: Generative) -> str:
    if hasattr(model, "priors"):
        return " below ".join(type(getattr(p, "prior", p)).__name__ for p in model.priors)
    return type(model.prior).__name__ if hasattr(model, "prior") else UNIFORM


def _codes(model: Generative) -> str:
    """The grid of every level, and how many values a code has."""
    codec = getattr(model, "codec", model)
    if not hasattr(codec, "tokens"):
        return f"{codec.variables} of {codec.classes}"
    levels = [codec.tokens] if isinstance(codec.tokens, Tokens) else codec.tokens
    grids = [t.shape if len(t.shape) > 1 else codec.grid for t in levels]
    return ", ".join(f"{g[0]}x{g[1]} of {t.vocabulary}" for g, t in zip(grids, levels))


def _use(name: str) -> str:
    if name not in entries():
        return ""
    model = checkpoint.load(CHECKOUT / f"{name}.safetensors")
    found = [q.diagnostics() for q in model.modules() if isinstance(q, Quantiser)]
    told = [f"{100 * d['codes']:.0f} %, {d['perplexity']:.1f}" for d in found if "codes" in d]
    return "; ".join(told)
