"""Autoregressive decoders: normalised given z; the collapse and its cure."""

import pytest
import torch
from test_vae import BITS

import pushforward as pf
from pushforward.metrics.surgery import elbo_surgery
from pushforward.models.autoregressive.made import MADE
from pushforward.models.latent.ar_decoder import with_autoregressive_decoder
from pushforward.objectives.variational import ELBO
from pushforward.probability.autoregressive_decoder import AutoregressiveDecoder


def every(space):
    top = torch.arange(space.levels)
    return torch.cartesian_prod(*[top] * space.dims).to(torch.uint8).view(-1, *space.shape)


def test_decoder_sums_to_one_and_samples_what_it_says():
    torch.manual_seed(0)
    space = pf.Pixels(1, 1, 3, levels=3)
    decoder = AutoregressiveDecoder(MADE(space, width=8, context=2)).double()
    with torch.no_grad():
        for p in decoder.parameters():
            p.mul_(3)
    z = torch.randn(1, 2, dtype=torch.float64)
    x = every(space)
    chances = decoder(z).log_prob(x).exp()
    assert chances.sum().item() == pytest.approx(1)
    drawn = decoder(z.expand(20_000, 2)).sample()
    space.check(drawn)
    index = (drawn.flatten(1).long() * torch.tensor([9, 3, 1])).sum(1)
    seen = index.bincount(minlength=27) / 20_000
    assert (seen - chances.detach()).abs().max() < 0.015
    assert decoder(z[None].expand(4, 5, 2)).log_prob(x[:5]).shape == (4, 5)
    assert decoder(z.expand(2, 2)).sample((3,)).shape == (3, 2, 1, 1, 3)
    space.check(decoder(z).mode)


def test_blindness_is_for_training_alone():
    decoder = AutoregressiveDecoder(MADE(BITS, width=8, context=2, blind=1.0))
    z, x = torch.randn(1, 2), torch.randint(2, (1, 1, 4, 4), dtype=torch.uint8)
    made = decoder.train().density
    inside = made.net(made.head.encode(x.flatten(1)) * 0, z)
    assert torch.allclose(decoder(z).log_prob(x), made.head.log_prob(inside, x.flatten(1)).sum(1))
    assert not torch.allclose(decoder.eval()(z).log_prob(x), decoder.train()(z).log_prob(x))


def trained(objective):
    torch.manual_seed(0)
    model = with_autoregressive_decoder(BITS, 4, 64, objective)
    data = pf.data.find("bars")
    pf.fit(model, data, pf.Recipe(400, 128, pf.Adam(5e-3), validate_every=0), quiet=True)
    return elbo_surgery(model, data.test)


def test_collapse_without_a_remedy_and_none_with_free_bits():
    assert trained(ELBO()).rate < 0.5
    cured = trained(ELBO(free_bits=0.5))
    assert cured.rate > 4 * 0.5 * 0.9
    assert cured.information > 0.5


def test_bad_probability():
    with pytest.raises(ValueError, match="blind must be"):
        MADE(BITS, context=2, blind=1.5)
