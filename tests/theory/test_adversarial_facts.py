"""What lecture 8 proves of games, by enumeration and by playing them."""

import itertools
import math

import pytest
import torch

from pushforward.core.spaces import Pixels
from pushforward.objectives import f_divergences as fd
from pushforward.theory import diluted_log_prob, optimal_value
from pushforward.theory.best_discriminator import optimal_logit, value_discrete


def simplex(*shape):
    return torch.distributions.Dirichlet(torch.ones(shape[-1]).double()).sample(shape[:-1])


def test_the_best_classifier_of_two_samples_is_right_by_half_the_variation_more():
    """Over all classifiers of 5 outcomes: the best accuracy is (1 + TV) / 2."""
    p, q = simplex(5), simplex(5)
    rules = torch.tensor(list(itertools.product([0.0, 1.0], repeat=5))).double()
    accuracy = (rules @ p + (1 - rules) @ q) / 2
    expected = (1 + fd.TOTAL_VARIATION.discrete(p, q)) / 2
    assert accuracy.max().item() == pytest.approx(expected.item())


def test_noise_instead_of_99_samples_in_100_costs_few_nats():
    space = Pixels(1, 8, 8, 17)
    log_p = -200 * torch.rand(100).double()
    diluted = diluted_log_prob(log_p, space, 0.01)
    assert (diluted >= log_p - math.log(100)).all()
    uniform = math.log(0.99) - 64 * math.log(17)
    expected = (0.01 * log_p.exp() + math.exp(uniform)).log()
    torch.testing.assert_close(diluted, expected)


def test_a_told_game_is_the_mean_of_games():
    """With D(x, y) the best value is E_y[2 JSD(p(.|y), q(.|y))] - log 4."""
    y = simplex(3)
    p, q = simplex(3, 4), simplex(3, 4)
    joint_p, joint_q = (y[:, None] * t for t in (p, q))
    whole = optimal_value(joint_p.flatten(), joint_q.flatten())
    each = 2 * fd.JENSEN_SHANNON.discrete(p, q)
    torch.testing.assert_close(whole, (y * each).sum() - math.log(4))
    blind = optimal_value(joint_p.sum(0), joint_q.sum(0))
    assert blind < whole


def test_information_is_bounded_by_what_a_network_can_guess():
    """I(c; x) >= H(c) + E log Q(c | x), with equality for the posterior: enumerated."""
    joint = simplex(12).view(3, 4)  # c, x
    c, x = joint.sum(1), joint.sum(0)
    information = fd.KL.discrete(joint.flatten(), torch.outer(c, x).flatten())
    entropy = -(c * c.log()).sum()

    def bound(guess):
        return entropy + (joint * guess.log()).sum()

    torch.testing.assert_close(bound(joint / x), information)
    for _ in range(100):
        assert bound(simplex(4, 3).T) <= information + 1e-12


def test_against_a_fixed_critic_the_best_generator_is_a_point():
    scores = torch.randn(6).double()
    at_best = scores.max()
    assert (simplex(200, 6) @ scores <= at_best).all()


@pytest.mark.parametrize("rate", [0.05, 0.2])
def test_steps_of_a_bilinear_game(rate):
    """min_x max_y x y: both at once spirals outward by sqrt(1 + rate^2), in turn stays on an
    ellipse, with the opponent's answer foreseen it goes inward by sqrt(1 / (1 + rate^2)).
    """
    start = torch.tensor([1.0, 0.5]).double()
    together = matrix([[1.0, -rate], [rate, 1.0]])
    torch.testing.assert_close((together @ start).norm() / start.norm(), _root(1 + rate**2))
    in_turn = matrix([[1.0, -rate], [rate, 1 - rate**2]])
    x, y = start

    def kept(x, y):
        return x**2 + y**2 - rate * x * y

    first = kept(x, y)
    for _ in range(500):
        x, y = in_turn @ torch.stack([x, y])
    assert kept(x, y).item() == pytest.approx(first.item(), rel=1e-8)
    foreseen = torch.linalg.inv(matrix([[1.0, rate], [-rate, 1.0]]))
    shrunk = (foreseen @ start).norm() / start.norm()
    torch.testing.assert_close(shrunk, 1 / _root(1 + rate**2))


def matrix(rows):
    return torch.tensor(rows, dtype=torch.float64)


def _root(value):
    return torch.tensor(value, dtype=torch.float64).sqrt()


def test_every_other_discriminator_has_a_lower_value_by_a_kl():
    """V(D*) - V(D) = E_p log D*/D + E_q log (1 - D*)/(1 - D): a KL of labels, never negative."""
    p, q = simplex(5), simplex(5)
    best = optimal_logit(p.log(), q.log())
    other = torch.randn(5).double()
    gap = value_discrete(best, p, q) - value_discrete(other, p, q)
    labels = torch.sigmoid(torch.stack([best, -best]))
    guesses = torch.sigmoid(torch.stack([other, -other]))
    kl = ((p + q) * (labels * (labels / guesses).log()).sum(0)).sum()
    torch.testing.assert_close(gap, kl)
    assert gap > 0


def test_a_map_that_keeps_the_target_can_follow_any_generator():
    """Two maps with one law: what has no pairs cannot tell which is meant (CycleGAN)."""
    noise = torch.randn(4_000, 2).double()
    turn = torch.linalg.qr(torch.randn(2, 2).double())[0]
    first, second = noise, noise @ turn
    for images in (first, second):
        assert (images.mT @ images / 4_000 - torch.eye(2).double()).abs().max() < 0.15
    assert (first - second).norm(dim=1).mean() > 0.1
