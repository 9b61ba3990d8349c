"""`pushforward average`: an average of a run's weights of any width, from its snapshots."""

from __future__ import annotations

import json
from pathlib import Path

from tyro.conf import Positional

from ..core.catalogue import Usage
from .flags import JSON, load_file


def average(
    run: Positional[str],
    /,
    sigma_rel: float | None = None,
    out: str | None = None,
    step: int | None = None,
    file: str | None = None,
    force: bool = False,
    as_json: JSON = False,
) -> None:
    """Average a run's weights by any width, after training, and write the model of them.

    The run was trained with Recipe(ema=PowerAverages()), which left snapshots in its folder. What
    is written is a checkpoint like any other: sample, evaluate and compare take it.

    Args:
        run: the folder of the run, or its checkpoint.
        sigma_rel: width of the average as a share of the training: above 0, at most 0.2887, such
            as 0.1; it must be given.
        out: the .safetensors file (default: average-WIDTH.safetensors in the run's folder).
        step: of a snapshot, as of which it is (default: the last).
        file: the Python file that declares the model's classes, if they are your own.
        force: replace a file that is there already.
    """
    from ..core import checkpoint
    from ..core.outputs import check_free
    from ..training.profiles import checked_width
    from ..training.snapshots import reconstruct

    if sigma_rel is None:
        raise Usage("of which width? pushforward average RUN --sigma-rel 0.1")
    try:
        checked_width(sigma_rel)
    except ValueError as error:
        raise Usage(str(error)) from error
    place = Path(run).parent if Path(run).is_file() else Path(run)
    target = Path(out) if out else place / f"average-{sigma_rel:g}.safetensors"
    check_free([target], [run], force)
    if file:
        load_file(file)
    made = reconstruct(run, sigma_rel, step)
    checkpoint.save(made.model, target, record=made.record)
    found = {"checkpoint": str(target), **made.record["averaged"], "distance": made.distance}
    if as_json:
        print(json.dumps(found, indent=1))
        return
    print(f"saved {target}: sigma_rel {sigma_rel:g} at step {found['step']}")
    print(
        f"of {len(found['snapshots'])} snapshots, by a profile that is {made.distance:.2%} away "
        "from the one wanted"
    )
