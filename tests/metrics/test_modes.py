import math

import pytest
import torch

from pushforward.metrics.mode_counts import modes, modes_of_classes

CENTRES = torch.cartesian_prod(*[torch.arange(-2.0, 3.0)] * 2) * 1.5


def near(which, n=5_000):
    torch.manual_seed(0)
    return CENTRES[which][torch.arange(n) % len(which)] + 0.15 * torch.randn(n, 2)


def test_data_cover_all_modes_within_three_standard_deviations():
    found = modes(near(list(range(25))), CENTRES, 3 * 0.15)
    assert (found.covered, found.of) == (25, 25)
    assert found.good == pytest.approx(1 - math.exp(-4.5), abs=0.005)  # Rayleigh
    assert found.kl_from_even == pytest.approx(0, abs=0.005)


def test_collapse_is_good_samples_of_few_modes():
    found = modes(near([0, 7, 12, 24]), CENTRES, 0.45)
    assert found.covered == 4
    assert found.good > 0.98
    assert found.kl_from_even == pytest.approx(math.log(25 / 4), abs=0.005)


def test_blur_covers_with_few_good_samples():
    torch.manual_seed(0)
    found = modes(7.5 * torch.rand(20_000, 2) - 3.75, CENTRES, 0.45)
    assert found.covered == 25
    assert found.good == pytest.approx(math.pi * 0.3**2, abs=0.01)  # of a cell of side 1.5


def test_a_stray_sample_covers_nothing():
    assert modes(torch.cat([near([3]), CENTRES]), CENTRES, 0.45).covered == 1


def test_what_cannot_be_counted_is_refused():
    for bad in ((torch.zeros(0, 2), 1.0), (torch.zeros(3, 3), 1.0), (torch.zeros(3, 2), 0.0)):
        with pytest.raises(ValueError, match="must be"):
            modes(bad[0], CENTRES, bad[1])


def test_classes_that_samples_are_taken_for_are_counted_as_points_are():
    torch.manual_seed(0)
    which = torch.randint(25, (5_000,))
    points = CENTRES[which] + 0.15 * torch.randn(5_000, 2)
    good = (points - CENTRES[which]).norm(dim=1) <= 0.45
    assert modes_of_classes(which, 25, good) == modes(points, CENTRES, 0.45)


@pytest.mark.parametrize(
    ("taken", "good", "word"),
    [
        (torch.tensor([0, 4]), None, "classes 0 .. 3"),
        (torch.tensor([-1, 2]), None, "classes 0 .. 3"),
        (torch.tensor([0.0, 1.0]), None, "integers"),
        (torch.empty(0).long(), None, "integers"),
        (torch.tensor([0, 1]), torch.ones(2), "bool"),
        (torch.tensor([0, 1]), torch.ones(3, dtype=torch.bool), "bool"),
    ],
)
def test_what_is_no_class_is_told(taken, good, word):
    with pytest.raises(ValueError, match=word):
        modes_of_classes(taken, 4, good)
