"""Networks of the user's own: trained, saved, loaded elsewhere, sampled, taken up again."""

import argparse
import functools
import json
import subprocess
import sys
from pathlib import Path

import homework
import pytest
import torch
from foreign_models import BARS, PLANE, drawn, gan, mlp, same
from homework import Critic, Denoiser, Encoder, Generator, Normalisation, Once, Tied
from torch import nn
from torch.nn import functional as F

import pushforward as pf
from pushforward.core import checkpoint
from pushforward.core.blueprint import decode, encode
from pushforward.solvers.samplers import DDIM
from toys import normal_data

HERE = Path(__file__).parent
BOTH = "import sys; sys.path[:0] = [{tests!r}, {here!r}]\n"


def vae(kind=pf.VAE, **more):
    encoder = pf.Encoder(Encoder(16, 4), BARS, pf.DiagonalGaussian(2))
    return kind(encoder, pf.Decoder(Generator(2, BARS.shape), BARS), **more)


def coupling_flow():
    couplings = [pf.Coupling(nn.Sequential(nn.Linear(1, 8), Once(8), nn.Linear(8, 2)))]
    couplings.append(pf.Coupling(mlp(1, 2), pf.Halves(flip=True)))
    return pf.Flow(pf.StandardNormal((2,)), couplings)


FAMILIES = {
    "gan": gan,
    "gan_images": lambda: gan(BARS),
    "gan_sequential": lambda: pf.GAN(PLANE, mlp(4, 2), mlp(2, 1), latent=4),
    "gan_tied": lambda: pf.GAN(
        PLANE, nn.Sequential(Tied(2), Normalisation(2)), mlp(2, 1), latent=2
    ),
    "wgan_gp": lambda: pf.WGANGP(PLANE, mlp(4, 2), mlp(2, 1), latent=4, turns=2),
    "sngan": lambda: pf.SNGAN(PLANE, mlp(4, 2), mlp(2, 1), latent=4, turns=1),
    "vae": vae,
    "factor_vae": lambda: vae(pf.FactorVAE, critic=Critic(2)),
    "avb": lambda: pf.AVB(mlp(24, 2), pf.Decoder(mlp(2, 16), BARS), mlp(18, 1), 2),
    "ddpm": lambda: pf.DDPM(PLANE, Denoiser(2), steps=8),
    "flow_matching": lambda: pf.FlowMatching(PLANE, Denoiser(2), DDIM(4)),
    "ncsn": lambda: pf.NCSN(PLANE, Denoiser(2), rungs=3, sampler=DDIM(3)),
    "score_sde": lambda: pf.ScoreSDE(PLANE, Denoiser(2), sampler=DDIM(4)),
    "edm": lambda: pf.EDM(PLANE, Denoiser(2), sampler=DDIM(4)),
    "coupling": coupling_flow,
}


def data_for(model):
    return normal_data(n=64) if model.space == PLANE else pf.data.find("bars")


def training(name, steps=8, ema=0.9):
    torch.manual_seed(0)
    model = FAMILIES[name]()
    recipe = pf.Recipe(steps, 16, ema=ema, report_every=4, validate_every=0)
    return pf.Training(model, data_for(model), recipe)


def python(code, *arguments):
    """Runs `code` in another process that finds the tests' own modules; returns what it prints."""
    code = BOTH.format(here=str(HERE), tests=str(HERE.parent)) + code
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A trained model of each family with its checkpoint."""
    folder = tmp_path_factory.mktemp("trained")
    found = {}
    for name in FAMILIES:
        run = training(name)
        for _ in run:
            pass
        found[name] = run.result, run.save(folder / f"{name}.safetensors")
    return found


def test_another_process_asks_for_the_file_and_then_draws_the_same(trained):
    """Nothing is imported for a checkpoint's sake, though it could be found."""
    code = """
import torch, pushforward as pf
from pushforward.core.catalogue import discover
discover()
before = set(sys.modules)
try:
    pf.load(sys.argv[1])
except pf.CheckpointError as error:
    print(error)
print(sorted(m for m in set(sys.modules) - before if not m.startswith(("torch.", "_"))))
import homework
for path in sys.argv[1:]:
    model = pf.load(path)
    torch.manual_seed(1)
    torch.save(model.sample(5), path + ".pt")
"""
    said, new = python(code, *(path for _, path in trained.values())).splitlines()
    assert "no imported class is called 'Generator' of the module 'homework'" in said
    assert "type `import homework` first, or give `--file homework.py` in the shell" in said
    assert new == "[]"
    for name, (model, path) in trained.items():
        assert torch.equal(torch.load(f"{path}.pt"), drawn(model)), name


@pytest.mark.parametrize("name", FAMILIES)
def test_what_is_loaded_is_what_was_trained(name, trained, tmp_path):
    model, path = trained[name]
    loaded = pf.load(path)
    same(model, loaded)
    # And once more, of a model that has been used since.
    same(model, pf.load(pf.save(loaded, tmp_path / "again.safetensors")))


@pytest.mark.parametrize("name", FAMILIES)
def test_an_interrupted_training_is_the_same(name, tmp_path):
    whole, halves = training(name), training(name)
    for _ in whole:
        torch.rand(3)
    next(report for report in halves if report.step == 4)
    halves.save(tmp_path / "half.safetensors")
    again = training(name).resume(tmp_path / "half.safetensors")
    for _ in again:
        pass
    for one, other in ((whole.model, again.model), (whole.result, again.result)):
        same(one, other)
    assert encode(again.model) == encode(whole.model)


def test_a_loaded_model_goes_on_where_its_training_was_put_down(tmp_path):
    run = training("gan", ema=None)
    next(iter(run))
    path = run.save(tmp_path / "half.safetensors")
    model = pf.load(path)
    again = pf.Training(model, run.data, run.recipe).resume(path)
    # Four steps of three passes, and three more for the diagnostics of the report.
    assert again.model.critic.calls == run.model.critic.calls == 15
    for one in (run, again):
        assert [report.step for report in one] == [8]
    same(run.model, again.model)


def test_another_network_is_not_taken_up(tmp_path):
    run = training("gan")
    next(iter(run))
    path = run.save(tmp_path / "half.safetensors")
    other = pf.GAN(PLANE, Generator(4, (2,)), Critic(2, slope=0.3), latent=4)
    with pytest.raises(pf.CheckpointError, match=r"another model: .*slope was 0.2 and is now 0.3"):
        pf.Training(other, run.data, run.recipe).resume(path)


def test_the_average_follows_attributes_and_new_tensors():
    torch.manual_seed(0)
    model = pf.GAN(PLANE, nn.Sequential(mlp(2, 2), Normalisation(2), Once(2)), mlp(2, 1), latent=2)
    run = pf.Training(model, normal_data(n=64), pf.Recipe(5, 16, ema=0.9, validate_every=0))
    for _ in run:
        pass
    kept, moving = run.result.generator, run.model.generator
    assert kept[2].started, "else it would scale itself by the first samples"
    assert torch.equal(kept[1].moving_mean, moving[1].moving_mean)
    assert kept[1].moving_mean is not moving[1].moving_mean
    assert kept[1].moving_mean.abs().sum() > 0


def test_what_forward_leaves_behind_neither_stops_a_file_nor_a_copy(tmp_path):
    model = vae()
    x = data_for(model).train.tensors[0][:8]
    model.loss(x)["rate"].sum().backward()
    network = model.encoder.network
    assert network.kl.requires_grad
    loaded = pf.load(pf.save(model, tmp_path / "used.safetensors"))
    assert loaded.encoder.network.kl == 0
    assert not hasattr(loaded.encoder.network, "q")
    averaged = pf.Training(model, data_for(model), pf.Recipe(1, 16, ema=0.9)).result
    assert averaged.encoder.network.kl == 0
    assert averaged.encoder.network.net is not network.net


def test_frozen_parts_come_back_frozen(trained):
    _, path = trained["ddpm"]
    named = pf.load(path).denoiser.named_parameters()
    assert [name for name, p in named if not p.requires_grad] == ["scale"]


def test_ties_survive(trained):
    _, path = trained["gan_tied"]
    net = pf.load(path).generator[0]
    assert net.again.weight is net.into.weight
    assert net.twice[0] is net.twice[1] is net.shared
    assert net.order == [net.into, net.shared, net.again]
    assert net.out_of.weight is not net.into.weight


def test_values_that_only_the_file_knows_come_back(trained):
    model, path = trained["flow_matching"]
    loaded = pf.load(path).network
    assert torch.equal(loaded.frequencies, model.network.frequencies)
    assert torch.equal(loaded.phases, model.network.phases)
    assert "phases" not in loaded.state_dict()


def test_a_file_says_what_it_holds(trained):
    _, path = trained["gan"]
    critic = checkpoint.read(path).blueprint["arguments"]["critic"]
    assert (critic["class"], critic["module"]) == ("Critic", "homework")
    assert critic["attributes"]["hidden"] == [16, 16]
    assert critic["attributes"]["activation"] == {"named": "torch.nn.functional.leaky_relu"}
    assert critic["children"]["last"] == {
        "torch": "Linear",
        "id": critic["children"]["last"]["id"],
        "arguments": {"in_features": 16, "out_features": 1},
    }


def test_a_network_alone_is_a_model_too(tmp_path):
    torch.manual_seed(0)
    model = Denoiser(2)
    loaded = pf.load(pf.save(model, tmp_path / "alone.safetensors"))
    x, t = torch.randn(3, 2), torch.rand(3)
    assert torch.equal(loaded(x, t), model(x, t))


def test_values_of_every_kind_come_back():
    net = homework.Outer.Inner()
    net.settings = {
        "shape": torch.Size((2, 3)),
        "sizes": {4: [1, 2], (8, 8): None},
        "dtype": torch.float64,
        "device": torch.device("cpu"),
        "layer": nn.ReLU,
        "count": torch.zeros(2, 3).numpy().size,
        "infinite": float("inf"),
        "space": PLANE,
        "act": F.softplus,
        "steep": functools.partial(F.leaky_relu, negative_slope=0.3),
        "args": argparse.Namespace(lr=0.1, sizes=[1, 2]),
    }
    again = decode(json.loads(json.dumps(encode(net), allow_nan=False)))
    assert type(again) is homework.Outer.Inner
    steep, expected = again.settings.pop("steep"), net.settings.pop("steep")
    assert (steep.func, steep.keywords) == (expected.func, expected.keywords)
    assert again.settings == net.settings
    assert type(again.settings["shape"]) is torch.Size
