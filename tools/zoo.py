"""Packs trained checkpoints into zoo/, measures them, and writes the pages that tell of them.

    python tools/zoo.py pack runs/vae_mnist/checkpoint.safetensors "2 CPU cores"
    python tools/zoo.py pack FILE HARDWARE results.json    # numbers of an earlier `evaluate --out`
    python tools/zoo.py pages                              # zoo/README.md, docs/results.md
    python tools/zoo.py check [NAME ...]                   # example by example, as when packed

A packed file holds the averaged weights (large tensors as float16 where no value moves by more than
0.005 nats a dimension), the record, what was measured, and values of single examples. The numbers
go into presets/reached.json as well.
"""

from __future__ import annotations

import json
import platform
import re
import sys
from datetime import date
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "bench"))
import reached
import zoo_pages

from pushforward.core import checkpoint
from pushforward.data.parquet import sha256
from pushforward.media.trained import ROW, Trained, opened
from pushforward.media.zoo import CHECKOUT, INDEX
from pushforward.metrics.looking import extractor_for
from pushforward.metrics.samples import drawn
from pushforward.pictures.walks import ROWS, conditions_of, walked
from pushforward.report.kept import kept
from pushforward.report.measure import PAIRS, of_checkpoint, recorded_samples
from pushforward.report.regression import moved, values
from pushforward.report.sampled import GRID, neighbours

LARGEST, HALVE = 6_000_000, 1_000_000  # bytes
TOLERANCE = 0.005  # nats a dimension
VALUES = "values"


def pack(file: str, hardware: str, results: str | None = None) -> None:
    """Measures a checkpoint, unless `results` did, and writes it into zoo/ under its preset."""
    trained = opened(file)
    if trained.preset is None:
        raise SystemExit(f"{file} does not say of which preset it is")
    data = trained.data()
    before = values(trained.model, data)
    row, tensors = measured(trained, results)
    record = {k: v for k, v in trained.record.items() if k != "started"}
    if "training" in record:  # the averages' own counts are of no use without the optimiser
        record["training"] = {k: v for k, v in record["training"].items() if k != "updates"}
    record["row"] = row | {"preset": trained.preset}  # and not the path that it had here
    target = CHECKOUT / f"{trained.preset}.safetensors"
    tensors[VALUES] = before
    checkpoint.save(trained.model, target, tensors, record)
    if target.stat().st_size > HALVE:
        checkpoint.save(trained.model, target, tensors, record | {"halved": True})
        after = values(checkpoint.load(target), data)
        gap = float((after - before).abs().mean()) / data.space.dims
        if gap > TOLERANCE:
            raise SystemExit(f"{trained.preset}: halving moves {gap:.4f} nats a dimension")
    if results is None:
        number(trained.preset, row, hardware)  # what took long to measure is kept at any size
    if (size := target.stat().st_size) > LARGEST:
        target.unlink()
        raise SystemExit(f"{trained.preset} has {size / 1e6:.1f} MB: the zoo takes 6 MB at most")
    index()
    print(f"{target.name}: {size / 1e6:.2f} MB")


def measured(trained: Trained, results: str | None) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The row of a checkpoint, as its file will hold it."""
    where = f"Measured on {date.today()} by {processor()}, torch {torch.__version__}."
    if results is None:
        k = recorded_samples(trained.preset)
        return kept(of_checkpoint(trained, k=k, thorough=True), where)
    (told,) = json.loads(Path(results).read_text())
    return {**told, **about(trained), "measured": "Measured on a GPU."}, shown(trained)


def about(trained: Trained) -> dict[str, Any]:
    """What a row of results.json lacks of one that a file holds."""
    dims = trained.model.space.dims
    return {"history": [], "dims": dims, "about": "A checkpoint, trained before."}


def shown(trained: Trained) -> dict[str, Tensor]:
    """Samples, what of the training data is nearest to them, and a walk, drawn here."""
    model, data = trained.model, trained.data()
    some = drawn(model, GRID, data.test)
    near = neighbours(some[:PAIRS], data, extractor_for(data, None))
    walk = walked(model, told=conditions_of(model, data.test, ROWS))
    found = {"samples": some, "neighbours": near, "walk": walk}
    return {ROW + name: tensor for name, tensor in found.items() if tensor is not None}


def number(preset: str, row: dict[str, Any], hardware: str) -> None:
    """Writes what was measured into reached.json."""
    known = json.loads(reached.REACHED.read_text())
    before = {n["metric"]: n for n in known.get(preset, ())}
    fresh = {n["metric"]: n for n in reached.numbers(row, hardware)}
    better = {name for name, n in before.items() if counted(n) > counted(fresh.get(name, n))}
    known[preset] = list((before | {k: n for k, n in fresh.items() if k not in better}).values())
    reached.REACHED.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")


def counted(number: dict[str, Any]) -> int:
    """How many samples a number was measured on, where it says so."""
    found = re.search(r"([\d,]+) samples", number["data"])
    return int(found[1].replace(",", "")) if found else 0


def processor() -> str:
    """The processor's name, where the system tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def index() -> None:
    """Writes the list of files with their sums."""
    found = {
        path.stem: {"sha256": sha256(path), "bytes": path.stat().st_size}
        for path in sorted(CHECKOUT.glob("*.safetensors"))
    }
    INDEX.write_text(json.dumps(found, indent=1) + "\n")


def check(*names: str) -> None:
    """Compares values of single examples with those recorded. Exits with 1 where some moved."""
    bad = 0
    for path in sorted(CHECKOUT.glob("*.safetensors")):
        if names and path.stem not in names:
            continue
        trained, before = opened(path), checkpoint.read(path).tensors[VALUES]
        told = moved(values(trained.model, trained.data(), len(before)), before)
        bad += told is not None
        print(f"{path.stem}: {told or 'as recorded'}", flush=True)
    raise SystemExit(bool(bad))


if __name__ == "__main__":
    {"pack": pack, "pages": zoo_pages.main, "check": check}[sys.argv[1]](*sys.argv[2:])
