"""What the zoo's pages say: zoo/README.md of its files, docs/results.md of all that was reached."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from code_table import code_table

from pushforward.core import checkpoint
from pushforward.core.catalogue import Preset, Reached, presets, systems
from pushforward.media.zoo import CHECKOUT, entries

ROOT = Path(__file__).resolve().parent.parent
PUBLISHED = json.loads((ROOT / "src/pushforward/presets/published.json").read_text())
TABLES = ROOT / "results/tables.json"
OTHER = "codes, grammar, recognition"


def main() -> None:
    """Writes both pages."""
    (CHECKOUT / "README.md").write_text("\n".join(zoo()) + "\n")
    (ROOT / "docs/results.md").write_text("\n".join(results()) + "\n")


def zoo() -> Iterator[str]:
    """A line for each file of the zoo."""
    known, files = presets(), entries()
    size = sum(entry.bytes for entry in files.values())
    yield "# The zoo: trained checkpoints that anyone can check\n"
    yield f"{len(files)} checkpoints, {size / 1e6:.0f} MB, written by `python tools/zoo.py`."
    yield "Each holds averaged weights, what it was trained on and how, what was measured, and what"
    yield "single test examples cost, so that `make results` can tell whether anything moved.\n"
    yield "```\npushforward evaluate zoo:vae_mnist     # measures again"
    yield "pushforward sample zoo:dcgan_mnist"
    yield "pushforward compare 'zoo:*_mnist'     # the rows as measured, on one page"
    yield "```\n\nIn Python: `pf.pretrained('vae_mnist').sample(4)`.\n"
    yield "*Halved* files hold float16; they move no value by more than 0.005 nats a dimension. The"
    yield "command is what trained it, with seed 0 unless it says another.\n"
    yield "| name | command | numbers | published | parameters | minutes, on | MB | SHA-256 |"
    yield "|---|---|---|---|---:|---|---:|---|"
    for name in files:
        yield _file(name, known[name])


def _file(name: str, preset: Preset) -> str:
    record = checkpoint.record_of(CHECKOUT / f"{name}.safetensors")
    entry, row = entries()[name], record.get("row", {})
    told = "; ".join(_number(number) for number in preset.reached) or "none"
    minutes = sorted({f"{n.minutes:.2g}, {n.hardware}" for n in preset.reached})
    half = " (halved)" if record.get("halved") else ""
    cells = [
        f"`{name}`", f"`{_command(name, record)}`", told, _published(name, preset),
        f"{row['parameters']:,}" if row else "", "; ".join(minutes),
        f"{entry.bytes / 1e6:.2f}{half}", f"`{entry.sha256[:12]}`",
    ]  # fmt: skip
    return f"| {' | '.join(cells)} |"


def _command(name: str, record: dict[str, Any]) -> str:
    """What trained it: the preset, and the steps where they were others than its own."""
    steps = record.get("recipe", {}).get("fields", {}).get("steps")
    own = presets()[name].build().recipe.steps
    other = f" --steps {steps}" if isinstance(steps, int) and steps != own else ""
    return f"pushforward train {name}{other}"


def results() -> Iterator[str]:
    """Every preset with its numbers, grouped by data, and the published figures beside them."""
    yield "# Results\n"
    yield "Written by `python tools/zoo.py pages` from `presets/reached.json`, which only measuring"
    yield "writes, and `presets/published.json`. A published figure is of the paper's network and"
    yield "budget, often of a GPU and of days; ours are of the minutes that stand beside them. Gap:"
    yield "ours less theirs. The files of `zoo/` give these numbers again: `pushforward evaluate"
    yield "zoo:NAME` measures, `make results` compares single examples.\n"
    yield "![The zoo's models of MNIST on one page](zoo-mnist.png)\n"
    groups: dict[str, list[Preset]] = defaultdict(list)
    for preset in presets().values():
        if preset.reached:
            groups[_data(preset)].append(preset)
    titles = {system.id: system.title for system in systems()}
    for data, some in sorted(groups.items(), key=lambda pair: (-len(pair[1]), pair[0])):
        yield f"## {data}\n"
        yield "| system | preset | likelihood | Fréchet distance | other | published | minutes |"
        yield "|---|---|---|---|---|---|---:|"
        for preset in some:
            yield _line(preset, titles)
        yield ""
    yield from code_table()
    yield from tables(json.loads(TABLES.read_text()))
    yield "## Not yet measured\n"
    missing = [f"`{preset.name}`" for preset in presets().values() if not preset.reached]
    yield f"Presets without a number, most of them for a GPU: {', '.join(missing)}."


def tables(measured: dict[str, Any]) -> Iterator[str]:
    """scikit-learn's tables by every method and package: nats of the test split."""
    found = measured["tables"]
    packages = ("pushforward", "scikit-learn", "zuko")
    yield "## Tables that scikit-learn carries, beside scikit-learn and zuko\n"
    yield f"By `{measured['command']}`: nats of the test rows, their standard error over these"
    seeds = len(measured["seeds"])
    yield f"rows, in brackets the standard deviation over the means of {seeds} seeds. Splits are"
    yield "the same for all, and so are the steps of ours and of zuko's flows; what is chosen is"
    yield "chosen by the validation rows. Test rows are few, and some lie far out: where a flow's"
    yield "standard error is large, single rows cost it hundreds of nats, or thousands.\n"
    for name, table in found.items():
        rows = ", ".join(f"{n} {part}" for part, n in table["rows"].items())
        yield f"`{name}`, {table['columns']} columns, standardised ({rows}):\n"
        yield f"| method | {' | '.join(packages)} |"
        yield "|---|---|---|---|"
        for method, by in table["nats"].items():
            yield f"| {method} | {' | '.join(_nats(by.get(package)) for package in packages)} |"
        yield ""


def _nats(score: dict[str, Any] | None) -> str:
    if score is None:
        return ""
    mean = f"{score['nll']:.2f} ± {score['standard_error']:.2f} ({score['over_seeds']:.2f})"
    return f"{mean}, median {score['median']:.2f}" if "median" in score else mean


def _line(preset: Preset, titles: dict[str, str]) -> str:
    nll = [n for n in preset.reached if n.metric == "nll"]
    distance = [n for n in preset.reached if n.metric == "Frechet distance"]
    other = [n for n in preset.reached if n not in (*nll, *distance)]
    here = f"`zoo:{preset.name}`" if preset.name in entries() else f"`{preset.name}`"
    cells = [
        ", ".join(titles[s].partition(":")[0] for s in preset.systems[:1]) or "baseline",
        here,
        "<br>".join(f"{n.value:.4g} {n.unit}, {n.likelihood} ({n.data})" for n in nll) or "none",
        "<br>".join(f"{n.value:.4g} ({_circumstances(n)})" for n in distance),
        "<br>".join(_number(n) for n in other),
        _published(preset.name, preset),
        "; ".join(sorted({f"{n.minutes:.2g}" for n in preset.reached})),
    ]
    return f"| {' | '.join(cells)} |"


def _data(preset: Preset) -> str:
    return preset.reached[0].data.partition(" (")[0].partition(",")[0]


def _circumstances(number: Reached) -> str:
    return number.data.partition("(test, ")[2].removesuffix(")") or number.data


def _number(number: Reached) -> str:
    kind = f", {number.likelihood}" if number.likelihood else ""
    return f"{number.metric} {number.value:.4g} {number.unit}{kind} on {number.data}".replace(
        "  ", " "
    )


def _published(name: str, preset: Preset) -> str:
    """The published figures with their gaps, where ours are of the same unit."""
    told = []
    for figure in PUBLISHED.get(name, ()):
        ours = [n.value for n in preset.reached if n.unit == figure["unit"]]
        gap = f", gap {min(ours) - figure['value']:+.2f}" if ours else ""
        told.append(
            f"{figure['value']} {figure['unit']}{gap} ({figure['data']}; {figure['source']})"
        )
    return "<br>".join(told)
