"""`pushforward evaluate` and `pushforward compare`: numbers of checkpoints and presets."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tyro.conf import Positional

from .flags import JSON, load_file


def evaluate(
    checkpoints: Positional[list[str]],
    /,
    data: str | None = None,
    k: int | None = None,
    samples: int | None = None,
    out: str | None = None,
    file: str | None = None,
    features: str | None = None,
    ais: int | None = None,
    ode_steps: int | None = None,
    ode_probes: int | None = None,
    ode_tolerance: float | None = None,
    force: bool = False,
    as_json: JSON = False,
) -> None:
    """Measure checkpoints on the test split of their data: likelihood with its kind, and samples.

    Prints every number with its 95 % interval, and the ELBO's parts of models with latents.

    Args:
        checkpoints: .safetensors files, or zoo:NAME, in which * stands for anything.
        data: the data set (default: the one that each was trained on), as "mnist?binarise=fixed".
        k: samples of the importance-weighted bound, for models that have one; 0 is the ELBO
            (default: as many as the preset's recorded figure has).
        samples: how many samples are measured (default: as there are test data, up to 2000).
        out: folder for index.html, results.json, results.md, results.csv and PNGs.
        file: the Python file that declares the models' classes, if they are your own.
        features: what samples are seen through: classifier, random, inception, hub:OWNER/NAME or
            pixels (default: the data's own classifier, few numbers as they are, else random).
        ais: test examples whose likelihood is also found by annealed importance sampling, for
            models with a decoder and a prior (--ais alone: 100; unasked where a critic alone
            tells a model's rate, as in adversarial variational Bayes).
        ode_steps: Runge-Kutta steps of estimates by an ODE, as of EDM and flow matching
            (default: 25).
        ode_probes: random projections for its divergence, 0 for the exact one (default: 1, and 0
            up to eight dimensions).
        ode_tolerance: relative and absolute error of its solver, in the place of steps.
        force: replace files in the folder that are of no earlier page.
    """
    from ..media.zoo import expanded
    from ..report.evaluation import evaluated
    from ..report.places import check_folder

    if file:
        load_file(file)
    checkpoints = expanded(checkpoints)
    if out is not None:
        check_folder(Path(out), checkpoints, force)
    records: list[dict[str, Any]] = []
    said = {"steps": ode_steps, "probes": ode_probes, "tolerance": ode_tolerance}
    ode = {name: value for name, value in said.items() if value is not None}
    for line in evaluated(checkpoints, data, k, samples, out, features, ais, records, ode):
        if not as_json:
            print(line, flush=True)
    if as_json:
        print(json.dumps(records, indent=1))


def compare(
    names: Positional[tuple[str, ...]] = (),
    /,
    out: str = "runs/compare",
    features: str | None = None,
    force: bool = False,
    as_json: JSON = False,
) -> None:
    """Train presets and compare them, and checkpoints, on a page.

    Args:
        names: presets, checkpoints, zoo:NAME (in which * stands for anything), or "all" (default:
            one of each family, on digits). Each data set has a part of the page.
        out: folder for index.html, results.json, results.md, results.csv and PNGs.
        features: what samples are seen through, as for `evaluate`.
        force: replace files in the folder that are of no earlier page.
    """
    import time

    from ..media.zoo import expanded
    from ..report.compare import FAMILIES, compare, known
    from ..report.places import check_folder

    names = tuple(expanded(names))
    check_folder(Path(out), names or FAMILIES, force)
    start = time.perf_counter()
    found = compare(known(names) if names else FAMILIES, out, features)
    if as_json:
        print(json.dumps([row.record() for row in found.rows], indent=1))
    elif found.rows:
        print(f"wrote {out}/index.html in {time.perf_counter() - start:.0f} s")
    if found.failures:
        failed = ", ".join(failure.name for failure in found.failures)
        raise ValueError(f"{len(found.failures)} of {len(found.names)} models failed: {failed}")
