"""`pushforward evaluate` and `pushforward compare`: numbers of checkpoints and presets."""

from __future__ import annotations

from tyro.conf import Positional

from .flags import load_file


def evaluate(
    checkpoints: Positional[list[str]],
    /,
    data: str | None = None,
    k: int | None = None,
    samples: int | None = None,
    out: str | None = None,
    file: str | None = None,
) -> None:
    """Measure checkpoints on the test split of their data: likelihood with its kind, and samples.

    Prints every number with its 95 % interval, and the ELBO's parts of models with latents.

    Args:
        checkpoints: .safetensors files.
        data: the data set (default: the one that each was trained on), as "mnist?binarise=fixed".
        k: samples of the importance-weighted bound, for models that have one.
        samples: how many samples are measured (default: as there are test data, up to 2000).
        out: folder for index.html, results.json, results.md, results.csv and PNGs.
        file: the Python file that declares the models' classes, if they are your own.
    """
    from ..report.evaluation import evaluated

    if file:
        load_file(file)
    for line in evaluated(checkpoints, data, k, samples, out):
        print(line)


def compare(names: Positional[tuple[str, ...]] = (), /, out: str = "runs/compare") -> None:
    """Train presets on one data set and compare them, and checkpoints, on a page.

    Args:
        names: presets, checkpoints, or "all" (default: one of each family, on digits).
        out: folder for index.html, results.json, results.md, results.csv and PNGs.
    """
    import time

    from ..report.compare import FAMILIES, compare, known

    start = time.perf_counter()
    found = compare(known(names) if names else FAMILIES, out)
    if found.rows:
        print(f"wrote {out}/index.html in {time.perf_counter() - start:.0f} s")
    if found.failures:
        failed = ", ".join(failure.name for failure in found.failures)
        raise SystemExit(f"{len(found.failures)} of {len(found.names)} models failed: {failed}")
