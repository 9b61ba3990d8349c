"""Do pictures show what captions say? Held-out captions, guidance, and ranking by CLIP.

    python bench/captions.py runs/dalle_sprites/checkpoint.safetensors [CAPTIONS]

A picture is judged by the sprite, of all that can be drawn, that is nearest to it
(`data/sprite_reading.py`): right is a picture with shape, size, colour and place as told. For
digits, by the small classifier of MNIST. Also: how often CLIP finds an image's own caption among
those of 64 others. Writes results/captions.json.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import torch

from pushforward.data.sprite_reading import factors_of
from pushforward.media.trained import opened

RESULTS = Path(__file__).resolve().parent.parent / "results/captions.json"
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
    model, test = trained.model, trained.data().test
    index = torch.randperm(len(test))[: int(captions)]
    x, text = test.at(index)
    meant = test.factors[index].long()
    found = {"of real images": shares(factors_of(x, LEVELS), meant)}
    with torch.no_grad():
        codec = model.codec
        again = codec.draw(codec.encode(x))
        found["of reconstructions"] = shares(factors_of(again, LEVELS), meant)
        for way, options in WAYS.items():
            torch.manual_seed(0)
            drawn = torch.cat(list(model.draws(len(text), text, **options)))
            found[way] = shares(factors_of(drawn, LEVELS), meant)
            print(way, found[way], flush=True)
        best = torch.cat([model.best(1, t[None], CANDIDATES) for t in text[:100]])
        name = f"best of {CANDIDATES} by CLIP (100 captions)"
        found[name] = shares(factors_of(best, LEVELS), meant[:100])
        found["CLIP"] = retrieval(model.ranker, x, text, meant)
    record = {
        "command": "python bench/captions.py zoo:dalle_sprites",
        "captions": len(text),
        "trained_minutes": round((trained.seconds or 0) / 60, 1),
        "measured": time.strftime("%Y-%m-%d"),
        "shares": found,
    }
    RESULTS.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(found, indent=1))


def shares(found: torch.Tensor, meant: torch.Tensor) -> dict[str, float]:
    """The share of pictures with each factor as meant, and with all."""
    right = found == meant
    told = {name: round(float(right[:, i].double().mean()), 4) for i, name in enumerate(NAMES)}
    return {"all": round(float(right.all(1).double().mean()), 4), **told}


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
