from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
import torch

from pushforward.metrics.bootstrap import bootstrap_mean, interval_of, paired_difference
from pushforward.metrics.frechet import frechet_distance
from pushforward.metrics.measurement import Measurement


def values(n: int = 200, seed: int = 0) -> torch.Tensor:
    return torch.rand(n, generator=torch.Generator().manual_seed(seed)).double() ** 3


def test_equals_scipy():
    x = values()
    theirs = scipy.stats.bootstrap(
        (x.numpy(),), np.mean, n_resamples=5000, method="percentile", rng=np.random.default_rng(0)
    ).confidence_interval
    ours = bootstrap_mean(x, draws=5000)
    width = theirs.high - theirs.low
    assert ours.low == pytest.approx(theirs.low, abs=0.06 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.06 * width)
    assert bootstrap_mean(x) == bootstrap_mean(x)


def test_it_holds_the_truth_as_often_as_it_says():
    found = [bootstrap_mean(values(100, seed), 0.8, draws=300) for seed in range(150)]
    share = sum(low <= 0.25 <= high for low, high, *_ in found) / 150
    assert abs(share - 0.8) < 0.1


def test_pairs_are_narrower():
    x = values()
    y = x + 0.01 + 0.02 * values(seed=1)
    low, high, *_ = paired_difference(y, x)
    assert 0.01 < low < 0.015 < high < 0.02
    alone = bootstrap_mean(x)
    assert high - low < 0.1 * (alone.high - alone.low)


def test_a_bootstrap_of_the_frechet_distance_would_lie():
    """The mean over resamples stands far outside of what other samples give."""
    torch.manual_seed(0)
    known = torch.randn(4000, 20)
    x = torch.randn(200, 20)
    found = frechet_distance(x, known).value
    again = [frechet_distance(x[torch.randint(200, (200,))], known).value for _ in range(20)]
    fresh = [frechet_distance(torch.randn(200, 20), known).value for _ in range(20)]
    assert min(again) > found
    assert min(again) > max(fresh)


def test_normal_intervals_and_refusals():
    low, high, *_ = interval_of(Measurement("FID", 3.0, 0.5))
    assert (high - low) / 2 == pytest.approx(1.959964 * 0.5, rel=1e-6)
    assert interval_of(Measurement("FID", 3.0)) is None
    assert str(bootstrap_mean(torch.ones(3))) == "95% interval 1 to 1 by bootstrap"
    for bad in (torch.ones(1), torch.tensor([1.0, math.nan])):
        with pytest.raises(ValueError, match="2 or more finite"):
            bootstrap_mean(bad)
    with pytest.raises(ValueError, match="not 3 and 2"):
        paired_difference(torch.ones(3), torch.ones(2))
    with pytest.raises(ValueError, match="level"):
        bootstrap_mean(torch.ones(3), 1.0)
