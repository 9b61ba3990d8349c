"""Collapse without a remedy, and none with one: the figures that the picture shows."""

import pytest
from test_vae import BITS

from pushforward.metrics.surgery import elbo_surgery
from pushforward.models.latent.lagging import AggressiveVAE
from pushforward.models.latent.vae import dense
from pushforward.pictures.gallery import drawing_called
from pushforward.pictures.posterior_collapse import COLLAPSED, rate_curve
from pushforward.pictures.shown import encoded
from pushforward.presets.collapse import FLOOR, LATENT, remedies


@pytest.mark.slow
def test_the_rate_goes_to_nothing_without_a_remedy_and_stays_where_it_is_asked():
    built = remedies(steps=400)
    curves = {name: rate_curve(built[name]) for name in ("none", "free bits", "delta")}
    assert curves["none"][-1][0] == 400
    assert curves["none"][-1][1] < COLLAPSED
    for name in ("free bits", "delta"):
        assert curves[name][-1][1] > FLOOR * LATENT
    collapsed, cured = (elbo_surgery(built[n].model, built[n].data.test) for n in ("none", "delta"))
    assert collapsed.collapsed
    assert not cured.collapsed


def test_delta_commits_its_rate_before_any_step():
    built = remedies(steps=1)["delta"]
    assert elbo_surgery(built.model, built.data.test.first(50)).rate > FLOOR * LATENT * 0.9


def test_the_picture_draws_a_curve_for_each_remedy():
    figure = drawing_called("posterior-collapse")(steps=2)
    labels = [line.get_label() for line in figure.axes[0].get_lines()]
    assert labels[: len(remedies(1))] == list(remedies(1))
    assert encoded(figure).startswith(b"\x89PNG")


def test_eager_inference_for_a_share_of_the_training():
    eager, rest = AggressiveVAE(*dense(BITS, 2, 8), turns=3, share=0.25).stages()
    assert (eager.share, rest.share) == (0.25, 0.75)
    assert [p.turns for p in eager.players] == [3, 1]
    assert [p.name for p in rest.players] == ["model"]
    assert len(AggressiveVAE(*dense(BITS, 2, 8)).stages()) == 1
    with pytest.raises(ValueError, match="share must be"):
        AggressiveVAE(*dense(BITS, 2, 8), share=0.0)
