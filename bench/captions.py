"""Do pictures show what captions say? Held-out captions, guidance, and ranking by CLIP.

    python bench/captions.py zoo:dalle_sprites [CAPTIONS]
    python bench/captions.py zoo:dalle_mnist 1000
    python bench/captions.py runs/dalle_digits/checkpoint.safetensors 347

A picture is judged by the sprite, of all that can be drawn, that is nearest to it
(`data/sprite_reading.py`): right is a picture with shape, size, colour and place as told. For
digits, by the small classifier of MNIST. Also: how often CLIP finds an image's own caption among
those of 64 others. Writes results/captions.json for sprites, else results/captions_DATA.json.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from pushforward.core.dataset import Dataset
from pushforward.data.sprite_reading import factors_of
from pushforward.media.trained import opened
from pushforward.media.zoo import is_zoo
from pushforward.metrics.looking import extractor_for

RESULTS = Path(__file__).resolve().parent.parent / "results"
NAMES = ("shape", "size", "colour", "column", "row")
WAYS = {
    "as it is": {},
    "temperature 0.7": {"temperature": 0.7},
    "guidance 1.5": {"guidance": 1.5},
    "guidance 2": {"guidance": 2.0},
    "guidance 3": {"guidance": 3.0},
}
CANDIDATES, LEVELS = 8, 2


def main(path: str, captions: str = "300") -> None:
    """Measures every way on the same captions."""
    torch.manual_seed(0)
    trained = opened(path)
    data = trained.data()
    model, test, (file, names, read) = trained.model, data.test, judge(data)

    def shares(x: torch.Tensor, meant: torch.Tensor) -> dict[str, float]:
        return right(read(x), meant, names)

    index = torch.randperm(len(test))[: int(captions)]
    x, text = test.at(index)
    meant = test.factors[index].long()
    found = {"of real images": shares(x, meant)}
    with torch.no_grad():
        codec = model.codec
        again = codec.draw(codec.encode(x))
        found["of reconstructions"] = shares(again, meant)
        for way, options in WAYS.items():
            torch.manual_seed(0)
            drawn = torch.cat(list(model.draws(len(text), text, **options)))
            found[way] = shares(drawn, meant)
            print(way, found[way], flush=True)
        best = torch.cat([model.best(1, t[None], CANDIDATES) for t in text[:100]])
        name = f"best of {CANDIDATES} by CLIP (100 captions)"
        found[name] = shares(best, meant[:100])
        found["CLIP"] = retrieval(model.ranker, x, text, meant)
    run = (
        f"zoo:{trained.preset}" if is_zoo(path) else f"runs/{trained.preset}/checkpoint.safetensors"
    )
    record = {
        "command": f"python bench/captions.py {run} {captions}",
        "captions": len(text),
        "trained_minutes": round((trained.seconds or 0) / 60, 1),
        "measured": time.strftime("%Y-%m-%d"),
        "shares": found,
    }
    (RESULTS / file).write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(found, indent=1))


def judge(data: Dataset) -> tuple[str, tuple[str, ...], Callable]:
    """The file of the record, the names of factors, and what reads them off images, (n, factors).

    Sprites are read by the nearest that can be drawn, MNIST by its named classifier.
    """
    if tuple(factor.name for factor in data.factors) != ("class",):
        return "captions.json", NAMES, lambda x: factors_of(x, LEVELS)
    look, kind = extractor_for(data), data.name.split()[0].lower()

    def classes(x: torch.Tensor) -> torch.Tensor:
        return torch.cat([look.logits(part).argmax(1)[:, None] for part in x.split(500)])

    return f"captions_{kind}.json", ("class",), classes


def right(found: torch.Tensor, meant: torch.Tensor, names: tuple[str, ...]) -> dict[str, float]:
    """The share of pictures with each factor as meant, and with all."""
    hits = found == meant
    told = {name: round(float(hits[:, i].double().mean()), 4) for i, name in enumerate(names)}
    return {"all": round(float(hits.all(1).double().mean()), 4), **told}


def retrieval(ranker, x: torch.Tensor, text: torch.Tensor, meant: torch.Tensor) -> dict[str, float]:
    """How often the likest of 64 captions says what the image shows."""
    hits = [
        (meant[i : i + 64][ranker.similarities(x[i : i + 64], text[i : i + 64]).argmax(1)]
         == meant[i : i + 64]).all(1).double()
        for i in range(0, len(x) - 63, 64)
    ]  # fmt: skip
    return {"right of 64": round(float(torch.cat(hits).mean()), 4)}


if __name__ == "__main__":
    main(*sys.argv[1:])
