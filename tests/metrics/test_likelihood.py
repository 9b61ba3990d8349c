import math

import pytest
import scipy.stats
import torch

import pushforward as pf
from toys import Normal, duel, normal_data


def test_nats_of_a_normal_are_its_cross_entropy():
    data = normal_data(n=50_000)
    measured = pf.metrics.nats(Normal(2).double(), data.train)
    entropy = 2 * (0.5 * math.log(2 * math.pi) + (4 + 1) / 2)  # x ~ N(1, 2^2) under N(0, 1)
    assert abs(measured.value - entropy) < 4 * measured.stderr
    assert measured.kind == pf.core.likelihood.EXACT
    bits = pf.metrics.bits_per_dim(Normal(2).double(), data.train)
    assert bits.value == pytest.approx(measured.value / (2 * math.log(2)))
    assert "bits/dim (exact, 50000 examples)" in str(bits)


def test_the_standard_error_is_scipys():
    data, model = normal_data(), Normal(2).double()
    each = -model.log_prob(data.test.tensors[0].double()).detach().numpy()
    measured = pf.metrics.nats(model, data.test)
    assert measured.value == pytest.approx(each.mean())
    assert measured.stderr == pytest.approx(scipy.stats.sem(each))
    bits = pf.metrics.bits_per_dim(model, data.test)
    assert bits.stderr == pytest.approx(scipy.stats.sem(each) / (2 * math.log(2)))


def test_batches_do_not_matter_and_the_callers_state_stays():
    data, model = normal_data(), Normal(2)
    torch.manual_seed(1)
    expected = torch.rand(1)
    torch.manual_seed(1)
    values = [pf.metrics.nats(model, data.test, size=size).nats for size in (7, 512)]
    assert values[0] == pytest.approx(values[1], rel=1e-6)
    assert torch.equal(torch.rand(1), expected)


def test_no_likelihood_is_said():
    with pytest.raises(ValueError, match="Duel has no likelihood"):
        pf.metrics.nats(duel(), normal_data().test)
    with pytest.raises(ValueError, match="no importance weights"):
        pf.metrics.nats(Normal(2), normal_data().test, k=5)


def test_an_estimate_that_no_integers_can_have_is_warned_of():
    class Sharp(pf.FlowMatching):
        def estimated_log_prob(self, x, *conditions, steps=25, probes=None):
            return x.new_ones(len(x), dtype=torch.float32)

    data = pf.data.digits()
    network = torch.nn.Conv2d(1, 1, 1)
    network.forward = lambda x, t: x
    model = Sharp(data.space, network)
    with pytest.warns(UserWarning, match=r"below 0, which no probability.*steps=200"):
        pf.metrics.nats(model, data.test, examples=4)
