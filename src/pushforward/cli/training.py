"""`pushforward train`: a preset, or a function of the user's file."""

from __future__ import annotations

import dataclasses
import inspect
import warnings
from collections.abc import Callable
from typing import Annotated, Any

from ..core.catalogue import Example, Usage, examples, nearest, preset_called, presets
from ..core.contract import Generative
from ..core.dataset import Dataset
from ..core.spaces import Labels
from ..training.experiment import Experiment
from ..training.recipe import Recipe
from .flags import careful, load_file, parse


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
    if found:
        model = careful(build, file, Generative)
        return _experiment_of(dataclasses.replace(found[0], build=model))
    return careful(build, file, Experiment)


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

    data: Annotated[
        str | None,
        "what is learned instead: folder:PHOTOS?size=32, table:FILE, text:FILE, wav:PATH, "
        "hub:OWNER/NAME, array:FILE.npy, ... (default: the preset's own)",
    ] = None
    classes_from: Annotated[
        str | None, "what the model is told with --data: folders, labels, or the name of a column"
    ] = None
    out: Annotated[str | None, "folder for checkpoint and log (default: runs/PRESET)"] = None
    resume: Annotated[bool, "go on from the checkpoint in the folder"] = False
    device: Annotated[str | None, "cpu, cuda, ... (default: the best there is)"] = None
    quiet: Annotated[bool, "no progress bar"] = False
    tensorboard: Annotated[bool, "also write TensorBoard events"] = False
    compile: Annotated[bool, "run losses through torch.compile"] = False
    bf16: Annotated[bool, "autocast losses to bfloat16"] = False


def own_data(run: Run) -> Dataset | None:
    """The data of --data, with the labels of --classes-from; None for the preset's own."""
    from .. import data

    if run.data is None:
        if run.classes_from is not None:
            raise Usage("--classes-from says what --data holds: give --data as well")
        return None
    if run.classes_from is None:
        return data.find(run.data)
    column = {} if run.classes_from in ("folders", "labels") else {"label": run.classes_from}
    found = data.find(run.data, labels=True, **column)
    if found.given is None:
        raise Usage(f"{run.data} holds no {run.classes_from} that a model could be told")
    return found


def learning(
    name: str, build: Callable[..., Experiment], knobs: dict[str, Any], data: Dataset
) -> Experiment:
    """What a preset builds where every loader gives it `data`; a knob for classes follows them.

    Raises Usage where it is about one data set, or learns another kind of data.
    """
    from ..data.names import replaced

    classes = data.given.classes if isinstance(data.given, Labels) else 0
    if classes and not data.classes:
        data = dataclasses.replace(data, classes=tuple(map(str, range(classes))))
    told = {"classes": classes, "labels": classes > 0}
    knobs = knobs | {k: type(knobs[k])(v) for k, v in told.items() if k in knobs}
    try:
        with replaced(data) as asked:
            experiment = build(**knobs)
    except Exception as error:  # networks that are built for other shapes fail in many ways
        hint = "" if classes else "; if it needs labels, give --classes-from"
        raise Usage(f"{name} cannot learn {data!r}: {error}{hint}") from error
    if not asked:
        raise Usage(f"{name} loads no data that --data could stand for")
    if experiment.model.space != experiment.data.space:
        raise Usage(f"{name} is a model of {experiment.model.space}: it cannot learn {data!r}")
    return dataclasses.replace(experiment, recipe=_of_few(experiment.recipe, len(data.train)))


def _of_few(recipe: Recipe, n: int) -> Recipe:
    """The recipe with batches of at most the `n` examples that there are."""
    sizes = {stage: size and min(size, n) for stage, size in recipe.batch_sizes.items()}
    size = recipe.batch_size and min(recipe.batch_size, n)
    if (size, sizes) != (recipe.batch_size, recipe.batch_sizes):
        warnings.warn(f"batches are of {n}, as many as there are to train on", stacklevel=2)
    return dataclasses.replace(recipe, batch_size=size, batch_sizes=sizes)


def train(arguments: list[str]) -> None:
    """Train a preset, or FILE.py:name: pushforward train PRESET [--knob value] [--out DIR]."""
    import torch

    if not arguments or arguments[0] in ("-h", "--help"):
        raise Usage(f"train what? pushforward train PRESET, one of: {', '.join(presets())}")
    name, *flags = arguments
    build = _builder(name)
    knobs, run = parse(name, build, flags, Run)
    data = own_data(run)
    torch.manual_seed(knobs.get("seed", 0))
    experiment = build(**knobs) if data is None else learning(name, build, knobs, data)
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
