"""`pushforward train`: a preset, or a function of the user's file."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable
from typing import Annotated, Any

from ..core.catalogue import Example, Usage, examples, nearest, preset_called, presets
from ..training.experiment import Experiment
from .flags import load_file, parse


def _builder(name: str) -> Callable[..., Experiment]:
    """The preset `name`, or the function `name` of FILE.py:name."""
    file, colon, function = name.rpartition(":")
    if not colon:
        return preset_called(name).build
    module = load_file(file)
    known = [k for k, v in vars(module).items() if inspect.isfunction(v)]
    if function not in known:
        raise nearest(function, known, f"function of {file}")
    build = getattr(module, function)
    found = [e for e in examples().values() if e.build is build]
    return _experiment_of(found[0]) if found else build


def _experiment_of(example: Example) -> Callable[[], Experiment]:
    """An example as an experiment: on its own data, with the default recipe."""

    def build() -> Experiment:
        from .. import data
        from ..training.recipe import Recipe

        return Experiment(example.build(), data.find(example.data), Recipe())

    build.__doc__ = example.build.__doc__
    return build


@dataclasses.dataclass(frozen=True)
class Run:
    """How a preset is run, beside its own knobs."""

    out: Annotated[str | None, "folder for checkpoint and log (default: runs/PRESET)"] = None
    resume: Annotated[bool, "go on from the checkpoint in the folder"] = False
    device: Annotated[str | None, "cpu, cuda, ... (default: the best there is)"] = None
    quiet: Annotated[bool, "no progress bar"] = False
    tensorboard: Annotated[bool, "also write TensorBoard events"] = False
    compile: Annotated[bool, "run losses through torch.compile"] = False
    bf16: Annotated[bool, "autocast losses to bfloat16"] = False


def train(arguments: list[str]) -> None:
    """Train a preset, or FILE.py:name: pushforward train PRESET [--knob value] [--out DIR]."""
    import torch

    if not arguments or arguments[0] in ("-h", "--help"):
        raise Usage(f"train what? pushforward train PRESET, one of: {', '.join(presets())}")
    name, *flags = arguments
    build = _builder(name)
    knobs, run = parse(name, build, flags, Run)
    torch.manual_seed(knobs.get("seed", 0))
    experiment = build(**knobs)
    recipe = dataclasses.replace(
        experiment.recipe,
        compile=experiment.recipe.compile or run.compile,
        bf16=experiment.recipe.bf16 or run.bf16,
    )
    out = run.out or f"runs/{name.rpartition(':')[2]}"
    device = run.device or ("cuda" if torch.cuda.is_available() else "cpu")
    options: dict[str, Any] = {
        "resume": run.resume,
        "quiet": run.quiet,
        "tensorboard": run.tensorboard,
        "preset": None if ":" in name else name,
    }
    from ..report.evaluation import likelihood_lines
    from ..report.measure import recorded_samples
    from ..training.fit import CHECKPOINT, fit

    model = fit(experiment.model, experiment.data, recipe, out, device=device, **options)
    print(f"saved {out}/{CHECKPOINT}")
    for line in likelihood_lines(model, experiment.data.told(model.given).test):
        print(line)
    if k := recorded_samples(options["preset"]):
        print(f"recorded with {k} importance weights: pushforward evaluate {out}/{CHECKPOINT}")
