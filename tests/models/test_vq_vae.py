"""VQ-VAE and its second stage: who moves, what is frozen, and the joint bound by enumeration."""

from __future__ import annotations

import itertools
import math

import pytest
import torch

import pushforward as pf
from pushforward.models.autoregressive.made import MADE
from pushforward.models.discrete.two_stage import TwoStage, two_stage
from pushforward.models.discrete.vq_vae import VQVAE, vq_vae
from pushforward.probability.discretized import usual_head
from pushforward.probability.quantisation import VectorQuantiser


def small(space, halvings=1, codes=8):
    return VQVAE(space, VectorQuantiser(codes, 4), width=8, halvings=halvings, blocks=1)


def tiny():
    """2x2 binary images with one code: everything can be summed."""
    codec = small(pf.Pixels(1, 2, 2, levels=2), codes=4)
    return TwoStage(codec, MADE(codec.tokens, width=8))


def images(space, n=6):
    return torch.randint(space.levels, (n, *space.shape), dtype=torch.uint8)


@pytest.mark.parametrize(
    ("side", "halvings", "grid"), [(8, 1, 4), (28, 2, 7), (32, 2, 8), (9, 2, 3)]
)
@pytest.mark.parametrize(("channels", "levels"), [(1, 2), (1, 17), (3, 256)])
def test_one_pair_of_networks_serves_all_images(side, halvings, grid, channels, levels):
    space = pf.Pixels(channels, side, side, levels)
    model = small(space, halvings)
    x = images(space)
    codes = model.encode(x)
    model.tokens.check(codes)
    assert codes.shape == (6, grid * grid)
    space.check(model.draw(codes))
    space.check(model.sample(2))
    assert model.elbo(x).shape == (6,)


def test_the_usual_head_follows_the_levels():
    assert type(usual_head(pf.Pixels(1, 8, 8, 2))).__name__ == "BinaryHead"
    assert type(usual_head(pf.Pixels(1, 8, 8, 17))).__name__ == "CategoricalHead"
    assert type(usual_head(pf.Pixels(1, 8, 8, 256))).__name__ == "DiscretizedLogisticHead"


def test_the_decoder_is_a_distribution_over_images():
    model = tiny().codec.double()
    every = torch.tensor(list(itertools.product(range(2), repeat=4)), dtype=torch.uint8)
    every = every.view(-1, 1, 2, 2)
    for code in range(4):
        codes = torch.full((16, 1), code)
        assert model.log_prob_given(every, codes).exp().sum().item() == pytest.approx(1)
    torch.manual_seed(0)
    drawn = model.draw(torch.zeros(20_000, 1, dtype=torch.int64)).double().mean(0)
    expected = model.decode(torch.zeros(1, 1, dtype=torch.int64)).probs[0]
    torch.testing.assert_close(drawn, expected, atol=0.02, rtol=0)


def test_the_joint_bound_is_below_the_true_likelihood_of_what_is_sampled():
    torch.manual_seed(0)
    model = tiny().double()
    every = torch.tensor(list(itertools.product(range(2), repeat=4)), dtype=torch.uint8)
    every, codes = every.view(-1, 1, 2, 2), torch.arange(4)[:, None]
    with torch.no_grad():
        given = torch.stack([model.codec.log_prob_given(every, c.expand(16, 1)) for c in codes])
        exact = (given + model.prior.log_prob(codes)[:, None]).logsumexp(0)
        bound = model.elbo(every)
    assert exact.exp().sum().item() == pytest.approx(1)
    assert (bound <= exact + 1e-12).all()
    chosen = model.codec.encode(every)[:, 0]
    own = given[chosen, torch.arange(16)] + model.prior.log_prob(codes).detach()[chosen]
    torch.testing.assert_close(bound, own)
    drawn = model.sample(40_000).flatten(1).long() @ torch.tensor([8, 4, 2, 1])
    share = torch.bincount(drawn, minlength=16).double() / len(drawn)
    torch.testing.assert_close(share, exact.exp(), atol=0.012, rtol=0)


def test_before_a_prior_has_learned_codes_cost_log_k():
    model = small(pf.Pixels(1, 4, 4, levels=2))
    x = images(model.space)
    left = model.log_prob_given(x, model.encode(x))
    torch.testing.assert_close(model.elbo(x), left - 4 * math.log(8))


def test_the_encoder_gets_the_decoders_gradient():
    model = small(pf.Pixels(1, 8, 8, 17))
    x = images(model.space)
    z = model.features(x).detach().requires_grad_()
    quantised = model.quantiser(z)
    nats = -model._log_prob(x, quantised).sum()
    through, at = torch.autograd.grad(nats, (z, quantised))
    assert torch.equal(through, at)
    assert at.abs().max() > 0


def train(model, steps, **options):
    data = pf.data.digits()
    recipe = pf.Recipe(steps, 64, pf.Adam(3e-3), validate_every=0, report_every=1, **options)
    return pf.Training(model, data, recipe)


def test_the_codec_is_frozen_once_the_prior_learns():
    torch.manual_seed(0)
    model = two_stage()
    states = {}
    for report in train(model, 12):
        codec = {k: v.clone() for k, v in model.codec.state_dict().items() if k != "progress"}
        prior = [p.detach().clone() for p in model.prior.parameters()]
        states[report.step] = report.stage, codec, prior
    assert [stage for stage, _, _ in states.values()] == ["codec"] * 6 + ["prior"] * 6
    (_, codec, prior), (_, codec_last, prior_last) = states[6], states[12]
    assert all(torch.equal(codec_last[k], codec[k]) for k in codec)
    assert any(not torch.equal(codec[k], states[5][1][k]) for k in codec)
    assert all(torch.equal(a, b) for a, b in zip(prior, states[1][2]))
    assert any(not torch.equal(a, b) for a, b in zip(prior, prior_last))


def test_the_second_stage_is_the_prior_on_codes():
    model = two_stage()
    codec, prior = model.stages()
    assert [p.name for p in codec.players] == ["autoencoder", "codebook"]
    assert [p.name for p in prior.players] == ["prior"]
    x = images(model.space)
    (codes,) = prior.view(x)
    assert torch.equal(codes, model.codec.encode(x))
    (nll,) = prior.players[0].loss(codes).values()
    torch.testing.assert_close(nll, -model.prior.log_prob(codes))


def test_codes_survive_decoding_and_encoding():
    torch.manual_seed(0)
    model = two_stage()
    list(train(model.codec, 120))
    x = pf.data.digits().test.tensors[0]
    codes = model.codec.encode(x)
    likeliest = model.codec.decode(codes).logits.argmax(-1).to(torch.uint8)
    again = model.codec.encode(likeliest)
    assert (again == codes).double().mean() > 0.5  # 1/16 by chance
    assert len(codes.unique()) > 8


def test_reports_tell_perplexity_and_restarts():
    report = next(iter(train(two_stage(), 4)))
    assert {"codebook/perplexity", "codebook/restarts", "codebook/quantisation"} < set(report.terms)


def test_a_prior_over_something_else_is_refused():
    codec = vq_vae()
    with pytest.raises(ValueError, match=r"codec\.tokens"):
        TwoStage(codec, MADE(pf.Tokens(3, 8)))
    with pytest.raises(ValueError, match="codec_share"):
        TwoStage(codec, MADE(codec.tokens), codec_share=1.0)
    with pytest.raises(ValueError, match="images"):
        VQVAE(pf.Reals((2,)), VectorQuantiser(4, 4))


@pytest.mark.parametrize("staged", [False, True], ids=["codec", "two stages"])
def test_a_codebook_larger_than_the_data_is_refused_before_the_first_step(staged: bool) -> None:
    x = torch.randint(2, (12, 1, 4, 4)).to(torch.uint8)
    data = pf.data.tensors(x, space=pf.Pixels(1, 4, 4, levels=2))  # some of them validate and test
    many = 4 * len(data.train)
    for codes in (many, many + 1):
        codec = VQVAE(data.space, VectorQuantiser(codes, 4), width=8, halvings=1, blocks=1)
        model = TwoStage(codec, MADE(codec.tokens, width=8)) if staged else codec
        if codes == many:
            pf.Training(model, data, pf.Recipe(2, 4))
        else:
            with pytest.raises(ValueError, match=rf"{codes} codewords .* {many} vectors"):
                pf.Training(model, data, pf.Recipe(2, 4))
