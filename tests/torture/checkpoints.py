"""Checkpoints that others made: damaged, and crafted with a digest that is right."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from harness import End, Trial, as_command, command, damaged, refused, taken

VALUES: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1,
    2,
    3,
    10**6,
    10**9,
    10**30,
    -(10**30),
    0.5,
    -1.5,
    1e308,
    "",
    "x",
    "tanh",
    [],
    [1],
    [10**6] * 3,
    [-1, 0],
    [[]],
    {},
    {"float": "nan"},
    {"float": "inf"},
    {"float": "x"},
    {"tuple": [1, 2]},
    {"tuple": 3},
    {"size": [10**5] * 3},
    {"named": "torch.tanh"},
    {"named": "os.system"},
    {"device": "cuda:99"},
    {"device": "x"},
    {"ref": 0},
    {"ref": 99},
    {"dict": {"a": 1}},
    {"pairs": [[1, 2]]},
    {"pairs": [1]},
    {"record": "Adam", "fields": {}},
    {"record": "Pixels", "fields": {"channels": 10**5, "height": 10**5, "width": 10**5}},
    {"record": "Pixels", "fields": {"channels": 1}},
    {"record": "Tokens", "fields": {"length": 10**9, "vocabulary": 2}},
    {"namespace": "argparse.Namespace", "fields": {"a": 1}},
    {"partial": "torch.tanh", "arguments": [], "keywords": {}},
    {"torch": "Linear", "id": 77, "arguments": {"in_features": 10**6, "out_features": 10**6}},
    {"torch": "Linear", "id": 78, "arguments": {"in_features": 2, "out_features": 2}},
    {"component": "MLP", "module": "x", "id": 79, "arguments": {"inputs": 2, "outputs": 2}},
    {"class": "X", "module": "os", "id": 80},
)


def made() -> dict[str, Path]:
    """Small models of several families, each trained for two steps, as files."""
    import pushforward as pf
    from pushforward.core.catalogue import examples
    from pushforward.data import find

    top, found = Path("made"), {}
    wanted = (
        "made",
        "realnvp",
        "vae",
        "ddpm_images",
        "wgan_gp",
        "vq_vae",
        "gmm",
        "pixelcnn",
        "glow",
        "wavenet",
        "sentence_vae",
        "edm",
    )
    known = examples()
    for name in (name for name in wanted if name in known):
        torch.manual_seed(0)
        example = known[name]
        data, model = find(example.data), example.build()
        folder = top / name
        pf.fit(
            model,
            data.told(model.given),
            pf.Recipe(4, 8, ema=0.9, save_every=4),
            folder,
            quiet=True,
        )
        found[name] = folder / "checkpoint.safetensors"
    return found


def forged(whole: bytes, change: Callable[[dict, dict, dict], None]) -> bytes:
    """A checkpoint with another blueprint, record or other tensors, and a digest that fits."""
    from safetensors.torch import save

    from pushforward.core import checkpoint

    Path("whole").write_bytes(whole)
    read = checkpoint.read("whole")
    parts = {"blueprint": copy.deepcopy(read.blueprint), "record": copy.deepcopy(read.record)}
    tensors, header = dict(read.tensors), {"format": checkpoint.FORMAT}
    change(parts, tensors, header)
    texts = {
        key: part if isinstance(part, str) else json.dumps(part) for key, part in parts.items()
    }
    digest = checkpoint.digest_of(tensors, texts)
    return save(tensors, {**header, **texts, "digest": digest})


def places(node: Any, path: tuple = ()) -> Iterator[tuple]:
    """Where in JSON something stands."""
    if isinstance(node, dict | list):
        for key, item in node.items() if isinstance(node, dict) else enumerate(node):
            yield (*path, key)
            yield from places(item, (*path, key))


def changed(node: Any, draw: random.Random) -> None:
    """Changes one place of JSON: another value, none, or that of another place."""
    known = list(places(node))
    if not known:
        return
    *path, last = draw.choice(known)
    home = node
    for key in path:
        home = home[key]
    match draw.randrange(4):
        case 0:
            del home[last]
        case 1:
            other = node
            for key in draw.choice(known):
                other = other[key]
            home[last] = copy.deepcopy(other)
        case _:
            home[last] = copy.deepcopy(draw.choice(VALUES))


def of_header(draw: random.Random, times: int) -> Callable:
    """Changes some places of the blueprint or the record."""
    seed = draw.getrandbits(32)

    def change(parts: dict, tensors: dict, header: dict) -> None:
        own = random.Random(seed)
        for _ in range(times):
            changed(parts[own.choice(["blueprint", "blueprint", "record"])], own)

    return change


def of_tensors(draw: random.Random) -> Callable:
    """Changes what tensors there are, and of what type, shape and value."""
    seed = draw.getrandbits(32)

    def change(parts: dict, tensors: dict, header: dict) -> None:
        own = random.Random(seed)
        name = own.choice(sorted(tensors))
        x = tensors[name]
        tensors[name] = {
            0: lambda: x.to(torch.float64),
            1: lambda: x.to(torch.int64),
            2: lambda: torch.full_like(x.float(), float("nan")),
            3: lambda: x.flatten()[:0],
            4: lambda: x[None],
            5: lambda: x.to(torch.bool),
            6: lambda: x.to(torch.bfloat16),
            7: lambda: x.to(torch.complex64),
            8: lambda: x.float() * 1e30,
            9: lambda: torch.zeros_like(x),
            10: lambda: torch.full_like(x.float(), float("inf")),
        }[own.randrange(11)]()
        if own.random() < 0.2:
            del tensors[name]

    return change


def deep(n: int) -> str:
    return "[" * n + "]" * n


FIXED: tuple[tuple[str, Callable], ...] = (
    ("deep lists", lambda p, t, h: p.update(blueprint=deep(500))),
    ("very deep lists", lambda p, t, h: p.update(blueprint=deep(100_000))),
    ("a deep record", lambda p, t, h: p.update(record=deep(100_000))),
    ("no JSON", lambda p, t, h: p.update(blueprint="{")),
    ("no JSON in the record", lambda p, t, h: p.update(record="{")),
    ("an empty blueprint", lambda p, t, h: p.update(blueprint="")),
    ("a number", lambda p, t, h: p.update(blueprint="3")),
    ("NaN", lambda p, t, h: p.update(blueprint="NaN")),
    ("a list for a record", lambda p, t, h: p.update(record="[]")),
    ("null for a record", lambda p, t, h: p.update(record="null")),
    (
        "an optimiser for a model",
        lambda p, t, h: p.update(blueprint={"record": "Adam", "fields": {}}),
    ),
    (
        "a network for a model",
        lambda p, t, h: p.update(
            blueprint={
                "component": "MLP",
                "module": "pushforward.nn.mlp",
                "id": 0,
                "arguments": {"inputs": 2, "outputs": 2},
            }
        ),
    ),
    ("a version to come", lambda p, t, h: h.update(format="pushforward/99")),
    ("no format", lambda p, t, h: h.update(format="")),
    ("no tensors", lambda p, t, h: t.clear()),
    ("no record", lambda p, t, h: p.pop("record")),
    ("no blueprint", lambda p, t, h: p.pop("blueprint")),
    ("big digits", lambda p, t, h: p.update(blueprint="9" * 10_000)),
    (
        "many layers",
        lambda p, t, h: p.update(
            blueprint={
                "component": "MLP",
                "module": "pushforward.nn.mlp",
                "id": 0,
                "arguments": {"inputs": 2, "outputs": 2, "layers": 10**9, "depth": 10**9},
            }
        ),
    ),
)
TALES: tuple[tuple[str, Any], ...] = (
    ("data", 3),
    ("data", []),
    ("data", {"spec": 3}),
    ("data", {"spec": "nothing"}),
    ("data", {"spec": "hub:../../x"}),
    ("data", {"spec": "folder:/"}),
    ("data", {"spec": "digits", "rate": "x"}),
    ("data", {"spec": "digits", "examples": 3}),
    ("data", {"spec": "digits", "examples": {"train": {"n": -1, "smallest": "x"}}}),
    ("data", {"words": 3}),
    ("data", {"words": ["a"], "unit": "x"}),
    ("data", {"rate": -5}),
    ("data", {"name": 3}),
    ("preset", 3),
    ("preset", ["x"]),
    ("preset", "nothing"),
    ("recipe", 3),
    ("recipe", None),
    ("recipe", {"record": "Pixels", "fields": {"channels": 1, "height": 1, "width": 1}}),
    ("training", 3),
    ("training", {}),
    ("training", {"seconds": "x", "step": "y", "stage": 9, "cursor": -1}),
    ("space", None),
)


def trials(draw: random.Random, n: int) -> Iterator[Trial]:
    """`n` of them: damage to bytes, crafted headers, crafted tensors, tales in the record."""
    files = {name: path.read_bytes() for name, path in made().items()}
    trained: list[Trial] = [_trial(f"whole {name}", whole, taken) for name, whole in files.items()]
    names = sorted(files)
    for what, change in FIXED:
        trained.append(
            _trial(what, forged(files[draw.choice(names)], change), refused("x.safetensors"))
        )
    for key, value in TALES:

        def tell(parts: dict, tensors: dict, header: dict, key=key, value=value) -> None:
            parts["record"][key] = value

        trained.append(
            _trial(f"{key} {value!r}", forged(files[draw.choice(names)], tell), None, "evaluate")
        )
    while len(trained) < n:
        name = draw.choice(names)
        which = draw.randrange(10)
        deed = draw.choice(["sample", "evaluate", "resume"]) if which > 3 else "sample"
        if which < 3:
            trained.append(_trial(f"damaged {name}", damaged(files[name], draw), None, deed, True))
        elif which < 5:
            trained.append(
                _trial(f"tensors of {name}", forged(files[name], of_tensors(draw)), None, deed)
            )
        else:
            change = of_header(draw, draw.randint(1, 3))
            trained.append(_trial(f"header of {name}", forged(files[name], change), None, deed))
    yield from trained[:n]


def _trial(
    what: str, content: bytes, judge=None, deed: str = "sample", bytes_changed: bool = False
) -> Trial:
    def act() -> None:
        Path("x.safetensors").write_bytes(content)
        if deed == "sample":
            command("sample", "x.safetensors", "--n", "2")()
        elif deed == "evaluate":
            command("evaluate", "x.safetensors", "--samples", "8")()
        else:
            _resumed(Path("x.safetensors"))

    def judged(end: End) -> str | None:
        if judge is not None:
            return judge(end)
        return refused()(end) if bytes_changed else None

    return Trial(f"{what}, {deed}", act, judged)


def _resumed(path: Path) -> None:
    """What `train --resume` does with the file: the training that it tells of goes on."""

    def go_on() -> None:
        import pushforward as pf
        from pushforward.media.trained import opened

        trained = opened(path)
        training = pf.Training(trained.model, trained.data(), trained.recipe)
        list(training.resume(path))

    as_command(go_on)()
