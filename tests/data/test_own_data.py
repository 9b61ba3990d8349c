"""`pushforward train PRESET --data SPEC`: any preset on any data of its kind, found again later."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import pushforward as pf
from pushforward.cli import main
from pushforward.cli.own_data import learning
from pushforward.core import checkpoint
from pushforward.core.catalogue import Usage, presets
from pushforward.core.spaces import Labels, Pixels, Reals, Tokens
from pushforward.data import captioned_sprites, digits, find, mnist, tensors
from pushforward.data.names import replaced

ALONE = ("forward_kl", "reverse_kl", "planar_energy", "sylvester_energy", "cogan_mnist")


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Sixty small photographs of two kinds."""
    random = np.random.RandomState(0)
    for i in range(60):
        place = tmp_path / "photos" / ("cats", "dogs")[i % 2]
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.randint(256, size=(12, 12, 3), dtype=np.uint8)).save(
            place / f"{i}.png"
        )
    return tmp_path / "photos"


def run(*words: object) -> None:
    main([str(word) for word in words])


@pytest.mark.filterwarnings("default")
def test_own_images_are_trained_on_and_evaluated_from_another_folder(
    photos: Path, tmp_path: Path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(photos.parent)
    run(
        *("train", "realnvp_digits", "--data", "folder:photos?size=8", "--steps", 2),
        *("--out", "run", "--quiet"),
    )
    said = capsys.readouterr()
    assert "bits/dim" in said.out
    n = len(find("folder:photos?size=8").train)
    assert said.err == f"pushforward: batches are of {n}, as many as there are to train on\n"
    about = checkpoint.read("run/checkpoint.safetensors").record["data"]
    assert about["spec"] == f"folder:{photos}?size=8"
    assert about["name"] == "photos"
    monkeypatch.chdir("/")
    run("evaluate", tmp_path / "run" / "checkpoint.safetensors", "--samples", 8)
    assert "on photos, test split" in capsys.readouterr().out


@pytest.mark.filterwarnings("default")
def test_classes_from_folders(photos: Path, tmp_path: Path, capsys) -> None:
    for preset, kind in (("glow_digits", "Glow"), ("gated_pixelcnn_digits", "GatedPixelCNN")):
        run(
            *("train", preset, "--data", f"folder:{photos}?size=8&channels=1", "--steps", 1),
            *("--classes-from", "folders", "--out", tmp_path / preset, "--quiet"),
        )
        model = pf.load(tmp_path / preset / "checkpoint.safetensors")
        assert (type(model).__name__, model.given) == (kind, Labels(2))
        assert model.sample(3, torch.tensor([0, 1, 1])).shape == (3, 1, 8, 8)
    for words, said in (
        (("--classes-from", "folders"), "give --data as well"),
        (("--data", "sentences", "--classes-from", "labels"), "holds no labels that"),
        (("--data", "moons", "--classes-from", "labels"), "Glow models Pixels"),
    ):
        with pytest.raises(SystemExit, match=said):
            run("train", "glow_digits", *words)


def test_arrays_have_a_name(tmp_path: Path, capsys) -> None:
    x = np.random.RandomState(0).randint(4, size=(300, 6))
    np.save(tmp_path / "words.npy", x)
    np.save(tmp_path / "kinds.npy", x.sum(1) % 3)
    run(
        *("train", "independent_digits", "--data", tmp_path / "words.npy"),
        *("--out", tmp_path / "run", "--quiet"),
    )
    about = checkpoint.read(tmp_path / "run" / "checkpoint.safetensors").record["data"]
    assert about["spec"] == f"array:{tmp_path}/words.npy"
    capsys.readouterr()
    for data in ((), ("--data", tmp_path / "words.npy"), ("--data", f"array:{tmp_path}/words.npy")):
        run("evaluate", tmp_path / "run" / "checkpoint.safetensors", *data)
        assert f"({len(find(about['spec']).test)} examples)" in capsys.readouterr().out.replace(
            "exact, ", "("
        )
    told = find(f"array:{tmp_path}/words.npy?labels={tmp_path}/kinds.npy")
    assert told.given == Labels(3)
    assert find(f"{tmp_path}/words.npy?seed=1").origin["seed"] == 1
    images = np.random.RandomState(0).randint(4, size=(9, 1, 5, 5)).astype(np.uint8)
    np.save(tmp_path / "images.npy", images)
    assert find(f"array:{tmp_path}/images.npy?levels=4").space == Pixels(1, 5, 5, 4)
    with pytest.raises(ValueError, match="only images have levels"):
        find(f"array:{tmp_path}/words.npy?levels=4")


def test_a_path_alone_says_what_it_is(photos: Path, tmp_path: Path) -> None:
    assert find(f"{photos}?size=4").space == Pixels(3, 4, 4)
    (tmp_path / "lines.txt").write_text("a b\n" * 20)
    assert isinstance(find(str(tmp_path / "lines.txt")).space, Tokens)
    (tmp_path / "what.xyz").write_text("?")
    with pytest.raises(ValueError, match="nobody can tell what"):
        find(str(tmp_path / "what.xyz"))
    with pytest.raises(ValueError, match="no data set is called"):
        find(str(tmp_path / "gone.npy"))


@pytest.mark.parametrize("name", ["a?seed=3", "a?b=c&d=e", "100%", "[x]", "a b", "\N{CAT}"])
def test_names_of_any_characters_are_found_again(tmp_path: Path, name: str, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.save(tmp_path / f"{name}.npy", np.random.RandomState(0).randn(30, 2))
    Path(name).mkdir()
    for i in range(9):
        Image.new("L", (4, 4), i).save(tmp_path / name / f"{i}.png")
    for spec in (f"array:{name}.npy", f"array:{name}.npy?test=0.3", f"folder:{name}"):
        if "?" in spec and not Path(spec.partition(":")[2].partition("?test")[0]).exists():
            continue
        data = find(spec)
        monkeypatch.chdir("/")
        again = find(data.origin["spec"])
        assert again.describe() == data.describe()
        monkeypatch.chdir(tmp_path)


def test_paths_in_options_are_absolute(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("rules.txt").write_text("sentence: a | b c\n")
    data = find("sentences?n=30&grammar=rules.txt")
    monkeypatch.chdir("/")
    assert find(data.origin["spec"]).describe() == data.describe()


@pytest.fixture(scope="module")
def kinds() -> dict[str, pf.Dataset]:
    random = torch.Generator().manual_seed(0)
    images = torch.randint(256, (400, 1, 16, 16), generator=random).to(torch.uint8)
    tokens = torch.randint(9, (400, 12), generator=random)
    told = {"y": torch.arange(400) % 3}
    return {
        "captions": captioned_sprites(size=8, colours=2, wordings=1),
        "images": tensors(images, **told),
        "vectors": tensors(torch.randn(400, 5, generator=random), **told),
        "tokens": tensors(tokens, **told),
    }


def own_kind(name: str) -> str:
    if name.endswith(("_moons", "gaussians8", "gaussians25", "_uci", "_tables")):
        return "vectors"
    if name.startswith(("dalle", "clip")):
        return "captions"
    words = ("sentence", "wavenet", "made_picture", "char_rnn")
    return "tokens" if any(word in name for word in words) else "images"


SMALLER = {
    "ddpm_cifar10": {"width": 32},
    "glow_cifar10": {"width": 16, "steps_per_scale": 1},
    "pixelcnn_pp_cifar10": {"width": 16, "layers": 1},
    "flowpp_cifar10": {"width": 16, "blocks": 1},
    "made_mnist_paper": {"width": 64},
    "vq_vae_cifar10": {"width": 32},
    "sngan_cifar10": {"width": 16},
    "dcgan_mnist": {"width": 16},
    "dcgan_cifar10": {"width": 16},
    "wgan_gp_cifar10": {"width": 16},
    "sagan_cifar10": {"width": 16},
    "biggan_cifar10": {"width": 16},
    "stylegan2_cifar10": {"width": 16},
}


@pytest.mark.parametrize("name", sorted(set(presets()) - set(ALONE)))
def test_every_preset_takes_other_data_of_its_kind(name: str, kinds) -> None:
    build = presets()[name].build
    knobs = defaults(build) | SMALLER.get(name, {})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that they are binarised
        experiment = learning(name, build, knobs, kinds[own_kind(name)])
    if "classes" in knobs:
        assert isinstance(given := experiment.model.given, Labels)
        assert given.classes == 3
    model = experiment.model
    batch = experiment.data.told(model.given).train.at(slice(0, 4))
    assert model.space == experiment.data.space
    assert model.space.check(batch[0]) is batch[0]
    assert experiment.recipe.batch_size is None or experiment.recipe.batch_size <= 400


def defaults(build) -> dict:
    import inspect

    return {k: p.default for k, p in inspect.signature(build).parameters.items()}


@pytest.mark.parametrize("name", ALONE)
def test_what_is_about_one_density_takes_no_data(name: str, kinds) -> None:
    with pytest.raises(Usage, match=r"it is about .*takes no other data"):
        learning(name, presets()[name].build, defaults(presets()[name].build), kinds["vectors"])


def test_data_of_another_kind_are_refused_in_words(kinds) -> None:
    for name, kind, said in (
        ("realnvp_digits", "vectors", "realnvp_digits cannot learn Dataset.*RealNVP models Pixels"),
        ("deep_digits", "tokens", "deep_digits cannot learn Dataset.'tensors', Tokens"),
        ("maf_moons", "images", r"is a model of Reals\(shape=\(256,\)\): it cannot learn"),
    ):
        build = presets()[name].build
        with pytest.raises(Usage, match=said):
            learning(name, build, defaults(build), kinds[kind])


def test_what_is_asked_of_a_loader_is_asked_of_what_stands_for_it(kinds) -> None:
    with replaced(kinds["images"]) as asked:
        with pytest.warns(UserWarning, match="tensors is binarised .dynamic."):
            assert mnist(binarise="dynamic").space == Pixels(1, 16, 16, 2)
        assert digits() is kinds["images"]
    assert asked == ["mnist", "digits"]
    assert digits().space == Pixels(1, 8, 8, 17)
    with replaced(kinds["vectors"]):
        assert mnist(binarise="dynamic").space == Reals((5,))
