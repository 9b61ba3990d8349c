"""Judges of training believe nothing: answers made up to please them earn nothing, in words."""

import numpy as np
import pytest

from pushforward_course.practice import adversaries, trainings
from pushforward_course.practice.inside.plain import Kept
from pushforward_course.practice.judges import Close, finite, shown
from pushforward_course.practice.tasks import Task, Wrong


class Made:
    """A submission whose functions are made up."""

    def __init__(self, **functions):
        self.functions = functions

    def __call__(self, name, *arguments, seconds=0.0):
        return self.functions[name](*arguments)

    def keep(self, name, *arguments, seconds=0.0):
        return Kept(name)

    def twin(self, kept):
        return self


def judged(judge, ask, *calls):
    judge.judge(ask, Task("t", 1, calls, judge), np.random.default_rng(0), False)


@pytest.mark.parametrize(
    ("table", "told"),
    [
        (lambda n: np.full((n, n), -np.log(n * n)), "nats a dimension"),
        (lambda n: np.zeros((n, n)), "not to 1"),
        (lambda n: np.full((n, n), np.nan), "NaN"),
        (lambda n: np.zeros(n), "asked for is"),
        (lambda n: "good", "neither a number nor a tensor"),
    ],
)
def test_tables_must_be_probabilities_that_fit(table, told):
    with pytest.raises(Wrong, match=told):
        judged(trainings.Table(), Made(fit=lambda pairs, levels, seed: table(levels)), "fit")


def test_a_table_that_knows_the_picture_passes_and_the_threshold_is_above_its_entropy():
    def counted(pairs, levels, seed):
        table = np.ones((levels, levels))
        np.add.at(table, tuple(pairs.T), 20.0)
        return np.log(table / table.sum())

    judged(trainings.Table(), Made(fit=counted), "fit")


def plane(encode, decode):
    return Made(fit=None, encode=lambda m, x: encode(x), decode=lambda m, z: decode(z))


@pytest.mark.parametrize(
    ("encode", "told"),
    [
        (lambda x: [x.astype(float), np.full(x.shape, -50.0)], "the bound's distance"),
        (lambda x: [np.zeros(x.shape), np.zeros(x.shape)], "correlation 0.9"),
        (lambda x: np.zeros(x.shape), "two results"),
        (lambda x: [np.zeros((3, 2)), np.zeros((3, 2))], "has shape"),
        (lambda x: [np.zeros(x.shape), np.zeros((len(x), 3))], "log standard deviations"),
    ],
)
def test_codes_cost_what_they_say(encode, told):
    """To name each point exactly costs a KL that eats the gain; to say nothing fits one alone."""
    ask = plane(encode, lambda z: [np.zeros(z.shape), np.zeros(z.shape)])
    with pytest.raises(Wrong, match=told):
        judged(trainings.PlaneVAE(), ask, "fit", "encode", "decode")


def test_a_flow_whose_density_is_no_density():
    def boast(model, x):
        return [np.zeros(x.shape), np.full(len(x), 10.0)]

    with pytest.raises(Wrong, match="integrates to 1"):
        judged(adversaries.PlaneFlow(), Made(f=boast), "fit", "f", "i")


def test_a_flow_that_is_right_for_noise_is_too_weak_for_moons():
    ask = Made(f=lambda m, x: [x, np.zeros(len(x))], i=lambda m, z: z)
    with pytest.raises(Wrong, match="nats on held-out points"):
        judged(adversaries.PlaneFlow(), ask, "fit", "f", "i")


def test_data_handed_back_are_no_generator():
    data = np.random.default_rng(1).normal(size=(500, 2))

    def looked_up(model, z):
        return data[(np.abs(z).sum(1) * 1e6).astype(int) % 500]

    with pytest.raises(Wrong, match="no smooth function"):
        judged(adversaries.RingGAN(), Made(g=looked_up), "fit", "g")


@pytest.mark.parametrize("judge", [adversaries.LineGAN(), adversaries.RingGAN()])
def test_a_constant_and_the_noise_itself_are_no_generators(judge):
    width = 1 if isinstance(judge, adversaries.LineGAN) else 2
    with pytest.raises(Wrong, match="no smooth function"):
        judged(judge, Made(g=lambda m, z: np.zeros((len(z), width))), "fit", "g")
    with pytest.raises(Wrong, match="held-out data"):
        judged(judge, Made(g=lambda m, z: z[:, :width] * 0.3), "fit", "g")


@pytest.mark.parametrize(
    ("answer", "expected", "told"),
    [
        (1.0, 1.0, ""),
        (np.array([1.0, 2.0]), np.array([1.0, 2.0 + 1e-9]), ""),
        (np.array([1.0, 2.0]), np.array([1.0, 2.1]), "50%"),
        (np.array([[1.0]]), np.array([1.0]), "shape"),
        ([1.0, 2.0], [1.0, 2.5], "result 2"),
        ([1.0], [1.0, 2.0], "2 results are asked for"),
        (float("nan"), 1.0, "NaN"),
        (np.inf, np.inf, ""),
        (np.inf, 1.0, "100%"),
        (1.0, np.inf, "100%"),
        (True, 1.0, ""),
        ({"a": 1}, 1.0, "neither"),
    ],
)
def test_close(answer, expected, told):
    assert told in (Close().differing(answer, expected) or "")
    assert bool(Close().differing(answer, expected)) == bool(told)


def test_shapes_and_values_are_told():
    assert finite(np.zeros((3, 2)), (None, 2), "it").shape == (3, 2)
    with pytest.raises(Wrong, match=r"it has shape \(3, 2\); asked for is \('any', 3\)"):
        finite(np.zeros((3, 2)), (None, 3), "it")
    assert shown(np.arange(20.0)).endswith("...]")
    assert shown([1, "a"]) == "[1, 'a']"
