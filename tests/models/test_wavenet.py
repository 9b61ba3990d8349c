import pytest
import torch

from pushforward.core.given import spaces_of
from pushforward.core.spaces import Labels, Pixels, Tokens
from pushforward.models.autoregressive.wavenet import WaveNet


def lively(space, **options):
    """Weights large enough that every dependence shows."""
    torch.manual_seed(0)
    model = WaveNet(space, 8, 8, **{"layers": 3, "stacks": 2, **options}).double().eval()
    for p in model.parameters():
        p.data.mul_(1.5)
    return model


def given(model, n, length=None):
    """Conditions for `n` sequences."""
    steps = -(-(length or model.space.length) // model.hop)
    classes = [s.classes for s in spaces_of(model.given) if isinstance(s, Labels)]
    y = tuple(torch.arange(n) % k for k in classes)
    return (*y, torch.randn(n, model.local, steps).double()) if model.local else y


CONDITIONS = [{}, {"classes": 3}, {"local": 2, "hop": 5}, {"classes": 2, "local": 3, "kernel": 3}]


@torch.no_grad()
@pytest.mark.parametrize("options", CONDITIONS, ids=str)
def test_cached_sampling_equals_naive(options):
    model = lively(Tokens(24, 9), **options)
    conditions = given(model, 4)
    torch.manual_seed(1)
    cached = model.sample(4, *conditions)
    torch.manual_seed(1)
    assert torch.equal(cached, model.sample_naively(4, *conditions))
    rows = model.conditionals(cached, *model.told(4, *conditions))
    run = model.run(4, *model.told(4, *conditions))
    for i, values in enumerate(cached.T):
        torch.testing.assert_close(run.parameters(i), rows[:, i], rtol=1e-9, atol=1e-9)
        run.know(i, values)


@pytest.mark.parametrize(("kernel", "field"), [(2, 15), (3, 29)])
def test_receptive_field_by_gradient(kernel, field):
    model = lively(Tokens(40, 5), kernel=kernel)
    assert model.receptive_field == field
    past = model.embedding(torch.randint(5, (8, 40))).detach().requires_grad_()
    out = model.network(past, None, None)[:, 35].sum()
    seen = torch.autograd.grad(out, past)[0].abs().sum((0, 2)) > 0
    steps = torch.arange(40)
    assert torch.equal(seen, (steps < 35) & (steps >= 35 - field))


def test_sums_to_one_for_every_condition():
    model = lively(Tokens(4, 3), classes=2, local=2)
    x = torch.cartesian_prod(*[torch.arange(3)] * 4)
    for label in (0, 1):
        y, c = torch.full((81,), label), torch.randn(1, 2, 4).double().expand(81, -1, -1)
        assert model.log_prob(x, y, c).exp().sum().item() == pytest.approx(1, abs=1e-12)


def test_local_condition_acts_from_its_step_on():
    model = lively(Tokens(12, 5), local=2, hop=4)
    x, c = torch.randint(5, (3, 12)), torch.randn(3, 2, 3).double()
    other = c.clone()
    other[:, :, 1] += 1
    moved = (model.conditionals(x, None, c) - model.conditionals(x, None, other)).abs().amax((0, 2))
    assert torch.equal(moved > 0, torch.arange(12) >= 4)


@torch.no_grad()
@pytest.mark.parametrize("options", [{}, {"classes": 2}, {"local": 2, "hop": 3}], ids=str)
def test_extending_is_the_conditional(options):
    """What follows x is drawn as the network says, beyond the space's length too."""
    model = lively(Tokens(10, 4), **options)
    x, conditions = torch.randint(4, (3, 7)), given(model, 3, 19)
    torch.manual_seed(2)
    longer = model.extend(x, 12, *conditions)
    assert longer.shape == (3, 19)
    assert torch.equal(longer[:, :7], x)
    run = model.run(3, *conditions)
    rows = model.conditionals(longer, *conditions)
    for i, values in enumerate(longer.T):
        torch.testing.assert_close(run.parameters(i), rows[:, i], rtol=1e-9, atol=1e-9)
        run.know(i, values)


def test_bad_conditions():
    model = lively(Tokens(6, 4), classes=2, local=3, hop=2)
    y, c = torch.zeros(2).long(), torch.zeros(2, 3, 3)
    with pytest.raises(ValueError, match=r"expected 2 conditions .* was given 1"):
        model.sample(2, y)
    with pytest.raises(ValueError, match=r"shape \(batch, 3, 3\), was given shape \(2, 3, 4\)"):
        model.sample(2, y, torch.zeros(2, 3, 4))
    with pytest.raises(ValueError, match=r"values 0 .. 1, was given values 0 .. 2"):
        model.sample(2, torch.tensor([0, 2]), c)
    with pytest.raises(ValueError, match=r"values must be 0 .. 3, not 0 .. 7"):
        model.extend(torch.tensor([[0, 7]]), 2, y[:1], c[:1])
    with pytest.raises(ValueError, match="WaveNet models Tokens"):
        WaveNet(Pixels(1, 4, 4))


def test_characters_of_a_text_file_are_learned(tmp_path):
    from pushforward.core.vocabulary import Vocabulary
    from pushforward.presets.autoregressive import wavenet_text
    from pushforward.training.fit import fit

    lines = [f"{a} {b}" for a in ("ab", "ba") for b in ("no", "on")] * 10
    (tmp_path / "lines.txt").write_text("\n".join(lines))
    experiment = wavenet_text(str(tmp_path / "lines.txt"), width=16, layers=3, steps=150)
    model = fit(experiment.model, experiment.data, experiment.recipe, quiet=True)
    assert model.log_prob(experiment.data.test.at(slice(None))[0]).mean() > -2  # log 4 = 1.39
    torch.manual_seed(0)
    said = Vocabulary.recorded(experiment.data.origin).decode(model.sample(40))
    assert sum(line in lines for line in said) > 30
