from __future__ import annotations

import pytest
import scipy.stats
import torch

from pushforward.probability.priors import StandardLogistic, StandardNormal


@pytest.mark.parametrize(
    ("prior", "oracle"),
    [(StandardNormal((3,)), scipy.stats.norm), (StandardLogistic((3,)), scipy.stats.logistic)],
)
def test_density_and_samples(prior, oracle):
    torch.manual_seed(0)
    prior.double()
    x = prior.sample(5000)
    expected = torch.from_numpy(oracle.logpdf(x.numpy())).sum(1)
    torch.testing.assert_close(prior.log_prob(x), expected)
    torch.testing.assert_close(prior.distribution.log_prob(x), expected)
    assert scipy.stats.kstest(x[:, 0].numpy(), oracle.cdf).pvalue > 1e-3
