"""VAEs with categorical latent variables: their bound by enumeration, dVAE as a codec."""

from __future__ import annotations

import itertools

import pytest
import torch

import pushforward as pf
from pushforward.models.autoregressive.made import MADE
from pushforward.models.discrete.dvae import DVAE
from pushforward.models.discrete.gumbel_softmax import GumbelSoftmaxVAE
from pushforward.models.discrete.two_stage import TwoStage
from pushforward.probability.gumbel import StraightThrough, Temperature

SPACE = pf.Pixels(1, 4, 4, levels=2)


def test_the_bound_is_the_enumerated_one_and_below_log_p():
    torch.manual_seed(0)
    model = GumbelSoftmaxVAE(SPACE, variables=2, classes=3, width=4).double()
    x = torch.randint(2, (5, *SPACE.shape), dtype=torch.uint8)
    with torch.no_grad():
        every = torch.tensor(list(itertools.product(range(3), repeat=2)))
        z = torch.nn.functional.one_hot(every, 3).double()
        given = torch.stack([model._given(x, one.expand(5, 2, 3)) for one in z])
        log_q = model.logits(x).log_softmax(-1)
        posterior = torch.stack([log_q[:, 0, a] + log_q[:, 1, b] for a, b in every])
        exact = given.logsumexp(0) - torch.tensor(9.0).log()
        bound = (posterior.exp() * (given - torch.tensor(9.0).log() - posterior)).sum(0)
        measured = model.elbo(x, samples=4_000)
    torch.testing.assert_close(measured, bound, atol=0.02, rtol=0)
    assert (bound <= exact).all()


@pytest.mark.parametrize(("side", "halvings", "grid"), [(8, 1, 4), (28, 2, 7), (32, 2, 8)])
@pytest.mark.parametrize(("channels", "levels"), [(1, 17), (3, 256)])
def test_dvae_serves_all_images_and_is_a_codec(side, halvings, grid, channels, levels):
    space = pf.Pixels(channels, side, side, levels)
    model = DVAE(space, codes=6, width=8, halvings=halvings, blocks=1)
    x = torch.randint(levels, (3, *space.shape), dtype=torch.uint8)
    assert model.tokens == pf.Tokens(grid * grid, 6)
    codes = model.encode(x)
    model.tokens.check(codes)
    space.check(model.draw(codes))
    assert model.log_prob_given(x, codes).shape == (3,)


def test_a_sure_posterior_makes_the_relaxed_objective_the_bound():
    torch.manual_seed(0)
    model = DVAE(SPACE, codes=8, width=16, halvings=1, blocks=1).double()
    model.encoder.leave.weight.data *= 1e4
    x = torch.randint(2, (6, *SPACE.shape), dtype=torch.uint8)
    with torch.no_grad():
        relaxed = -torch.stack(list(model.loss(x).values())).sum(0)
        sure = model.logits(x).softmax(-1).amax(-1).amin(1) > 1 - 1e-9
        torch.testing.assert_close(relaxed[sure], model.elbo(x)[sure], atol=1e-4, rtol=1e-4)
    assert sure.any()


def test_a_prior_over_a_dvaes_codes_is_a_second_stage():
    torch.manual_seed(0)
    codec = DVAE(SPACE, 8, 16, halvings=1, blocks=1, relaxation=StraightThrough())
    model = TwoStage(codec, MADE(codec.tokens, width=32))
    data = pf.data.find("bars")
    x = data.test.at(slice(0, 64))[0]
    before = model.elbo(x).mean()
    pf.fit(model, data, pf.Recipe(60, 64, pf.Adam(3e-3), validate_every=0), quiet=True)
    assert model.elbo(x).mean() > before + 1
    SPACE.check(model.sample(4))


def test_temperature_follows_progress():
    model = GumbelSoftmaxVAE(SPACE, 2, 3, temperature=Temperature(2.0, 0.5))
    assert model.temperature.at(model.progress).item() == pytest.approx(0.5)
    model.progress.fill_(0.0)
    assert model.temperature.at(model.progress).item() == pytest.approx(2.0)


def test_other_spaces_are_refused():
    for model in (GumbelSoftmaxVAE, DVAE):
        with pytest.raises(ValueError, match="images"):
            model(pf.Reals((2,)))
