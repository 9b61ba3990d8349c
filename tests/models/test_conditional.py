"""What models are told: one mechanism for every family, checked by the contract."""

from functools import lru_cache

import pytest
import torch

import pushforward as pf
from conditional import BARS, SQUARE, subjects, with_context
from pushforward import data
from pushforward.core.given import check_given, given_of, known, spaces_of, told
from pushforward.laws import LAWS, NotApplicable, Subject
from pushforward.nn.conditions import as_vector, width_of
from pushforward.solvers.samplers import DDIM

SUBJECTS = subjects()


@lru_cache(maxsize=2)
def subject_of(name):
    build, spec = SUBJECTS[name]
    return Subject(build, data.find(spec))


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("name", SUBJECTS)
def test_law(name, law):
    try:
        LAWS[law](subject_of(name))
    except NotApplicable as reason:
        pytest.skip(str(reason))


@pytest.mark.parametrize(
    "build",
    [
        lambda: pf.VectorRealNVP(2, 2, width=16, layers=1, context=2, classes=3),
        lambda: pf.NICE(2, 2, width=16, layers=1, context=2, classes=3),
        lambda: pf.MAF(2, 2, width=16, context=2, classes=3),
        lambda: pf.IAF(2, 2, width=16, context=2, classes=3),
        lambda: pf.NSF(2, 2, width=16, layers=1, context=2, classes=3),
        lambda: pf.PlanarFlow(2, 2, context=2, classes=3),
        lambda: pf.SylvesterFlow(2, 2, context=2, classes=3),
        lambda: pf.DenseSylvesterFlow(2, 2, context=2, classes=3),
        lambda: pf.MADE(pf.Reals((2,)), width=16, context=2, classes=3),
        lambda: pf.FlowMatching(
            pf.Reals((2,)), pf.TimeMLP(2, width=16, layers=1, context=2, classes=3), DDIM(5)
        ),
    ],
)
def test_a_label_and_a_vector_together(build):
    subject = Subject(build, with_context())
    assert subject.model().given == (pf.Labels(3), pf.Reals((2,))) == subject.data.given
    for law in ("conditions_are_checked", "conditions_are_heard", "training_helps"):
        LAWS[law](subject)


@pytest.mark.parametrize(
    "build",
    [
        lambda: pf.PixelCNN(BARS, width=8, layers=1, first=3, classes=2, context=3),
        lambda: pf.GatedPixelCNN(BARS, width=8, layers=1, first=3, classes=2, context=(3,)),
        lambda: pf.GatedPixelCNN(BARS, width=8, layers=1, first=3, classes=2, context=3),
        lambda: pf.ImageGPT(BARS, width=16, layers=1, heads=2, classes=2, context=3),
        lambda: pf.PixelCNNpp(SQUARE, 8, 1, 2, 1, classes=2, context=3),
    ],
)
def test_pixel_models_are_told_a_class_and_a_vector(build):
    """Each sums to 1 for what it is told, and its cached draws are those of whole passes."""
    torch.manual_seed(0)
    model = build().double().eval()
    for parameter in model.parameters():
        parameter.data.normal_(0, 0.3)
    conditions = [torch.tensor([0, 1, 1]), torch.randn(3, *model.given[1].shape).double()]
    drawn = []
    for sample in (model.sample, model.sample_naively):
        torch.manual_seed(1)
        drawn.append(sample(3, *conditions))
    assert torch.equal(*drawn)
    if model.space == BARS:  # 256 images, which can be summed over
        x = torch.cartesian_prod(*[torch.arange(2)] * 8).to(torch.uint8).view(-1, 1, 2, 4)
        for i in range(3):
            told_each = (c[i : i + 1].expand(len(x), *c.shape[1:]) for c in conditions)
            total = model.log_prob(x, *told_each).exp().sum().item()
            assert total == pytest.approx(1, abs=1e-9)


def test_data_say_what_stands_beside_x():
    assert data.find("digits?labels=True").given == pf.Labels(10)
    assert data.find("digits").given is None
    x, y = torch.zeros(40, 1, 4, 4).byte(), torch.arange(40) % 4
    assert pf.data.tensors(x, y).given == pf.Labels(4)
    assert pf.data.tensors(x, torch.randn(40, 5)).given == pf.Reals((5,))
    assert pf.data.tensors(x, y.view(20, 2).repeat(2, 3)).given == pf.Tokens(6, 4)
    with pytest.raises(ValueError, match=r"labels .* expected values 0 .. 3, was given .* -1 .. 3"):
        pf.Dataset(
            "d", pf.Pixels(1, 4, 4), *[pf.Split((x, y - (y == 2) * 3))] * 3, given=pf.Labels(4)
        )


def test_the_trainer_compares_before_the_first_step():
    digits = data.find("digits?labels=True")
    with pytest.raises(ValueError, match=r"told Labels\(classes=5.* holds Labels\(classes=10"):
        pf.Training(pf.Glow(digits.space, 1, 1, 8, classes=5), digits)
    with pytest.raises(ValueError, match="holds None: load it with labels"):
        pf.Training(pf.MADE(digits.space, width=8, classes=10), data.find("digits"))


def test_a_model_that_is_told_nothing_sees_x_alone():
    """Labelled data train the same model to the same weights as the images alone."""
    ends = []
    for spec in ("digits", "digits?labels=True"):
        torch.manual_seed(0)
        model = pf.MADE(pf.Pixels(1, 8, 8, levels=17), width=8)
        found = pf.fit(model, data.find(spec), pf.Recipe(5, 32), quiet=True)
        nats = pf.metrics.nats(found, data.find(spec).test.first(20))
        ends.append((nats, [p.detach() for p in found.parameters()]))
    assert ends[0][0] == ends[1][0]
    assert all(torch.equal(a, b) for a, b in zip(ends[0][1], ends[1][1]))


def test_only_a_model_that_learned_unknown_takes_it():
    net = pf.TimeMLP(2, width=8, layers=1, classes=3)
    plain = pf.FlowMatching(pf.Reals((2,)), net, DDIM(3))
    for y in (None, torch.tensor([3, 0]), torch.tensor([-1, 0]), torch.tensor([99, 0])):
        with pytest.raises(ValueError, match=r"Labels\(classes=3"):
            plain.sample(2, *(() if y is None else (y,)))
    guided = pf.Guided(plain, classes=3)
    assert guided.given == pf.Labels(3, unknown=True)
    assert guided.sample(2).shape == guided.sample(2, torch.tensor([3, 0])).shape == (2, 2)
    with pytest.raises(ValueError, match=r"values 0 .. 3, was given values 0 .. 4"):
        guided.sample(2, torch.tensor([4, 0]))
    with pytest.raises(ValueError, match=r"is told Labels\(4\), not Labels\(classes=3"):
        pf.Guided(plain, classes=4)
    with pytest.raises(ValueError, match="drop must be a probability above 0"):
        pf.Guided(plain, classes=3, drop=0.0)


def test_given_is_told_in_one_way():
    both = told(classes=3, context=2)
    assert both == (pf.Labels(3), pf.Reals((2,)))
    assert told() is None
    assert given_of(None, pf.Labels(2)) == pf.Labels(2)
    assert known(pf.Labels(2, unknown=True)) == pf.Labels(2)
    assert width_of((pf.Labels(3, unknown=True), pf.Reals((2, 4, 4)))) == 6
    vector = as_vector(both, (torch.tensor([2]), torch.tensor([[5.0, 6.0]])))
    assert vector.tolist() == [[0, 0, 1, 5, 6]]
    words = as_vector(pf.Tokens(2, 3), (torch.tensor([[2, 0]]),))
    assert words.tolist() == [[0, 0, 1, 1, 0, 0]]
    filled = check_given(pf.Labels(3, unknown=True), (), 2, "m")
    assert filled[0].tolist() == [3, 3]
    with pytest.raises(ValueError, match=r"given must be None, a space such as Labels\(10\)"):
        spaces_of(10)


def test_grids_of_tokens():
    grid = pf.Tokens((2, 3), 5)
    assert (grid.shape, grid.length, grid.dims, grid.sequence) == ((2, 3), 6, 6, pf.Tokens(6, 5))
    assert grid == pf.Tokens(6, 5, grid=(2, 3))
    with pytest.raises(ValueError, match="does not hold 7 tokens"):
        pf.Tokens(7, 5, grid=(2, 3))
    for kind in (pf.PixelCNN, pf.GatedPixelCNN):
        torch.manual_seed(0)
        model = kind(pf.Tokens((2, 2), 3), width=8, layers=1, first=3).double().eval()
        x = torch.cartesian_prod(*[torch.arange(3)] * 4).view(-1, 2, 2)
        assert model.log_prob(x).exp().sum().item() == pytest.approx(1, abs=1e-9)
        drawn = []
        for sample in (model.sample, model.sample_naively):
            torch.manual_seed(1)
            drawn.append(sample(6))
        assert torch.equal(*drawn)
        model.space.check(drawn[0])
        with pytest.raises(ValueError, match=r"give them a grid, Tokens\(\(height, width\)"):
            kind(pf.Tokens(4, 3))
