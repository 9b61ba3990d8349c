"""The command line: `pushforward train | sample | evaluate | compare | draw | list | show | check`.

Flags come from signatures: those of a preset or picture are its keywords, those of a command are
its function's.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import inspect
import itertools
import json
import sys
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import tyro
from tyro.conf import Positional

from .core.catalogue import Example, Usage, examples, nearest, preset_called, presets, rows
from .training.experiment import Experiment


def load_file(file: str) -> Any:
    """Runs the user's Python file as a module, so that what it declares is registered."""
    path = Path(file)
    if not path.is_file():
        raise Usage(f"there is no file {file}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


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
        from . import data
        from .training.recipe import Recipe

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
    knobs, run = _parse(name, build, flags, Run)
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
    }
    from .report.evaluation import likelihood_lines
    from .training.fit import CHECKPOINT, fit

    model = fit(experiment.model, experiment.data, recipe, out, device=device, **options)
    print(f"saved {out}/{CHECKPOINT}")
    for line in likelihood_lines(model, experiment.data.test):
        print(line)


def _parse(
    name: str, build: Callable[..., Any], flags: list[str], options: type, command: str = "train"
) -> tuple[dict[str, Any], Any]:
    """The knobs of a preset or picture and the command's `options`, from one set of flags."""
    hints = _hints(build)
    told = _told(build)
    fields: list[Any] = []
    for knob, parameter in inspect.signature(build).parameters.items():
        help = tyro.conf.arg(help=told.get(knob, f"a knob of {name}"))
        field = dataclasses.field(default=parameter.default)
        fields.append((knob, Annotated[hints.get(knob, str), help], field))
    own = {field[0] for field in fields}
    for field in dataclasses.fields(options):
        if field.name not in own:
            hint = typing.get_type_hints(options, include_extras=True)[field.name]
            kind, said = typing.get_args(hint)
            annotated = Annotated[kind, tyro.conf.arg(help=said)]  # type: ignore[valid-type]
            fields.append((field.name, annotated, dataclasses.field(default=field.default)))
    Arguments = dataclasses.make_dataclass("Arguments", fields)
    words = inspect.getdoc(build) or ""
    parsed: Any = tyro.cli(
        Arguments, prog=f"pushforward {command} {name}", description=words, args=flags
    )
    values = {field.name: getattr(parsed, field.name) for field in dataclasses.fields(parsed)}
    names = {field.name for field in dataclasses.fields(options)} - own
    return {k: values[k] for k in own}, options(**{k: values[k] for k in names})


def _hints(build: Callable) -> dict[str, Any]:
    """The types of the parameters; what a picture returns may be known to type checkers only."""
    function = inspect.unwrap(build)
    parameters = {k: v for k, v in function.__annotations__.items() if k != "return"}
    named = types.SimpleNamespace(__annotations__=parameters)
    return typing.get_type_hints(named, function.__globals__)


def _told(build: Callable) -> dict[str, str]:
    """What a docstring's Args say of each knob."""
    from docstring_parser import parse

    return {p.arg_name: p.description or "" for p in parse(build.__doc__ or "").params}


def sample(
    checkpoint: str,
    n: int = 64,
    out: str | None = None,
    label: int | None = None,
    partial: str | None = None,
    seed: int = 0,
    file: str | None = None,
) -> None:
    """Draw samples from a checkpoint: a PNG, WAV or text of them, and the numbers as .npy beside.

    Args:
        checkpoint: the .safetensors file.
        n: how many.
        out: the picture (default: samples.png beside the checkpoint).
        label: the class, for a class-conditional model.
        partial: what they agree with: an image (transparent pixels are drawn), a WAV file (its
            beginning), or .npy (negative and NaN are drawn).
        seed: of the noise.
        file: the Python file that declares the model's classes, if they are your own.
    """
    import torch

    from .core.checkpoint import load
    from .core.spaces import count

    count("--n", n)
    if file:
        load_file(file)
    model = load(checkpoint)
    torch.manual_seed(seed)
    conditions = [] if label is None else [torch.full((n,), label)]
    try:
        inspect.signature(model.sample).bind(n, *conditions)
    except TypeError as error:
        told = (
            "needs a class: give --label"
            if label is None
            else "knows no classes: leave --label out"
        )
        raise Usage(f"this {type(model).__name__} {told}") from error
    if partial is None:
        drawn = model.sample(n, *conditions)
    else:
        drawn = _completed(model, n, conditions, partial, checkpoint)
    _keep(drawn, model, checkpoint, Path(out or Path(checkpoint).with_name("samples.png")))


def _completed(model: Any, n: int, conditions: list, partial: str, checkpoint: str) -> Any:
    """`n` completions of what a file knows in part."""
    from .core.contract import Completing
    from .data.partial import read_partial
    from .report.sounds import rate_of

    if not isinstance(model, Completing):
        name = type(model).__name__
        raise Usage(f"this {name} cannot complete what is known in part: leave --partial out")
    x, known = read_partial(partial, model.space, rate_of(checkpoint) or 16_000)
    return model.complete(x.expand(n, *x.shape[1:]), known, *conditions)


def _keep(drawn: Any, model: Any, checkpoint: str, target: Path) -> None:
    """Writes samples as .npy, and as the picture, sound or text that they are."""
    import numpy as np

    from .data.wav import write_wav
    from .report import pictures
    from .report.sentences import as_text
    from .report.sounds import as_sound, rate_of

    target.parent.mkdir(parents=True, exist_ok=True)
    pictures.write(target, pictures.drawn(drawn, model.space))
    np.save(target.with_suffix(".npy"), drawn.numpy())
    said = f"{target} and " if target.exists() else ""
    if sentences := as_text(checkpoint, drawn):
        target.with_suffix(".txt").write_text(sentences, encoding="utf-8")
        said = f"{target.with_suffix('.txt')} and "
    if rate := rate_of(checkpoint):
        wave = as_sound(drawn, model.space.vocabulary, rate)
        said = f"{write_wav(target.with_suffix('.wav'), wave, rate)} and "
    print(f"wrote {said}{target.with_suffix('.npy')}: {tuple(drawn.shape)} {drawn.dtype}")


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
    from .report.evaluation import evaluated

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

    from .report.compare import FAMILIES, compare, known

    start = time.perf_counter()
    found = compare(known(names) if names else FAMILIES, out)
    if found.rows:
        print(f"wrote {out}/index.html in {time.perf_counter() - start:.0f} s")
    if found.failures:
        failed = ", ".join(failure.name for failure in found.failures)
        raise SystemExit(f"{len(found.failures)} of {len(found.names)} models failed: {failed}")


@dataclasses.dataclass(frozen=True)
class Canvas:
    """Where a picture goes."""

    out: Annotated[str | None, "the file (default: runs/pictures/NAME)"] = None


def draw(arguments: list[str]) -> None:
    """Draw one of the pictures that explain: pushforward draw NAME [--knob value] [--out FILE]."""
    from .report.gallery import drawing_called, drawings, hang

    if not arguments or arguments[0] in ("-h", "--help"):
        lines = [f"  {k:26}{(v.__doc__ or '').splitlines()[0]}" for k, v in drawings().items()]
        raise Usage("draw what? pushforward draw NAME, one of:\n" + "\n".join(lines))
    name, *flags = arguments
    function = drawing_called(name)
    knobs, canvas = _parse(name, function, flags, Canvas, "draw")
    print(f"wrote {hang(function(**knobs), canvas.out or f'runs/pictures/{name}')}")


def list_(as_json: bool = False) -> None:
    """Every system that is built, with its presets and the numbers that they reached.

    Args:
        as_json: as a JSON array (also --json).
    """
    catalogue = rows()
    if as_json:
        print(json.dumps(catalogue, indent=1))
        return
    for lecture, group in itertools.groupby(catalogue, key=lambda row: row["lecture"]):
        print(f"lecture {lecture}")
        for row in group:
            print(f"  {row['id']:26} {row['title']}")
            for name in row["presets"]:
                print(f"    {_reached(name, row['reached'][name])}")


def _reached(name: str, numbers: list[dict]) -> str:
    """A preset with its numbers, the kind beside each that is a likelihood."""
    said = []
    for r in numbers:
        kind = f" ({r['likelihood']})" if r["unit"].startswith(("nats", "bits")) else ""
        took = f"{60 * r['minutes']:.2g} s" if r["minutes"] < 1 else f"{r['minutes']:.2g} min"
        value = f"{r['value']:g} {r['unit']}".strip()
        said.append(f"{r['metric']} {value}{kind} on {r['data']} in {took}")
    return f"{name}: {'; '.join(said)}" if said else name


def show(preset: str) -> None:
    """A preset's docstring, its model and how many parameters it has.

    Args:
        preset: its name.
    """
    found = preset_called(preset)
    experiment = found.build()
    model = experiment.model
    print(f"{preset}{inspect.signature(found.build)}\n\n{inspect.getdoc(found.build)}\n")
    print(f"{model}\n")
    for name, child in model.named_children():
        print(f"{name:>20} {sum(p.numel() for p in child.parameters()):>12,}")
    print(f"{'parameters':>20} {sum(p.numel() for p in model.parameters()):>12,}")
    print(f"likelihood: {model.likelihood}; data: {experiment.data.name} {model.space}")
    print(f"{experiment.recipe}")


def check(file: str) -> None:
    """Run the laws over the examples that your Python file registers with @pf.example.

    Args:
        file: the Python file.
    """
    from . import data
    from .laws import LAWS, NotApplicable, Subject

    before = set(examples())
    load_file(file)
    mine = {name: e for name, e in examples().items() if name not in before}
    if not mine:
        raise Usage(f"{file} registers no example: decorate a function with @pf.example(data=...)")
    broken = 0
    for name, example in mine.items():
        subject = Subject(example.build, data.find(example.data))
        for law in LAWS.values():
            said = "holds"
            try:
                law(subject)
            except NotApplicable as reason:
                said = f"does not apply: {reason}"
            except Exception as error:  # a broken law of the user's model, whatever it raised
                broken += 1
                said = f"BROKEN: {type(error).__name__}: {error}"
            print(f"{name}: {law.__name__}: {said}")
    if broken:
        raise SystemExit(f"{broken} law{' is' if broken == 1 else 's are'} broken")


RAW: dict[str, Callable[[list[str]], None]] = {"train": train, "draw": draw}
"""Commands whose flags depend on the preset or picture named first."""

COMMANDS: dict[str, Callable[..., None]] = {
    **RAW,
    "sample": sample,
    "evaluate": evaluate,
    "compare": compare,
    "list": list_,
    "show": show,
    "check": check,
}


def main(arguments: list[str] | None = None) -> None:
    """The entry point. Errors that a person can mend are one line, not a traceback."""
    words = sys.argv[1:] if arguments is None else arguments
    if not words or words[0] in ("-h", "--help"):
        print("pushforward COMMAND ...   (pushforward COMMAND --help says more)\n")
        for name, command in COMMANDS.items():
            print(f"  {name:10}{(command.__doc__ or '').splitlines()[0]}")
        return
    try:
        _run(words[0], words[1:])
    except KeyboardInterrupt as stop:
        raise SystemExit(str(stop) or "stopped") from None
    except (ValueError, OSError, RuntimeError) as error:
        if type(error) is RuntimeError:  # not one of ours
            raise
        raise SystemExit(f"pushforward: {error}") from error


def _run(name: str, rest: list[str]) -> None:
    if name not in COMMANDS:
        raise nearest(name, list(COMMANDS), "command")
    if name in RAW:
        RAW[name](rest)
        return
    rest = ["--as-json" if word == "--json" else word for word in rest]
    tyro.cli(
        COMMANDS[name],
        prog=f"pushforward {name}",
        args=rest,
        config=(tyro.conf.PositionalRequiredArgs,),
    )
