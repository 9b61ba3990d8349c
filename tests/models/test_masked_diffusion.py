"""Absorbing-state diffusion where every order, mask and datum can be counted."""

from __future__ import annotations

import itertools
import math

import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor

from pushforward.core.spaces import Reals, Tokens
from pushforward.models.discrete.masked_diffusion import MaskedDiffusion

SPACE = Tokens(3, 2)


def alive(steps: int | None = None, classes: int = 0, space: Tokens = SPACE) -> MaskedDiffusion:
    """A network whose weights are all drawn."""
    torch.manual_seed(0)
    model = MaskedDiffusion(space, width=8, layers=1, heads=2, steps=steps, classes=classes)
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.4)
    return model.double().eval()


def every(space: Tokens) -> Tensor:
    return torch.tensor(list(itertools.product(range(space.vocabulary), repeat=space.length)))


def masked(x: Tensor, hidden: tuple[int, ...], mask: int) -> Tensor:
    s = x.clone()
    s[:, list(hidden)] = mask
    return s


def subsets(dims: int):
    for k in range(dims + 1):
        yield from itertools.combinations(range(dims), k)


def by_order(model: MaskedDiffusion) -> Tensor:
    """log p(x | order) of every x and order, (orders, data), by the chain rule."""
    x = every(model.space)
    rows = []
    for order in itertools.permutations(range(model.space.dims)):
        total = torch.zeros(len(x), dtype=torch.float64)
        for k, place in enumerate(order):
            there = model.log_probs(masked(x, order[k:], model.mask))
            total += there[torch.arange(len(x)), place, x[:, place]]
        rows.append(total)
    return torch.stack(rows)


def chains_bound(model: MaskedDiffusion, x: Tensor, steps: int) -> Tensor:
    """D3PM's bound for T steps: the sum over steps of E_q[KL(q(x_s|x_t, x_0) || p(x_s|x_t))].

    For every step and mask the KL is summed over all outcomes of all numbers, by definition.
    """
    dims, total = model.space.dims, torch.zeros(len(x), dtype=torch.float64)
    for i, hidden in itertools.product(range(1, steps + 1), subsets(dims)):
        chance = (i / steps) ** len(hidden) * (1 - i / steps) ** (dims - len(hidden))
        there = model.log_probs(masked(x, hidden, model.mask)).exp()
        kl = torch.zeros(len(x), dtype=torch.float64)
        for place in hidden:
            stay, go = (i - 1) / i, 1 / i
            # outcomes: still masked (both alike), or one of the levels (q: the right one alone)
            p_right = go * there[torch.arange(len(x)), place, x[:, place]]
            kl += (stay * math.log(stay / stay) if stay else 0) + go * (go / p_right).log()
        total -= chance * kl
    return total


def test_the_bound_is_the_mean_over_all_orders():
    model = alive()
    x, orders = every(SPACE), by_order(model)
    torch.manual_seed(1)
    with torch.no_grad():
        found = model.elbo(x.repeat(8000, 1)).view(8000, -1)
    error = found.std(0) / math.sqrt(len(found))
    assert ((found.mean(0) - orders.mean(0)).abs() < 5 * error).all()
    assert error.max() < 0.05


def test_the_mixture_of_orders_is_a_density_above_the_bound():
    orders = by_order(alive())
    log_p = orders.logsumexp(0) - math.log(len(orders))
    assert log_p.exp().sum().item() == pytest.approx(1, abs=1e-12)
    assert (log_p - orders.mean(0) > 1e-4).all()


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_the_bound_of_a_chain_is_the_sum_of_its_kls(steps):
    model, x = alive(steps), every(SPACE)
    truth = chains_bound(model, x, steps)
    torch.manual_seed(1)
    with torch.no_grad():
        found = model.elbo(x.repeat(8000, 1), samples=2).view(8000, -1)
    error = found.std(0) / math.sqrt(len(found))
    assert ((found.mean(0) - truth).abs() < 5 * error + 1e-9).all()
    assert error.max() < 0.05


def test_more_steps_lead_to_the_integral():
    model, x = alive(), every(SPACE)
    whole = by_order(model).mean(0)
    gaps = [(chains_bound(model, x, t) - whole).abs().mean().item() for t in (4, 16, 64)]
    assert gaps[0] > 3 * gaps[1] > 9 * gaps[2]


def outcomes(model: MaskedDiffusion, steps: int) -> Tensor:
    """p(x) of the chain of T steps, by carrying the probabilities of all states with masks."""
    dims, mask = model.space.dims, model.mask
    states = list(itertools.product(range(mask + 1), repeat=dims))
    now = {(mask,) * dims: 1.0}
    said = {s: model.log_probs(torch.tensor([s]))[0].exp() for s in states}
    for i in range(steps, 0, -1):
        after: dict[tuple[int, ...], float] = {}
        for state, chance in now.items():
            ways = [
                [(v, 1.0)]
                if v != mask
                else [(mask, 1 - 1 / i), *((u, said[state][j, u].item() / i) for u in range(mask))]
                for j, v in enumerate(state)
            ]
            for way in itertools.product(*ways):
                to = tuple(v for v, _ in way)
                after[to] = after.get(to, 0.0) + chance * math.prod(p for _, p in way)
        now = after
    return torch.tensor([now[tuple(x)] for x in every(model.space).tolist()], dtype=torch.float64)


@pytest.mark.parametrize("steps", [None, 1, 3])
def test_samples_are_the_chains(steps):
    model = alive(steps)
    orders = by_order(model)
    truth = outcomes(model, steps) if steps else (orders.logsumexp(0).exp() / len(orders))
    truth = truth.detach()
    assert truth.sum().item() == pytest.approx(1, abs=1e-12)
    torch.manual_seed(2)
    drawn = model.sample(4000)
    place = (drawn * torch.tensor([4, 2, 1])).sum(1)
    counts = torch.bincount(place, minlength=8)
    assert chisquare(counts.numpy(), 4000 * (truth / truth.sum()).numpy()).pvalue > 1e-3


def test_completions_are_conditioned_on_what_stands_on_both_sides():
    """Known first and last: the middle is of the network's conditional, given both."""
    model = alive()
    x = torch.tensor([[1, 0, 0], [0, 0, 1]])
    known = torch.tensor([True, False, True])
    truth = model.log_probs(masked(x, (1,), model.mask))[:, 1].exp()
    torch.manual_seed(3)
    drawn = model.complete(x.repeat(3000, 1), known)
    assert torch.equal(drawn[:, known], x.repeat(3000, 1)[:, known])
    shares = drawn[:, 1].view(3000, 2).double().mean(0)
    assert ((shares - truth[:, 1]).abs() < 4 * (0.25 / 3000) ** 0.5).all()
    assert torch.equal(model.complete(x, torch.tensor(True)), x)


def test_what_is_told_is_heard_and_grids_keep_their_shape():
    model = alive(classes=2, space=Tokens((2, 2), 3))
    y = torch.tensor([0, 1])
    x = model.sample(2, y)
    assert x.shape == (2, 2, 2)
    assert x.dtype == torch.int64
    torch.manual_seed(0)
    first = model.elbo(x, y)
    torch.manual_seed(0)
    assert (first != model.elbo(x, 1 - y)).all()


def test_what_cannot_be_is_said():
    with pytest.raises(ValueError, match="masks hide Tokens or Pixels"):
        MaskedDiffusion(Reals((3,)))
    for options, said in (({"steps": 0}, "steps"), ({"width": 10, "heads": 4}, "multiple")):
        with pytest.raises(ValueError, match=said):
            MaskedDiffusion(SPACE, **options)
