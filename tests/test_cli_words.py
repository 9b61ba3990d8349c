"""What the command line says before it does anything: help, codes, lists, knobs by the recipe."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

import pushforward as pf
from pushforward.cli import COMMANDS, main
from pushforward.cli.drawing import drawings
from pushforward.cli.flags import _knobs
from pushforward.cli.recipes import How, adapted
from pushforward.core import catalogue, checkpoint, sources
from pushforward.core.catalogue import Usage
from pushforward.laws import LAWS
from pushforward.pictures import gallery

QUICK = ["--help"], ["--version"], ["list"], ["train", "--help"], ["draw", "--help"]
QUICK += ["train", "realnvp_mnist", "--help"], ["draw", "kl-directions", "--help"]
QUICK += ["show", "made"], ["show", "vae_digits", "--help"], ["list", "--lecture", "4"]
QUICK += tuple([name, "--help"] for name in COMMANDS)


def shell(*words: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "pushforward", *words]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def ran(capsys, *words: object) -> str:
    main([str(word) for word in words])
    return capsys.readouterr().out


IMPORTED = """
import sys
from pushforward.cli import main
for words in {words!r}:
    try:
        main(words)
    except SystemExit as stop:
        assert stop.code in (0, None), (words, stop.code)
heavy = {{"torch", "numpy", "matplotlib", "PIL", "sklearn"}} & sys.modules.keys()
assert not heavy, heavy
"""


def test_help_and_lists_import_nothing_heavy_and_end_with_0() -> None:
    code = IMPORTED.format(words=list(QUICK))
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert found.returncode == 0, found.stderr


def test_help_comes_at_once() -> None:
    """0.1 s here; a machine that is ten times as slow, or as busy, passes."""
    start = time.perf_counter()
    assert shell("--help").returncode == 0
    assert time.perf_counter() - start < 1.5


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--version"], 0),
        (["list", "--json"], 0),
        (["tran"], 2),
        (["train"], 2),
        (["train", "made_digits", "--widht", "8"], 2),
        (["train", "made_digits", "--steps", "many"], 2),
        (["train", "made_digits", "--lr", "-1", "--quiet"], 2),
        (["show"], 2),
        (["list", "--lecture", "99"], 2),
        (["sample", "gone.safetensors"], 1),
        (["evaluate", "gone.safetensors"], 1),
    ],
)
def test_exit_codes(words, code, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    if code == 0:
        main(words)
        return
    with pytest.raises(SystemExit) as stop:
        main(words)
    assert stop.value.code == code


def test_ctrl_c_ends_with_130(monkeypatch, capsys) -> None:
    def press(*given, **options):
        raise pf.Interrupted("stopped at step 3")

    monkeypatch.setattr("pushforward.training.fit.fit", press)
    with pytest.raises(SystemExit) as stop:
        main(["train", "independent_digits", "--quiet"])
    assert stop.value.code == 130
    assert capsys.readouterr().err == "stopped at step 3\n"


def test_the_sources_say_what_the_catalogue_says() -> None:
    assert list(sources.systems()) == catalogue.systems()
    written, known = sources.presets(), catalogue.presets()
    known = {name: preset for name, preset in known.items() if _ours(preset.build)}
    assert written.keys() == known.keys()
    for name, preset in known.items():
        mine = written[name]
        assert (mine.systems, mine.reached) == (preset.systems, preset.reached)
        assert mine.build.__doc__ == preset.build.__doc__
        assert _parameters(mine.build) == _parameters(preset.build)
    pictures = {k: f for k, f in gallery.drawings().items() if _ours(f)}
    assert drawings().keys() == pictures.keys()
    for name, draw in pictures.items():
        assert drawings()[name].__doc__ == draw.__doc__
        assert _parameters(drawings()[name]) == _parameters(draw)


def _ours(function) -> bool:
    return function.__module__.startswith("pushforward.")


def _parameters(function) -> list:
    return list(inspect.signature(function).parameters.values())


def test_every_knob_is_told_of() -> None:
    written = {name: preset.build for name, preset in sources.presets().items()}
    for name, build in {**written, **drawings()}.items():
        for knob, hint, _ in _knobs(name, build):
            (told,) = hint.__metadata__
            assert told.help, f"{name} says nothing of {knob}"


def test_list_is_filtered(capsys) -> None:
    rows = json.loads(ran(capsys, "list", "--family", "flow", "--json"))
    assert {row["family"] for row in rows} == {"flow"}
    assert {row["id"] for row in rows} >= {"nice", "realnvp", "glow"}
    told = ran(capsys, "list", "--lecture", 13, "--family", "score")
    assert told.startswith("lecture 13\n")
    assert "ddpm" in told
    with pytest.raises(SystemExit, match="no family is 'flows': there are adversarial, "):
        main(["list", "--family", "flows"])


def test_every_system_of_the_list_is_shown(capsys) -> None:
    for system in sources.systems():
        told = ran(capsys, "show", system.id)
        assert system.title in told
        assert system.file in told
    assert json.loads(ran(capsys, "show", "glow", "--json"))["id"] == "glow"
    with pytest.raises(SystemExit, match=r"no preset or system is called 'glov'.*nearest: glow"):
        main(["show", "glov"])


def test_a_preset_is_shown_without_its_data(capsys, monkeypatch, tmp_path) -> None:
    monkeypatch.setenv("PUSHFORWARD_DATA", str(tmp_path))
    monkeypatch.setenv("PUSHFORWARD_CACHE", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    told = ran(capsys, "show", "made_mnist", "--width", 8)
    assert "Pixels(channels=1, height=28, width=28, levels=2)" in told
    assert "parameters" in told
    assert "data: mnist (not loaded" in told
    assert "'cifar10 (not loaded" in ran(capsys, "show", "vq_vae_cifar10").replace(
        "data: cifar10", "'cifar10"
    )
    assert "without its data" in ran(capsys, "show", "wavenet_wav")
    found = json.loads(ran(capsys, "show", "vae_digits", "--latent", 3, "--json"))
    assert found["knobs"]["latent"] == 3
    assert found["parameters"] > 1_000


def test_every_preset_is_trained_by_the_recipes_knobs(tmp_path, capsys) -> None:
    flags = ("--lr", 0.5, "--batch-size", 7, "--seed", 3, "--save-every", 2, "--clip", 1.5)
    flags += ("--steps", 4, "--save-minutes", 5, "--validate-every", 0)
    flags += ("--quiet", "--out", tmp_path)
    ran(capsys, "train", "made_digits", *flags)
    recipe = pf.core.blueprint.decode(
        checkpoint.read(tmp_path / "checkpoint.safetensors").record["recipe"]
    )
    assert recipe.optimizer.lr == 0.5
    assert (recipe.batch_size, recipe.seed, recipe.save_every) == (7, 3, 2)
    assert (recipe.clip, recipe.steps, recipe.save_minutes) == (1.5, 4, 5)


def test_a_seed_is_of_the_weights_too(tmp_path, capsys) -> None:
    for name, seed in (("a", 0), ("b", 1), ("c", 1)):
        flags = ("--steps", 1, "--lr", 1e-9, "--width", 8, "--quiet", "--seed", seed)
        ran(capsys, "train", "made_digits", *flags, "--out", tmp_path / name)
    a, b, c = (next(pf.load(tmp_path / n / "checkpoint.safetensors").parameters()) for n in "abc")
    assert not a.equal(b)
    assert b.equal(c)


def test_epochs_are_passes_over_the_data() -> None:
    experiment = pf.presets.made_digits(width=8)
    n = len(experiment.data.train)
    found = adapted(experiment, How(epochs=3, batch_size=10)).recipe
    assert found.steps == round(3 * n / 10)
    told = pf.presets.wgan_gp_digits(width=8, turns=3)
    assert adapted(told, How(epochs=3, batch_size=10)).recipe.steps == round(n / 10)
    for how, said in ((How(epochs=0), "above 0"), (How(batch_size=0), "batch_size must be")):
        with pytest.raises(Usage, match=said):
            adapted(experiment, how)
    with pytest.raises(SystemExit, match="give one of them"):
        main(["train", "made_digits", "--epochs", "2", "--steps", "5"])


def test_rates_keep_their_proportions() -> None:
    experiment = pf.presets.made_digits(width=8)
    recipe = pf.Recipe(
        optimizers={"a": pf.Adam(2e-3), "b": pf.Adam(4e-3)}, rates={}, optimizer=pf.Adam(1e-3)
    )
    from dataclasses import replace

    found = adapted(replace(experiment, recipe=recipe), How(lr=1e-2)).recipe
    assert found.optimizers["a"].lr == pytest.approx(1e-2)
    assert found.optimizers["b"].lr == pytest.approx(2e-2)
    assert found.optimizer.lr == pytest.approx(5e-3)


def test_json_of_all_commands(tmp_path, capsys) -> None:
    out = tmp_path / "run"
    found = json.loads(
        ran(capsys, "train", "independent_digits", "--out", out, "--quiet", "--json")
    )
    file = found["checkpoint"]
    assert file == f"{out}/checkpoint.safetensors"
    assert found["likelihood"]["kind"] == "exact"
    (row,) = json.loads(ran(capsys, "evaluate", file, "--samples", 50, "--json"))
    assert row["checkpoint"] == file
    assert row["likelihood"]["unit"] == "bits/dim"
    drawn = json.loads(ran(capsys, "sample", file, "--n", 2, "--json"))
    assert drawn["samples"] == 2
    shift = ("divergences-of-a-shift", "--out", tmp_path / "a.png", "--json")
    assert json.loads(ran(capsys, "draw", *shift)) == {"file": str(tmp_path / "a.png")}


def test_json_of_tokens(tmp_path, capsys) -> None:
    file = tmp_path / "lines.txt"
    file.write_text("".join(f"{a} {b}\n" for a in "abcde" for b in "tuvwxyz" * 3))
    flags = ("--data", file, "--out", tmp_path / "run", "--quiet", "--steps", 2, "--json")
    flags += ("--width", 8)
    found = json.loads(ran(capsys, "train", "recurrent_sentences", *flags))
    (row,) = json.loads(ran(capsys, "evaluate", found["checkpoint"], "--json"))
    assert row["likelihood"]["unit"] == "nats"


def test_a_file_alone_names_its_functions(tmp_path: Path, capsys) -> None:
    file = tmp_path / "mine.py"
    file.write_text(
        "from math import sqrt\nfrom inspect import getdoc\nimport pushforward as pf\n\n"
        "def coins():\n    return pf.Independent(pf.Pixels(1, 2, 2))\n\n"
        "def experiment():\n    return 3\n"
    )
    for name in (f"{file}", f"{file}:"):
        with pytest.raises(SystemExit, match=r"one of: coins, experiment$") as stop:
            main(["train", name])
        assert stop.value.code == 2
    with pytest.raises(SystemExit, match=r"returns Independent, and .* return pf.Experiment\("):
        main(["train", f"{file}:coins"])


def test_check_tells_each_law_in_json(tmp_path, capsys):
    file = tmp_path / "mine.py"
    file.write_text(
        "import torch\nimport pushforward as pf\n\n"
        "@pf.example(data='moons')\n"
        "def gaussian():\n    return pf.StandardNormal((2,))\n"
    )
    with pytest.raises(SystemExit) as ended:
        main(["check", str(file), "--json"])
    assert ended.value.code == 1  # nobody moves its parameters: it has none
    said = {row["law"]: row["said"] for row in json.loads(capsys.readouterr().out)}
    assert set(said) == set(LAWS)
    assert said["samples_are_data"] == "holds"
    assert said["bounds_are_bounds"].startswith("does not apply: ")


def test_compare_answers_in_json(tmp_path, capsys):
    out = tmp_path / "page"
    rows = json.loads(ran(capsys, "compare", "independent_digits", "--out", out, "--json"))
    assert rows == json.loads((out / "results.json").read_text())
    assert rows[0]["likelihood"]["kind"] == "exact"
