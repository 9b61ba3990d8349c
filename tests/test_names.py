"""What `pf.NAME` is: the same in every order of imports, known to editors, and as the docs say."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import json
import pkgutil
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

import pushforward as pf
from pushforward.core.catalogue import presets, systems
from pushforward.core.names import FUNCTIONS, ROOMS, held_out, public_names

HERE = Path(__file__).parent.parent
DOCS = [HERE / "README.md", HERE / "CONTRIBUTING.md", *sorted((HERE / "docs").glob("*.md"))]
PACKAGES = [
    module.name for module in pkgutil.walk_packages(pf.__path__, "pushforward.") if module.ispkg
]


@pytest.fixture(scope="module")
def stubs():
    """The script that writes the stubs, as a module."""
    spec = importlib.util.spec_from_file_location("stubs", HERE / "tools" / "stubs.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_stubs_are_what_their_script_writes(stubs):
    for path, content in stubs.stubs().items():
        told = f"{path} is of yesterday: run python tools/stubs.py"
        assert path.read_text(encoding="utf-8") == content, told


def test_editors_are_told_of_every_name(stubs):
    told = set(re.findall(r" as (\w+)$", stubs.stubs()[stubs.ROOT / "__init__.pyi"], re.MULTILINE))
    found = {name for name in dir(pf) if not name.startswith("_")}
    assert found - told == {"annotations", "Any"}, "which are of the file itself"
    assert told <= found
    assert (stubs.ROOT / "py.typed").exists()


SNIPPET = """
import pushforward as pf

model = pf.RealNVP(pf.Pixels(1, 8, 8), width=16, blocks=1)
reveal_type(model)
reveal_type(model.sample(3))
reveal_type(pf.elbo_surgery)
reveal_type(pf.presets.realnvp_digits)
pf.RealNVP(pf.Pixels(1, 8, 8), widht=16)
pf.RealNVPP
"""


@pytest.mark.slow
def test_a_type_checker_knows_the_models(tmp_path):
    """By mypy, over a user's file: types where they are right, errors where they are wrong."""
    file = tmp_path / "mine.py"
    file.write_text(SNIPPET)
    words = [sys.executable, "-m", "mypy", "--ignore-missing-imports", "--follow-imports=silent"]
    words += ["--config-file=", f"--cache-dir={tmp_path}", str(file)]
    source = {"MYPYPATH": str(Path(pf.__file__).parent.parent)}
    found = subprocess.run(words, capture_output=True, text=True, env={**_environment(), **source})
    lines = [line.removeprefix(str(file)) for line in found.stdout.splitlines()]
    assert 'Revealed type is "pushforward.models.flow.realnvp.RealNVP"' in lines[0]
    assert 'Revealed type is "torch._tensor.Tensor"' in lines[1]
    assert "split: pushforward.core.dataset.Split" in lines[2]
    assert "-> pushforward.training.experiment.Experiment" in lines[3]
    assert 'Unexpected keyword argument "widht" for "RealNVP"' in "".join(lines[4:])
    assert 'Module has no attribute "RealNVPP"' in "".join(lines[4:])


def _environment() -> dict[str, str]:
    import os

    return {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}


def test_every_name_that_the_docs_write_is_there():
    for file in [*DOCS, *sorted((HERE / "src").rglob("*.py"))]:
        for path in re.findall(r"\bpf((?:\.[A-Za-z_][A-Za-z_0-9]*)+)", file.read_text("utf-8")):
            if file.name not in ("stubs.py", "names.py") and not path.startswith(".NAME"):
                _resolved(path, file)


def _resolved(path: str, file: Path) -> None:
    found = pf
    for part in path.strip(".").split("."):
        assert hasattr(found, part), f"{file} says pf{path}"
        found = getattr(found, part)


def test_functions_that_the_docs_name_are_there():
    """Presets by the words in backticks, and what a system of the catalogue is made of."""
    known = presets()
    assert known.keys() <= set(public_names())
    for name in ("vae_digits", "planar_energy", "beta_sprites"):
        assert getattr(pf, name) is getattr(pf.presets, name) is known[name].build
    homes = {getattr(getattr(pf, name), "__module__", None) for name in public_names()}
    for system in systems():
        module = system.file.removeprefix("src/").removesuffix(".py").replace("/", ".")
        own = vars(importlib.import_module(module)).values()
        functions = [f for f in own if inspect.isfunction(f) and f.__module__ == module]
        if system.kind != "model" and functions:
            assert module in homes, f"nothing of {module} can be had as pf.NAME"


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("RealNVPP", "pf.RealNVP"),
        ("realnvp", "pf.RealNVP"),
        ("digits", "pf.data.digits"),
        ("elbo_surgeri", "pf.elbo_surgery"),
        ("vae_digit", "pf.vae_digits"),
        ("receptive_fields", "pf.receptive_field"),
        ("curve", "pf.pictures.curves"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(name, near):
    with pytest.raises(AttributeError, match=rf"pushforward has no '{name}'.*{near}\b"):
        getattr(pf, name)


def test_a_name_like_no_other_is_refused_plainly():
    with pytest.raises(AttributeError, match=r"^pushforward has no 'xyzzyx'$"):
        pf.xyzzyx  # noqa: B018
    assert not hasattr(pf, "__wrapped__")
    with pytest.raises(AttributeError, match=r"module 'pushforward.presets' has no attribute 'x'"):
        pf.presets.x  # noqa: B018
    assert "vae_digits" in dir(pf.presets)
    assert "dense" in dir(pf.models)


def test_what_is_found_is_what_the_room_holds_out():
    from pushforward.metrics.surgery import elbo_surgery
    from pushforward.models.latent.vae import dense
    from pushforward.objectives.variational import ELBO

    assert pf.elbo_surgery is pf.metrics.elbo_surgery is elbo_surgery
    assert pf.dense is pf.models.dense is dense
    assert pf.ELBO is ELBO
    assert isinstance(pf.theory, types.ModuleType)


@pytest.mark.parametrize("package", ["pushforward", *PACKAGES])
def test_no_name_is_a_module_and_something_else(package):
    module = importlib.import_module(package)
    inside = {m.name for m in pkgutil.iter_modules(module.__path__)}
    clash = {
        name for name in inside if not isinstance(module.__dict__.get(name, sys), types.ModuleType)
    }
    assert not clash, f"in {package} these are modules, and something else too: {sorted(clash)}"
    if (room := package.removeprefix("pushforward.")) in FUNCTIONS:
        assert not inside & set(held_out(room))


def test_no_two_rooms_hold_out_one_name():
    """But for the preset of a reverse KL, which is had as pf.presets.reverse_kl."""
    held: dict[str, list[str]] = {}
    for room in FUNCTIONS:
        for name in held_out(room):
            held.setdefault(name, []).append(room)
    twice = {name: rooms for name, rooms in held.items() if len(rooms) > 1}
    assert twice == {"reverse_kl": ["metrics", "presets"]}
    assert not set(held) & set(ROOMS)


KINDS = """
import importlib, json, pkgutil, sys
import pushforward as pf
names = [m.name for m in pkgutil.walk_packages(pf.__path__, "pushforward.")]
for name in sorted(names, reverse=sys.argv[1] == "backwards"):
    importlib.import_module(name)
mine = [m for n, m in sys.modules.items() if n.startswith("pushforward") and hasattr(m, "__path__")]
print(json.dumps({
    f"{m.__name__}.{k}": type(v).__name__
    for m in mine for k, v in sorted(vars(m).items()) if not k.startswith("__")
}))
"""


def test_names_are_of_one_kind_in_every_order_of_imports():
    """Everything is imported from A to Z and from Z to A, each in a process of its own."""
    found = [
        json.loads(subprocess.run([sys.executable, "-c", KINDS, order], check=True,
                                  capture_output=True, text=True).stdout)
        for order in ("forwards", "backwards")
    ]  # fmt: skip
    assert found[0] == found[1]
    assert found[0]["pushforward.metrics.elbo_surgery"] == "function"
    assert found[0]["pushforward.metrics.modes"] == "function"


def test_systems_are_spelled_with_hyphens_as_the_catalogue_has_them() -> None:
    """Ids that are asked for by others; whoever renames one breaks their questions."""
    known = {system.id for system in systems()}
    gans = {"info-gan", "co-gan", "pac-gan", "cycle-gan", "unrolled-gan", "feature-quantised-gan"}
    facts = {"unit-slope-critic", "lipschitz-product", "lsgan-chi2", "order-of-topologies"}
    assert gans | facts <= known
    assert {s for p in presets().values() for s in p.systems} <= known
