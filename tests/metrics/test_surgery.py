"""ELBO surgery of any model with latents: exact posteriors, levels, and what has no density."""

from __future__ import annotations

import pytest
import torch

import pushforward as pf
from pushforward.core.catalogue import examples
from pushforward.metrics.surgery import elbo_surgery, level_rates
from pushforward.models.latent.ppca import PPCA


def test_an_exact_posterior_spends_its_rate_on_the_likelihood():
    """Of PPCA the ELBO of every draw is log p(x)."""
    torch.manual_seed(0)
    x = torch.randn(200, 5).double() @ torch.randn(5, 5).double()
    model = PPCA(5, 2).double().solve(x)
    cut = elbo_surgery(model, pf.Split((x,)))
    assert cut.elbo == pytest.approx(model.log_prob(x).mean().item(), rel=1e-9)
    assert cut.elbo == pytest.approx(cut.reconstruction - cut.information - cut.marginal_kl)
    assert (cut.active, cut.latent) == (2, 2)
    # PPCA's prior is what its posteriors add up to, where the model fits the data.
    assert abs(cut.marginal_kl) < 0.1 < 1 < cut.information
    assert f"rate (their sum)    {cut.rate:12.3f} nats" in str(cut)


def test_levels_add_up_to_the_bound():
    torch.manual_seed(0)
    model = examples()["ladder_vae"].build()
    x = pf.data.bars().test.tensors[0][:40]
    cut = level_rates(model, pf.Split((x,)), samples=50)
    assert cut.elbo == pytest.approx(cut.reconstruction - cut.rate)
    with torch.no_grad():
        assert cut.elbo == pytest.approx(model.eval().elbo(x, samples=50).mean().item(), abs=0.3)
    assert len(cut.rates) == len(model.sizes) == cut.record()["latent"]
    with pytest.raises(ValueError, match="GMM has no levels"):
        level_rates(pf.GMM(2), pf.Split((torch.zeros(3, 2),)))


def test_a_posterior_without_a_density_is_refused():
    x = pf.data.bars().test.tensors[0][:5]
    with pytest.raises(ValueError, match="posterior of AVB has no density"):
        elbo_surgery(examples()["avb"].build(), pf.Split((x,)))
