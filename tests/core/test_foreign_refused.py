"""What no file can hold, and files that ask for what they must not have."""

import dataclasses
import enum
import json
import sys
import types

import pytest
import torch
from foreign_models import PLANE, gan, mlp, same
from homework import Critic
from torch import nn

import pushforward as pf
from pushforward.core import checkpoint
from pushforward.core.blueprint import decode, encode
from pushforward.core.checkpoint import weights
from pushforward.core.values import BlueprintError
from toys import normal_data


class Mode(enum.IntEnum):
    FAST = 1


REFUSED = {
    "act": (
        lambda: lambda x: x,
        "Critic.act is the function .*<lambda>.* a method of Critic or an",
    ),
    "q": (lambda: torch.distributions.Normal(0.0, 1.0), "Critic.q is a Normal, which cannot"),
    "table": (lambda: [torch.ones(2)], r"Critic.table\[0\] is a Tensor, .*register_buffer"),
    "parts": (
        lambda: [nn.Linear(1, 1)],
        "Critic.parts holds a Linear in a plain list, .*ModuleList",
    ),
    "mode": (lambda: Mode.FAST, "Critic.mode is a Mode, which cannot"),
    "file": (lambda: sys.stdout, "Critic.file is a .*derive Critic from pushforward.Component"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_written_is_refused_before_the_first_step(name, tmp_path):
    build, said = REFUSED[name]
    critic = Critic(2)
    setattr(critic, name, build())
    model = pf.GAN(PLANE, mlp(4, 2), critic, latent=4)
    before = {k: t.detach().clone() for k, t in weights(model).items()}
    with pytest.raises(BlueprintError, match=said.replace("Critic.", "GAN.critic.", 1)):
        pf.Training(model, normal_data(), pf.Recipe(1, 16))
    with pytest.raises(BlueprintError, match=r"GAN\.critic\."):
        pf.save(model, tmp_path / "refused.safetensors")
    assert not list(tmp_path.iterdir())
    assert all(torch.equal(t, before[k]) for k, t in weights(model).items())


def test_hooks_are_refused_and_may_be_removed():
    critic = mlp(2, 1)
    handle = critic[0].register_forward_hook(lambda module, x, y: 2 * y)
    model = pf.GAN(PLANE, mlp(4, 2), critic, latent=4)
    with pytest.raises(BlueprintError, match=r"GAN.critic.0 has a hook.*remove\(\)"):
        pf.Training(model, normal_data(), pf.Recipe(1, 16))
    handle.remove()
    pf.Training(model, normal_data(), pf.Recipe(1, 16))


def test_a_network_that_was_exchanged_is_refused():
    model = gan()
    model.critic = mlp(2, 1)
    with pytest.raises(BlueprintError, match="was changed after it was built"):
        pf.Training(model, normal_data(), pf.Recipe(1, 16))


def test_a_constructor_that_changes_what_it_is_given_is_refused():
    class Doubling(pf.GAN):
        def __init__(self, space, generator, critic):
            generator.extend([nn.Linear(2, 2)])
            super().__init__(space, generator, critic, 4)

    with pytest.raises(BlueprintError, match=r"'generator.4.weight' of shape None"):
        pf.Training(Doubling(PLANE, mlp(4, 2), mlp(2, 1)), normal_data(), pf.Recipe(1, 16))


def test_ties_with_the_inside_of_a_component_are_refused():
    inner = pf.MLP(4, 2, width=8)
    generator = nn.Sequential(inner, nn.Linear(2, 2))
    generator[1].weight = nn.Parameter(torch.ones(2, 2))
    list(inner.modules())[-1].bias = generator[1].bias
    model = pf.GAN(PLANE, generator, mlp(2, 1), latent=4)
    with pytest.raises(BlueprintError, match="was changed after it was built"):
        pf.Training(model, normal_data(), pf.Recipe(1, 16))


def test_a_recipe_that_cannot_be_written_is_refused():
    class Lion:
        lr = 1e-3

        def build(self, parameters):
            return torch.optim.SGD(parameters, self.lr)

    with pytest.raises(BlueprintError, match=r"Recipe.optimizer is a Lion, which cannot"):
        pf.Training(gan(), normal_data(), pf.Recipe(1, 16, Lion()))


@pytest.fixture
def saved(tmp_path):
    return pf.save(gan(), tmp_path / "gan.safetensors")


def forged(path, target, change):
    """A checkpoint with another blueprint, and a digest that fits."""
    read = checkpoint.read(path)
    text = change(json.dumps(read.blueprint))
    texts = {"blueprint": text, "record": json.dumps(read.record)}
    digest = checkpoint.digest_of(read.tensors, texts)
    header = {"format": checkpoint.FORMAT, **texts, "digest": digest}
    checkpoint.write_whole(target, read.tensors, header)
    return target


@pytest.mark.parametrize(
    ("module", "name", "said"),
    [
        ("os", "system", "no imported class is called 'system' of the module 'os'"),
        ("hw.nets", "Critic", r"\(homework has one of that name, .*import hw.nets.*hw/nets.py"),
        ("my", "make.<locals>.Net", "was defined inside a function"),
    ],
)
def test_a_class_of_another_module_is_not_taken_for_it(module, name, said, saved, tmp_path):
    def change(text):
        old = '"class": "Critic", "module": "homework"'
        return text.replace(old, f'"class": "{name}", "module": "{module}"')

    path = forged(saved, tmp_path / "forged.safetensors", change)
    with pytest.raises(pf.CheckpointError, match=said):
        pf.load(path)


NET = """
from torch import nn


class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.by = {by}

    def forward(self, x):
        return {forward}
"""


@pytest.fixture
def module_of(monkeypatch):
    """Runs text as a module of some name, again and again if need be."""

    def run(name, text):
        module = sys.modules.get(name) or types.ModuleType(name)
        monkeypatch.setitem(sys.modules, name, module)
        exec(text, vars(module))
        return module

    return run


def test_data_that_cannot_be_told_are_refused():
    data = dataclasses.replace(normal_data(), origin={"by": {1, 2}})
    with pytest.raises(ValueError, match=r"the origin of normal cannot be written.*set"):
        pf.Training(gan(), data, pf.Recipe(1, 16))


def test_classes_of_one_name_in_two_files_are_told_apart(module_of):
    one = module_of("nets_one", NET.format(by=2, forward="self.by * x"))
    two = module_of("nets_two", NET.format(by=3, forward="self.by + x"))
    nodes = [encode(module.Scale()) for module in (one, two)]
    assert [decode(node)(10) for node in nodes] == [20, 13]
    assert [type(decode(node)) for node in nodes] == [one.Scale, two.Scale]


def test_a_class_that_was_defined_again_is_the_newest(module_of):
    module = module_of("notebook", NET.format(by=2, forward="self.by * x"))
    old = module.Scale()
    node = encode(old)
    module_of("notebook", NET.format(by=5, forward="self.by + x"))
    assert decode(node)(10) == 12, "the settings of the file, the code of the newest class"
    assert old(10) == 20


@pytest.mark.parametrize("module", ["course.homework", "__main__"])
def test_a_file_that_moved_is_found_where_there_is_one(module, saved, tmp_path):
    path = forged(
        saved,
        tmp_path / "moved.safetensors",
        lambda text: text.replace('"module": "homework"', f'"module": "{module}"'),
    )
    same(pf.load(saved), pf.load(path))


def test_a_layer_that_is_far_larger_than_the_file_is_refused(saved, tmp_path):
    path = forged(
        saved,
        tmp_path / "huge.safetensors",
        lambda text: text.replace('"in_features": 16', f'"in_features": {2**40}'),
    )
    with pytest.raises(pf.CheckpointError, match=r"ask for [\d,]+ numbers, but its file holds \d+"):
        pf.load(path)
