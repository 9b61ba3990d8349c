"""Which factors of sprites an InfoGAN's codes tell: mutual information over the factor's entropy.

    pushforward train infogan_sprites
    python bench/infogan.py runs/infogan_sprites/checkpoint.safetensors

Codes are those that the model reads off 10,000 test images; numbers are cut into 20 bins.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch
from harness import hardware, write

from pushforward.media.trained import opened
from pushforward.metrics.disentanglement.codes import entropy, information, joint

BINS, IMAGES = 20, 10_000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--images", type=int, default=IMAGES)
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    trained = opened(options.checkpoint)
    data, model = trained.data(), trained.model.to(device).eval()
    some = data.test.first(options.images)
    read = [model.codes(x) for (x,) in some.batches(500, device)]
    codes = torch.cat([torch.cat([k.to(v), v], 1) for k, v in read]).double().cpu()
    assert some.factors is not None
    factors = some.factors.long()
    table = information(codes, factors, BINS)  # (codes, factors)
    whole = torch.stack([entropy(joint(f.double(), f, BINS).sum(0)) for f in factors.unbind(1)])
    shares = table / whole
    best = shares.max(0)
    names = [factor.name for factor in data.factors]
    record = {
        "command": "python bench/infogan.py runs/infogan_sprites/checkpoint.safetensors",
        "training": trained.record.get("training", {}),
        "images": len(some),
        "bins": BINS,
        "codes": [f"kind of {k}" for k in model.kinds] + ["number"] * model.continuous,
        "entropies": dict(zip(names, whole.tolist())),
        "shares": dict(zip(names, shares.T.tolist())),
        "best": dict(zip(names, best.values.tolist())),
        "measured on": hardware(),
    }
    print(json.dumps(record["best"], indent=1))
    write("infogan", record)


if __name__ == "__main__":
    main()
