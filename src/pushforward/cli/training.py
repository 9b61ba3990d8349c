"""`pushforward train`: a preset, or a function of the user's file."""

from __future__ import annotations

import dataclasses
import inspect
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any

from ..core import sources
from ..core.catalogue import Example, Usage, examples, nearest, preset_called
from .flags import careful, load_file, parse
from .processes import first_before_others, is_first, together
from .recipes import How, adapted

if TYPE_CHECKING:
    from ..core.contract import Generative
    from ..training.experiment import Experiment


@dataclasses.dataclass(frozen=True)
class Run(How):
    """How a preset is run, beside its own knobs."""

    data: Annotated[
        str | None,
        "what is learned instead: folder:PHOTOS?size=32, table:FILE, text:FILE, wav:PATH, "
        "hub:OWNER/NAME, array:FILE.npy, ... (default: the preset's own)",
    ] = None
    classes_from: Annotated[
        str | None, "what the model is told with --data: folders, labels, or the name of a column"
    ] = None
    out: Annotated[str | None, "folder for checkpoint and log (default: runs/PRESET)"] = None
    resume: Annotated[bool, "go on from the checkpoint in the folder, if there is one"] = False
    keep_best: Annotated[bool, "keep the model that validated best, and not the last"] = False
    device: Annotated[str | None, "cpu, cuda, ... (default: the best there is)"] = None
    quiet: Annotated[bool, "no progress bar"] = False
    tensorboard: Annotated[bool, "also write TensorBoard events"] = False
    as_json: Annotated[bool, "print JSON"] = False
    patience: Annotated[
        float, "under torchrun, minutes after which a process that does not answer ends the run"
    ] = 30.0


def train(arguments: list[str]) -> None:
    """Train a preset, or FILE.py:name: pushforward train PRESET [--knob value] [--out DIR]."""
    if not arguments or arguments[0].startswith("-"):
        told = f"pushforward train PRESET, one of: {', '.join(sources.presets())}"
        if arguments and arguments[0] in ("-h", "--help"):
            print(f"{told}\n\npushforward train PRESET --help tells its knobs")
            return
        raise Usage(f"train what? {told}")
    name, *flags = arguments
    build = _builder(name, written="--help" in flags or "-h" in flags)
    knobs, run = parse(name, build, flags, Run)
    if run.epochs is not None and any(flag.split("=")[0] == "--steps" for flag in flags):
        raise Usage("--epochs is in place of --steps: give one of them")
    out = run.out or f"runs/{name.rpartition(':')[2]}"
    with together(run.device, run.patience) as device:
        run = dataclasses.replace(run, device=device)
        with first_before_others("data"):
            experiment = _experiment(name, build, knobs, run)
        model = _trained(name, experiment, run, out)
    if is_first():
        _tell(model, experiment, name, out, run)


def _experiment(name: str, build: Callable, knobs: dict[str, Any], run: Run) -> Experiment:
    """What is trained, on the data and by the recipe that the flags say."""
    import torch

    from ..training.experiment import Experiment
    from .own_data import learning, own_data

    data = own_data(run.data, run.classes_from)
    seed = knobs.get("seed", run.seed)
    torch.manual_seed(0 if seed is None else seed)
    experiment = build(**knobs) if data is None else learning(name, build, knobs, data)
    if not isinstance(experiment, Experiment):
        raise Usage(
            f"{name} returns {type(experiment).__name__}, and not what can be trained: let it "
            "return pf.Experiment(model, data, recipe)"
        )
    return adapted(experiment, run)


def _trained(name: str, experiment: Experiment, run: Run, out: str) -> Generative:
    import torch

    from ..training.fit import fit

    return fit(
        experiment.model,
        experiment.data,
        experiment.recipe,
        out,
        resume=run.resume,
        device=run.device or ("cuda" if torch.cuda.is_available() else "cpu"),
        quiet=run.quiet,
        tensorboard=run.tensorboard,
        preset=None if ":" in name else name,
        keep_best=run.keep_best,
    )


def _tell(model: Generative, experiment: Experiment, name: str, out: str, run: Run) -> None:
    """Where the model is, and its likelihood on what was held out to test."""
    from ..report.evaluation import likelihood_lines, likelihood_record
    from ..report.measure import recorded_samples
    from ..training.best import BEST
    from ..training.fit import CHECKPOINT

    kept = f"{out}/{BEST if run.keep_best else CHECKPOINT}"
    test = experiment.data.told(model.given).test
    if run.as_json:
        found = {"checkpoint": kept, "steps": experiment.recipe.steps}
        print(json.dumps(found | {"likelihood": likelihood_record(model, test)}, indent=1))
        return
    print(f"saved {kept}")
    for line in likelihood_lines(model, test, quiet=run.quiet):
        print(line)
    if k := recorded_samples(None if ":" in name else name):
        print(f"recorded with {k} importance weights: pushforward evaluate {kept}")


def _builder(name: str, written: bool = False) -> Callable[..., Experiment]:
    """The preset `name`, or the function `name` of FILE.py:name.

    Where only what is `written` of a preset is asked for, nothing is imported.
    """
    file, colon, function = name.rpartition(":")
    if not colon and not name.endswith(".py"):
        found = sources.preset_called(name)  # before anything is imported
        return (found if written else preset_called(name)).build
    if not function or not colon:
        file, function = name.rstrip(":"), ""
    module = load_file(file)
    known = [k for k, v in vars(module).items() if _is_own(v, module.__name__)]
    if not function:
        there = f"one of: {', '.join(known)}" if known else "but it holds no function"
        raise Usage(f"which function of {file}? pushforward train {file}:NAME, {there}")
    if function not in known:
        raise nearest(function, known, f"function of {file}")
    build = getattr(module, function)
    shown = [e for e in examples().values() if e.build is build]
    if not shown:
        return careful(build, file)
    return _experiment_of(dataclasses.replace(shown[0], build=careful(build, file, "Generative")))


def _is_own(value: Any, module: str) -> bool:
    """Whether a function was written in the file, and not imported into it."""
    return inspect.isfunction(value) and value.__module__ == module


def _experiment_of(example: Example) -> Callable[[], Experiment]:
    """An example as an experiment: on its own data, with the default recipe."""

    def build() -> Experiment:
        from .. import data
        from ..training.experiment import Experiment
        from ..training.recipe import Recipe

        return Experiment(example.build(), data.find(example.data), Recipe())

    build.__doc__ = example.build.__doc__
    return build
