"""The command line, in this process: what is printed, what is written, what is refused."""

from __future__ import annotations

import json
import re
import wave
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import pushforward as pf
from pushforward.cli import main
from pushforward.cli.listing import reached
from pushforward.core.catalogue import preset_called
from pushforward.models.autoregressive.made import MADE
from pushforward.models.autoregressive.wavenet import WaveNet
from pushforward.report.measure import recorded_samples

MINE = '''
"""A coin for each pixel."""
import torch
import pushforward as pf


class Coins(pf.Density):
    def __init__(self, space: pf.Pixels):
        super().__init__(space)
        self.logits = torch.nn.Parameter(torch.ones(space.shape))

    def log_prob(self, x):
        coins = torch.distributions.Bernoulli(logits=self.logits)
        return {log_prob}

    def sample(self, n):
        coins = torch.distributions.Bernoulli(logits=self.logits)
        return coins.sample((n,)).to(torch.uint8)


@pf.example(data="bars?height=2")
def {name}():
    """Coins on bars and stripes."""
    return Coins(pf.Pixels(1, 2, 4, 2))


def {name}_trained(steps: int = 3):
    """The same with a recipe.

    Args:
        steps: how many.
    """
    return pf.Experiment({name}(), pf.data.bars(height=2), pf.Recipe(steps, 64))
'''
RIGHT = "coins.log_prob(x.to(self.dtype)).flatten(1).sum(1)"


@pytest.fixture(autouse=True)
def own_examples(monkeypatch):
    """What a user's file registers is forgotten after the test."""
    from pushforward.core import catalogue

    catalogue.discover()
    monkeypatch.setattr(catalogue, "_examples", dict(catalogue._examples))


def ran(capsys, *words: str) -> str:
    main(list(words))
    return capsys.readouterr().out


def refused(*words: str) -> str:
    with pytest.raises(SystemExit) as stop:
        main(list(words))
    assert stop.value.code not in (0, None)
    return str(stop.value)


@pytest.fixture
def checkpoint(tmp_path, capsys) -> str:
    ran(capsys, "train", "independent_digits", "--out", str(tmp_path / "run"), "--quiet")
    return str(tmp_path / "run" / "checkpoint.safetensors")


def test_help_names_every_command(capsys) -> None:
    told = ran(capsys, "--help")
    for name in ("train", "sample", "evaluate", "compare", "draw", "list", "show", "check"):
        assert re.search(rf"^  {name} +[A-Z]", told, re.MULTILINE)


def test_train_writes_a_checkpoint_and_tells_the_likelihood(tmp_path, capsys) -> None:
    told = ran(capsys, "train", "independent_digits", "--out", str(tmp_path), "--quiet")
    assert f"saved {tmp_path}/checkpoint.safetensors" in told
    assert "2.426 +- 0.011 bits/dim (exact, 347 examples)" in told
    record = json.loads((tmp_path / "log.jsonl").read_text().splitlines()[-1])
    assert record["step"] == 1
    assert "exists: go on with resume=True" in refused(
        "train", "independent_digits", "--out", str(tmp_path), "--quiet"
    )


def test_knobs_of_a_preset_are_flags(tmp_path, capsys) -> None:
    flags = "--width 8 --masks 1 --steps 2 --quiet --device cpu".split()  # noqa: SIM905
    told = ran(capsys, "train", "made_digits", *flags, "--out", str(tmp_path))
    model = pf.load(tmp_path / "checkpoint.safetensors")
    assert model.blueprint["width"] == 8
    assert "bits/dim (exact" in told


def test_a_misspelt_flag_names_the_nearest(capsys) -> None:
    with pytest.raises(SystemExit) as stop:
        main(["train", "made_digits", "--widht", "8"])
    assert stop.value.code == 2
    told = capsys.readouterr()
    assert "--width" in told.out + told.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tran"], "no command is called 'tran'. The nearest: train"),
        (["train"], "train what? pushforward train PRESET, one of: "),
        (["train", "made_digts"], "no preset is called 'made_digts'. The nearest: made_digits"),
        (["draw", "divergence"], "no picture is called 'divergence'. The nearest: divergences-of"),
        (["show", "made_digts"], "The nearest: made_digits"),
        (["compare", "made_digts"], "The nearest: made_digits"),
        (["train", "nothing.py:model"], "there is no file nothing.py"),
        (["check", "nothing.py"], "there is no file nothing.py"),
        (["sample", "nothing.safetensors"], "there is no checkpoint at nothing.safetensors"),
        (["evaluate", "nothing.safetensors"], "there is no checkpoint at nothing.safetensors"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(words, said) -> None:
    told = refused(*words)
    assert said in told
    assert "\n" not in told


def test_sample_draws_a_picture_and_the_numbers(checkpoint, tmp_path, capsys) -> None:
    target = tmp_path / "new" / "x.png"
    told = ran(capsys, "sample", checkpoint, "--n", "5", "--out", str(target))
    assert "(5, 1, 8, 8) uint8" in told
    first = np.load(target.with_suffix(".npy"))
    assert first.shape == (5, 1, 8, 8)
    assert target.read_bytes().startswith(b"\x89PNG")
    ran(capsys, "sample", checkpoint, "--n", "5", "--out", str(target), "--force")
    assert (np.load(target.with_suffix(".npy")) == first).all(), "one seed, one picture"
    assert "--n must be a whole number of at least 1, not 0" in refused(
        "sample", checkpoint, "--n", "0"
    )


def test_samples_are_drawn_in_batches(checkpoint, tmp_path, capsys, monkeypatch) -> None:
    asked, drawn = [], pf.Independent.sample

    def sample(self, n, *conditions):
        asked.append(n)
        return drawn(self, n, *conditions)

    monkeypatch.setattr(pf.Independent, "sample", sample)
    out = tmp_path / "many.png"
    words = ("sample", checkpoint, "--n", "1500", "--batch-size", "400", "--out", str(out))
    assert "(the first 1,024 of 1,500)" in ran(capsys, *words)
    assert asked == [400, 400, 400, 300]
    assert np.load(out.with_suffix(".npy")).shape == (1_500, 1, 8, 8)
    with Image.open(out) as image:
        assert image.width == image.height
    assert "--batch-size must be a whole number of at least 1, not 0" in refused(
        "sample", checkpoint, "--batch-size", "0"
    )


@pytest.mark.parametrize(
    "words",
    [
        ("sample", "{file}", "--n", "3"),
        ("evaluate", "{file}", "--samples", "50"),
        ("evaluate", "{file}", "--samples", "50", "--out", "{folder}/page"),
        ("draw", "traversal", "--checkpoint", "{file}", "--rows", "2", "--out", "{folder}/a.png"),
    ],
)
def test_a_checkpoint_is_opened_once(words, tmp_path, capsys, monkeypatch) -> None:
    from pushforward.core import checkpoint as files

    flags = ["--steps", "2", "--width", "16", "--quiet", "--device", "cpu"]
    ran(capsys, "train", "vae_digits", *flags, "--out", str(tmp_path))
    file, counts = str(tmp_path / "checkpoint.safetensors"), {"safe_open": 0, "digest_of": 0}
    for name in counts:
        real = getattr(files, name)

        def counted(*given, _name=name, _real=real, **options):
            counts[_name] += 1
            return _real(*given, **options)

        monkeypatch.setattr(files, name, counted)
    ran(capsys, *(word.format(file=file, folder=tmp_path) for word in words))
    assert counts == {"safe_open": 1, "digest_of": 1}


def test_sample_completes_what_is_known_in_part(checkpoint, tmp_path, capsys) -> None:
    file, out = tmp_path / "made.safetensors", tmp_path / "done.png"
    pf.save(MADE(pf.Pixels(1, 4, 4, 2), width=16), file)
    given = np.zeros((4, 4, 4), np.uint8)
    given[:2, :, :] = 255
    Image.fromarray(given).save(tmp_path / "part.png")
    words = ("--n", "3", "--partial", str(tmp_path / "part.png"), "--out", str(out))
    assert "(3, 1, 4, 4)" in ran(capsys, "sample", str(file), *words)
    assert "done.png exists: give --force" in refused("sample", str(file), *words)
    words = (*words, "--force")
    done = np.load(out.with_suffix(".npy"))
    assert (done[:, :, :2] == 1).all()
    assert len(np.unique(done[:, :, 2:], axis=0)) == 3
    given[..., 3] = given[::-1, :, 3]
    Image.fromarray(given).save(tmp_path / "part.png")
    assert "comes after every unknown one" in refused("sample", str(file), *words)
    assert "cannot complete what is known in part" in refused("sample", checkpoint, *words)


def test_what_a_sample_is_made_from_is_never_replaced(checkpoint, tmp_path) -> None:
    file = tmp_path / "made.safetensors"
    pf.save(MADE(pf.Pixels(1, 4, 4, 2), width=16), file)
    half = tmp_path / "half.npy"
    np.save(half, np.full((1, 4, 4), -1))
    (tmp_path / "linked.npy").symlink_to(half)
    Image.new("RGBA", (4, 4)).save(tmp_path / "half.png")
    before = {path: path.read_bytes() for path in (file, half, tmp_path / "half.png")}
    for partial, out in [
        ("half.npy", "half.png"),
        ("half.npy", "half"),
        ("half.npy", "linked.npy"),
        ("half.png", "half.png"),
        ("half.npy", "x/../half.npy"),
        ("half.npy", "made.safetensors"),
    ]:
        words = ("--partial", str(tmp_path / partial), "--out", str(tmp_path / out), "--force")
        told = refused("sample", str(file), *words)
        assert "is what this is made from" in told or out == "made.safetensors", told
    assert {path: path.read_bytes() for path in before} == before
    assert "cannot be written as .safetensors" in refused(
        "sample", checkpoint, "--out", checkpoint, "--force"
    )
    (tmp_path / "here" / "samples.png").mkdir(parents=True)
    assert "is a folder" in refused("sample", checkpoint, "--out", str(tmp_path / "here"))


def test_sample_writes_sounds(tmp_path, capsys) -> None:
    data = pf.data.find("tones?length=32&levels=16&n=50&rate=4000")
    model = WaveNet(data.space, 4, 4, layers=2, stacks=1)
    pf.fit(model, data, pf.Recipe(1, 8), tmp_path, quiet=True)
    told = ran(capsys, "sample", str(tmp_path / "checkpoint.safetensors"), "--n", "2")
    assert "samples.wav and" in told
    with wave.open(str(tmp_path / "samples.wav")) as sound:
        assert (sound.getframerate(), sound.getnframes()) == (4_000, 2 * (32 + 800))


def test_evaluate_finds_the_data_that_the_checkpoint_was_trained_on(tmp_path, capsys) -> None:
    data = pf.data.digits(binarise="dynamic")
    pf.fit(pf.Independent(data.space), data, pf.Recipe(1, None), tmp_path, quiet=True)
    path = str(tmp_path / "checkpoint.safetensors")
    told = ran(capsys, "evaluate", path, "--samples", "100")
    assert f"{path}: Independent on digits (dynamic binarisation), test split" in told
    assert re.search(
        r"test: negative log-likelihood [\d.]+ \+- [\d.]+ nats \(exact, 347 examples\)", told
    )
    reach = r"95% interval [-\d.]+ to [\d.]+ by jackknife"
    circumstances = r"\(100 samples, 100 references"
    assert re.search(rf"Frechet distance [\d.]+ \+- [\d.]+, {reach} {circumstances}", told)
    assert re.search(r"bits/dim \(exact, 347 examples\), 95% interval .* by bootstrap", told)
    assert re.search(r"Inception Score [\d.]+, 95% interval .* by Poisson bootstrap", told)
    assert "small classifier of digits of 2 levels@" in told
    for metric in ("precision", "recall"):
        assert re.search(rf"test: {metric} 0\.\d+ \+- 0\.\d+", told)
    again = ran(capsys, "evaluate", path, "--samples", "100").splitlines()
    table = told.splitlines().index("")  # it tells how long sampling took
    assert again[:table] == told.splitlines()[:table], "the same draw again"


def test_evaluate_ranks_what_was_measured_alike(checkpoint, tmp_path, capsys) -> None:
    untrained = tmp_path / "untrained.safetensors"
    pf.save(pf.Independent(pf.data.digits().space), untrained)
    told = ran(capsys, "evaluate", str(untrained), checkpoint, "--data", "digits")
    assert f"best first: {checkpoint}, {untrained}" in told
    binarised = pf.data.digits(binarise="fixed")
    other = pf.Independent(binarised.space)
    pf.fit(other, binarised, pf.Recipe(1, None), tmp_path / "two", quiet=True)
    path = str(tmp_path / "two" / "checkpoint.safetensors")
    assert "numbers of different data cannot be compared" in refused("evaluate", checkpoint, path)
    assert "give --data what it was trained on" in refused(
        "evaluate", checkpoint, "--data", "digits?binarise=fixed"
    )


def test_evaluate_writes_the_page_and_cuts_the_bound(tmp_path, capsys) -> None:
    vae = str(tmp_path / "vae" / "checkpoint.safetensors")
    flags = ["--steps", "2", "--width", "16", "--quiet", "--device", "cpu"]
    ran(capsys, "train", "vae_digits", *flags, "--out", str(tmp_path / "vae"))
    out = tmp_path / "page"
    told = ran(capsys, "evaluate", vae, "--samples", "60", "--out", str(out))
    for part in ("reconstruction", "mutual information", "marginal KL", "rate", "active units"):
        assert re.search(rf"^  {part}.*\d", told, re.MULTILINE), part
    assert "| VAE (`" in told
    assert f"wrote {out}/index.html" in told
    (record,) = json.loads((out / "results.json").read_text())
    parts = record["surgery"]
    assert parts["rate"] == pytest.approx(parts["information"] + parts["marginal_kl"])
    kid = record["numbers"]["KID"]
    assert kid["interval"]["method"] == "bootstrap"
    assert (kid["samples"], kid["references"], kid["resize"]) == (60, 60, "none")
    assert "<h2>Where the bound goes" in (out / "index.html").read_text()
    assert "| mutual information |" in (out / "results.md").read_text()
    assert "numbers_KID_interval_low" in (out / "results.csv").read_text().splitlines()[0]
    assert "k = 3 neighbours cannot be found among 2" in refused("evaluate", vae, "--samples", "3")


def test_evaluate_measures_as_the_presets_record_does(tmp_path, capsys) -> None:
    """The bound of as many weights as the recorded figure; another where another is asked for."""
    flags = ["--steps", "2", "--width", "16", "--quiet", "--device", "cpu"]
    told = ran(capsys, "train", "vae_digits", *flags, "--out", str(tmp_path / "vae"))
    vae = str(tmp_path / "vae" / "checkpoint.safetensors")
    assert f"recorded with 50 importance weights: pushforward evaluate {vae}" in told
    (number,) = {r.likelihood for r in preset_called("vae_digits").reached if r.likelihood}
    few = ("--samples", "60")
    assert f"bits/dim ({number}, 347 examples)" in ran(capsys, "evaluate", vae, *few)
    assert "(importance-weighted bound (7)" in ran(capsys, "evaluate", vae, *few, "--k", "7")
    assert "(lower bound, 347" in ran(capsys, "evaluate", vae, *few, "--k", "0")
    assert recorded_samples("vamp_mnist") == 500
    assert recorded_samples("made_digits") is recorded_samples(None) is None


def test_evaluate_looks_and_anneals_as_it_is_told(tmp_path, checkpoint, capsys) -> None:
    flags = ["--steps", "2", "--width", "8", "--latent", "2", "--quiet", "--device", "cpu"]
    ran(capsys, "train", "vae_digits", *flags, "--out", str(tmp_path / "vae"))
    vae = str(tmp_path / "vae" / "checkpoint.safetensors")
    out = tmp_path / "page"
    few = ("--samples", "60", "--out", str(out), "--features", "random", "--ais", "3")
    told = ran(capsys, "evaluate", vae, *few)
    assert re.search(r"test: .* nats \(AIS lower bound \(16 chains of 200 steps\), 3 examp", told)
    assert re.search(r"Frechet distance .*extractor random convolutions, seed 0@\w{8}", told)
    (record,) = json.loads((out / "results.json").read_text())
    assert record["extractor"].startswith("random convolutions, seed 0@")
    assert record["ais"]["kind"] == "AIS lower bound (16 chains of 200 steps)"
    assert record["ais"]["examples"] == 3
    assert "has no decoder and prior" in refused("evaluate", checkpoint, "--ais")
    said = "one of classifier, random, inception, pixels, hub:OWNER/NAME, not 'vgg'"
    assert said in refused("evaluate", checkpoint, "--features", "vgg")
    assert said in refused("compare", "independent_digits", "--features", "vgg")


def test_evaluate_anneals_unasked_where_a_critic_tells_the_rate(tmp_path, capsys) -> None:
    flags = ["--steps", "1", "--width", "8", "--latent", "2", "--quiet", "--device", "cpu"]
    ran(capsys, "train", "avb_digits", *flags, "--out", str(tmp_path / "avb"))
    avb, out = str(tmp_path / "avb" / "checkpoint.safetensors"), tmp_path / "page"
    told = ran(capsys, "evaluate", avb, "--samples", "60", "--out", str(out), "--ais", "3")
    assert "test: likelihood none" in told
    assert re.search(r"test: distortion .* by the critic = .* nats \(no bound, 3 examples\)", told)
    assert re.search(r"test: .* nats \(AIS lower bound \(16 chains of 200 steps\), 3 examp", told)
    (record,) = json.loads((out / "results.json").read_text())
    assert record["critic"]["kind"] == "estimate by a critic"
    assert record["ais"]["examples"] == 3


def test_evaluate_asks_models_with_encoders_whether_they_agree(tmp_path, capsys) -> None:
    flags = ["--steps", "2", "--width", "8", "--latent", "2", "--quiet", "--device", "cpu"]
    paths = [str(tmp_path / name / "checkpoint.safetensors") for name in "ab"]
    for path in paths:
        ran(capsys, "train", "vae_digits", *flags, "--out", str(Path(path).parent))
    told = ran(capsys, "evaluate", *paths, "--samples", "60")
    for path in paths:
        assert re.search(
            rf"^{re.escape(path)}: UDR [\d.]+ .*spearman, 2 models", told, re.MULTILINE
        )


def test_evaluate_refuses_what_it_cannot_measure(checkpoint, tmp_path) -> None:
    lone = str(tmp_path / "lone.safetensors")
    pf.save(pf.Independent(pf.data.digits().space), lone)
    assert "was trained on no data: say which data with --data" in refused("evaluate", lone)
    assert "Independent has no importance weights" in refused("evaluate", checkpoint, "--k", "5")
    assert "samples must be a whole number" in refused("evaluate", checkpoint, "--samples", "0")
    assert "did you mean digits" in refused("evaluate", checkpoint, "--data", "digit")


def test_models_without_a_likelihood_are_of_kind_none() -> None:
    from pushforward.report.evaluation import likelihood_lines
    from pushforward.report.measure import likelihood

    class Still(pf.Generative):
        def sample(self, n):
            return self.progress.new_zeros(n, 2)

    model, split = Still(pf.Reals((2,))), pf.data.moons(n=50).test
    assert list(likelihood_lines(model, split)) == ["test: likelihood none"]
    assert likelihood(model, split) is None


def test_draw_lists_the_pictures() -> None:
    assert "\n  divergences-of-a-shift    JSD" in refused("draw")


def test_draw_writes_a_picture_with_its_knobs(tmp_path, capsys) -> None:
    out = tmp_path / "new" / "shift"
    told = ran(capsys, "draw", "divergences-of-a-shift", "--reach", "2", "--out", str(out))
    assert told == f"wrote {out}.png\n"
    with Image.open(f"{out}.png") as image:
        assert image.width > 400


def test_draw_replaces_nothing_unless_it_is_told_to(tmp_path, capsys) -> None:
    words = ("draw", "divergences-of-a-shift", "--reach", "1", "--out", str(tmp_path / "a.jpg"))
    ran(capsys, *words)
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.format == "JPEG"
    assert "a.jpg exists: give --force" in refused(*words)
    ran(capsys, *words, "--force")
    assert "cannot be written as .pdf" in refused(*words[:-1], str(tmp_path / "a.pdf"))


def test_list(capsys) -> None:
    rows = json.loads(ran(capsys, "list", "--json"))
    made = next(row for row in rows if row["id"] == "made")
    assert made.keys() >= {
        "id", "lecture", "family", "kind", "title", "paper", "file", "presets", "reached"
    }  # fmt: skip
    assert "made_digits" in made["presets"]
    assert made["presets"] == list(made["reached"])
    told = ran(capsys, "list").splitlines()
    assert f"  {'made':26} {made['title']}" in told
    for row in rows:
        assert all(any(line.strip().startswith(p) for line in told) for p in row["presets"])


def test_a_number_that_was_reached_is_told_with_its_kind() -> None:
    number = {"metric": "nll", "value": 88.5, "unit": "nats", "likelihood": "exact", "seed": 0}
    number |= {"data": "MNIST (test)", "minutes": 0.5, "hardware": "2 CPU cores"}
    assert reached("made", [number]) == "made: nll 88.5 nats (exact) on MNIST (test) in 30 s"
    accuracy = number | {"metric": "accuracy", "value": 0.97, "unit": "", "minutes": 90}
    assert reached("mlp", [accuracy]) == "mlp: accuracy 0.97 on MNIST (test) in 90 min"


def test_show(capsys) -> None:
    told = ran(capsys, "show", "independent_digits")
    assert "Independent pixels on 8x8 digits" in told
    assert re.search(r"parameters +1,088", told)
    assert "likelihood: exact; data: digits" in told


def test_check_runs_the_laws_on_the_users_file(tmp_path, capsys) -> None:
    file = tmp_path / "mine.py"
    file.write_text(MINE.format(log_prob=RIGHT, name="fair_coins"))
    told = ran(capsys, "check", str(file))
    assert "BROKEN" not in told
    assert told.count("fair_coins: ") >= 8
    assert told.count(": holds") >= 5


def test_a_strangers_conditional_model_obeys_the_laws(capsys) -> None:
    file = Path(__file__).parent.parent / "examples" / "told_diagonal.py"
    assert len(file.read_text().splitlines()) < 60
    told = ran(capsys, "check", str(file))
    assert "BROKEN" not in told
    for law in ("conditions_are_checked", "conditions_are_heard", "density_is_normalised"):
        assert f"told_diagonal: {law}: holds" in told


def test_a_broken_law_is_named(tmp_path, capsys) -> None:
    file = tmp_path / "wrong.py"
    file.write_text(MINE.format(log_prob=f"2 * {RIGHT}", name="wrong_coins"))
    assert re.search(r"\d+ laws? (is|are) broken", refused("check", str(file)))
    told = capsys.readouterr().out
    assert "BROKEN" in told
    assert ": holds" in told, "the others are still tried"


def test_a_file_without_examples_is_refused(tmp_path) -> None:
    file = tmp_path / "empty.py"
    file.write_text("x = 1\n")
    assert "registers no example" in refused("check", str(file))


def test_a_function_of_the_users_file_is_trained(tmp_path, capsys) -> None:
    file = tmp_path / "own.py"
    file.write_text(MINE.format(log_prob=RIGHT, name="own_coins"))
    out = str(tmp_path / "run")
    words = ["train", f"{file}:own_coins_trained", "--steps", "2", "--quiet", "--out", out]
    assert "bits/dim (exact" in ran(capsys, *words)
    assert "no function of" in refused("train", f"{file}:own_coin")
    path = f"{out}/checkpoint.safetensors"
    assert "bits/dim" in ran(capsys, "evaluate", path, "--file", str(file), "--samples", "50")


def test_a_class_for_a_model_without_any_is_refused(checkpoint) -> None:
    assert "knows no classes: leave --label out" in refused("sample", checkpoint, "--label", "3")


def test_a_model_that_is_told_a_class_is_sampled_and_measured(tmp_path, capsys) -> None:
    data = pf.data.digits(labels=True)
    model = pf.RealNVP(data.space, width=4, blocks=1, classes=10)
    pf.fit(model, data, pf.Recipe(1, 32), tmp_path, quiet=True)
    file = str(tmp_path / "checkpoint.safetensors")
    told = ran(capsys, "sample", file, "--n", "5", "--label", "3", "--batch-size", "2")
    assert "(5, 1, 8, 8) uint8" in told
    drawn = np.load(tmp_path / "samples.npy")
    ran(capsys, "sample", file, "--n", "5", "--label", "3", "--batch-size", "5", "--force")
    assert (np.load(tmp_path / "samples.npy") == drawn).all(), "batches change no draw of a flow"
    assert "this RealNVP needs a class: give --label" in refused("sample", file)
    assert "0 .. 9" in refused("sample", file, "--label", "10")
    told = ran(capsys, "evaluate", file, "--samples", "50")
    assert "bits/dim (lower bound, 347 examples)" in told


def test_a_model_that_is_told_nothing_does_not_see_labels(checkpoint, capsys) -> None:
    words = ("evaluate", checkpoint, "--samples", "50")
    plain = ran(capsys, *words)
    labelled = ran(capsys, *words, "--data", "digits?labels=True")
    assert plain.splitlines()[1:5] == labelled.splitlines()[1:5]
