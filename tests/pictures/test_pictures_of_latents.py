"""Pictures of EM and of gradient estimators: what they show is what was computed."""

import pytest

from pushforward.pictures.gallery import drawing_called
from pushforward.pictures.gradient_variance import variances
from pushforward.pictures.rate_distortion import curve, swept
from pushforward.pictures.shown import encoded
from pushforward.theory.gradient_estimators import normal


@pytest.mark.parametrize("name", ["em-iterations", "k-means-iterations"])
def test_iterations_lower_what_is_written_over_the_panels(name):
    figure = drawing_called(name)(points=60)
    said = [axis.get_title() for axis in figure.axes]
    counts, values = zip(*((line.split()[0], line.rstrip(" nats").split()[-1]) for line in said))
    assert counts == ("0", "1", "2", "5", "10", "40")
    assert list(map(float, values)) == sorted(map(float, values), reverse=True)
    assert float(values[-1]) < 0.8 * float(values[0])
    assert encoded(figure).startswith(b"\x89PNG")


def test_a_pictured_variance_is_the_closed_form():
    import torch

    phi = torch.tensor([1.0, -0.5], dtype=torch.float64)
    _, _, path = variances(normal, phi, 40_000)
    scale = phi[1].exp().square().item()
    assert path == pytest.approx(4 * scale + 4 * scale * (1 + 2 * scale), rel=0.05)


def test_gradient_picture_draws():
    figure = drawing_called("gradient-variance")(draws=200)
    score, _, path = (line.get_ydata() for line in figure.axes[0].lines)
    assert (score > path).all()
    assert score[-1] > 3 * path[-1]


@pytest.mark.parametrize(
    ("name", "knob"),
    [
        ("em-iterations", "components"),
        ("k-means-iterations", "points"),
        ("gradient-variance", "draws"),
    ],
)
def test_bad_knobs(name, knob):
    with pytest.raises(ValueError, match=f"{knob} must be|clusters must be"):
        drawing_called(name)(**{knob: 0})


def test_rate_distortion_sweeps_beta():
    found = swept((0.1, 8.0), steps=30)
    assert found[0.1].rate > found[8.0].rate
    (axis,) = curve(found).axes
    rates, distortions = axis.lines[0].get_data()
    assert list(rates) == sorted(s.rate for s in found.values())
    assert {round(d, 6) for d in distortions} == {round(s.distortion, 6) for s in found.values()}
    with pytest.raises(ValueError, match="one weight or more"):
        swept((), 5)
