"""The playground's functions against what is known in closed form, and its command."""

import math
import socket
import sys

import numpy as np
import pytest
import torch

import pushforward as pf
from pushforward_course.cli import main
from pushforward_course.commands import playing
from pushforward_course.playground import (
    bounds,
    codes,
    diffusions,
    divergences,
    flows,
    games,
    pixels,
)
from pushforward_course.playground.panels import framed

TABS = (divergences, bounds, flows, games, codes, diffusions, pixels)


def test_a_tab_says_what_to_try_and_what_to_see():
    assert len({tab.TITLE for tab in TABS}) == len(TABS)
    for tab in TABS:
        assert "*Try*" in tab.LEAD
        assert "*See*" in tab.LEAD


@pytest.mark.parametrize(("distance", "weight"), [(0.0, 0.5), (3.0, 0.3), (9.0, 0.8)])
def test_the_forward_fit_has_the_moments_of_the_mixture(distance, weight):
    found = divergences.fits(distance, weight, 0.5, 1).forward
    assert found.mean == pytest.approx(distance * (0.5 - weight), abs=1e-6)
    variance = divergences.SCALE**2 + weight * (1 - weight) * distance**2
    assert found.std**2 == pytest.approx(variance, rel=1e-6)


def test_the_reverse_fit_takes_the_bump_where_it_began():
    for start, side, share in ((2.0, 4.0, 0.7), (-2.0, -4.0, 0.3)):
        found = divergences.fits(8.0, 0.3, start)
        assert found.reverse.mean == pytest.approx(side, abs=0.1)
        assert found.reverse.reverse == pytest.approx(-math.log(share), abs=0.02)
        assert found.forward.forward < found.reverse.forward
        assert f"{found.reverse.mean:.2f}" in divergences.told(found)


def test_one_bump_is_fitted_by_either_direction():
    found = divergences.fits(0.0, 0.5, 1.0)
    assert found.forward.forward == pytest.approx(0, abs=1e-6)
    assert found.reverse.reverse < 0.01


def test_the_curve_of_the_bound_adds_up_to_the_elbo():
    found = bounds.learned(bounds.MIDDLE, 0.5, True, 20)
    assert [step for step, *_ in found.curve] == list(range(21))
    model, x = found.run.model, found.run.data.test.tensors[0]
    surgery = bounds.surgery(found.run, 200)
    with torch.no_grad():
        drawn = model.elbo(x, samples=200).mean().item()
    assert surgery.reconstruction - surgery.rate == pytest.approx(drawn, abs=0.1)
    images, copied = bounds.copies(found.run)
    assert images.shape == copied.shape == (8, 1, 4, 4)
    assert len(images.unique(dim=0)) == 8


@pytest.mark.slow
def test_what_the_tab_says_of_collapse_is_so():
    """By surgery on test data: what a rate is spent on, for four knobs of the tab."""
    weak, strong, heavy, light = (
        bounds.surgery(bounds.learned(decoder, weight).run, 64)
        for decoder, weight in (
            (bounds.WEAK, 1.0),
            (bounds.STRONG, 1.0),
            (bounds.WEAK, 8.0),
            (bounds.STRONG, 0.25),
        )
    )
    assert strong.rate < 1 < weak.rate
    assert heavy.rate < 0.1
    assert light.rate > 2
    assert strong.elbo > weak.elbo


def test_all_layers_are_the_flow_and_each_moves_one_coordinate():
    run = flows.learned(3, steps=2)
    z = torch.randn(50, 2)
    torch.testing.assert_close(flows.warped(run.model, z, 0), z)
    torch.testing.assert_close(flows.warped(run.model, z, 3), run.model.push(z))
    for layer in range(3):
        step = flows.warped(run.model, z, layer + 1) - flows.warped(run.model, z, layer)
        assert sorted(step.abs().amax(0).gt(1e-4).tolist()) == [False, True]


def test_a_flow_learns_within_the_steps_of_the_tab():
    learned, before = flows.learned(2, steps=80), flows.learned(2, steps=0)
    data = learned.data.train.tensors[0].double()
    gaussian = torch.distributions.MultivariateNormal(*pf.theory.moment_matching(data))
    one = -gaussian.log_prob(learned.data.test.tensors[0].double()).mean().item()
    assert flows.nats(learned) < one < flows.nats(before)


def test_a_game_in_parts_is_the_game_at_once():
    at_once, parts = games.Game().play(12), games.Game()
    for steps in (1, 1, 10):
        parts.play(steps)
    assert at_once.taken == parts.taken == 12
    torch.testing.assert_close(at_once.draws(), parts.draws())
    assert [step for step, _ in parts.covered] == [0, 1, 2, 12]
    assert len(games.panels(parts)) == 2


@pytest.mark.parametrize("loss", games.LOSSES)
def test_every_loss_moves_the_draws(loss):
    game = games.Game(loss)
    before = game.draws()
    assert (game.play(2).draws() - before).abs().max() > 1e-4


def test_cells_are_those_of_the_nearest_codeword():
    from scipy.cluster.vq import vq

    run = codes.learned(16, True, 40, "pinwheel")
    x, book = run.data.test.tensors[0], run.model.quantiser.codebook
    names, apart = vq(x.double().numpy(), book.detach().double().numpy())
    assert codes.used(run).tolist() == np.bincount(names, minlength=16).tolist()
    assert codes.error(run) == pytest.approx((apart**2).mean(), rel=1e-4)
    assert run.model.sample(10).shape == (10, 2)


def test_only_restarts_bring_dead_codewords_back():
    without, restarted = (codes.learned(32, restarts, 120) for restarts in (False, True))
    assert (codes.used(without) > 0).sum() < 8
    assert (codes.used(restarted) > 0).sum() > 24
    assert codes.error(restarted) < 0.2 * codes.error(without)
    start = codes.learned(32, False, 0).model.quantiser.codebook
    dead = codes.used(without) == 0
    moved = (without.model.quantiser.codebook - start)[dead].norm(dim=1)
    assert (moved < 1e-5).sum() > 20


@pytest.mark.parametrize("sigma", [0.1, 1.0, 5.0])
def test_the_exact_field_is_the_slope_of_the_noisy_density(sigma):
    known = diffusions.exact()
    scale = (known.std**2 + sigma**2) ** 0.5
    means = tuple(tuple(mean) for mean in known.means.tolist())
    noisy = pf.FixedMixture(means, (scale,) * len(means)).double()
    x = (3 * torch.randn(20, 2)).double().requires_grad_()
    (slope,) = torch.autograd.grad(noisy.log_prob(x).sum(), x)
    found = diffusions.score(known, x.detach(), sigma)
    torch.testing.assert_close(found, slope, atol=1e-4, rtol=1e-4)


def test_a_watched_walk_is_the_samplers_own():
    for solver, asked in (("Euler (DDIM)", 6), ("Heun", 11), ("DPM-Solver++ (2M)", 6)):
        found = diffusions.walk(diffusions.EXACT, solver, 6, 50)
        assert found.evaluations == asked
        torch.manual_seed(0)
        noise = diffusions.MOST * torch.randn(50, 2, dtype=torch.float64)
        plain = diffusions.sampler(solver, 6)(diffusions.exact(), noise)
        torch.testing.assert_close(found.ends, plain)
        assert found.path.shape == (asked + 1, 50, 2)


def test_more_steps_come_nearer_to_the_data():
    few, many = (diffusions.walk(diffusions.EXACT, "Euler (DDIM)", n) for n in (3, 25))
    assert diffusions.distance(many) < 0.5 * diffusions.distance(few)


def test_the_chances_of_pixels_multiply_to_what_the_model_says():
    found = pixels.written(3, 1.0, steps=20)
    each = torch.where(found.ink == 1, found.chance, 1 - found.chance).log().sum(1)
    assert pixels.nats(found, 3, 20) == pytest.approx(-each.mean().item(), rel=1e-4)
    assert pixels.written(3, 1.0, 1, 20).ink.ne(found.ink).any()


def test_temperature_divides_the_logits():
    """The first pixel depends on nothing before it: its probability is known at each heat."""
    warm, cold = (pixels.written(3, heat, steps=20).chance[0, 0] for heat in (1.0, 0.5))
    assert cold.logit() == pytest.approx(2 * warm.logit().item(), rel=1e-3)


def test_every_tab_draws():
    drawn = [
        *divergences.panels(divergences.fits(3.0, 0.3, 0.5, 1)),
        *bounds.panels(bounds.learned(bounds.MIDDLE, 0.5, True, 20)),
        *flows.panels(flows.learned(3, steps=2), 2),
        *codes.panels(codes.learned(32, False, 0)),
        *diffusions.panels(diffusions.EXACT, "ancestral", 2, 0.5),
        *pixels.panels(pixels.written(3, 1.0, steps=20), 3, 64, 20),
    ]
    assert len(drawn) == 16
    assert 'alt="densities"' in framed(drawn[0])


def test_what_is_wrong_with_playing_is_told(monkeypatch):
    monkeypatch.setattr(playing, "find_spec", lambda name: name)  # as if marimo were there
    with pytest.raises(SystemExit, match="a port is a number"):
        main(["play", "--port", "99999"])
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SystemExit, match=r"not free.*--port"):
            main(["play", "--port", str(taken.getsockname()[1])])
    monkeypatch.setattr(playing, "find_spec", lambda name: None)
    with pytest.raises(SystemExit, match=r"pushforward\[course\]"):
        main(["play"])


def test_without_a_browser_the_address_is_told(monkeypatch, capsys):
    monkeypatch.setattr(playing, "answers", lambda address, alive: True)
    monkeypatch.setattr(playing.webbrowser, "open", lambda address: False)
    playing._announced(None, "http://127.0.0.1:1/", browser=True)
    told = capsys.readouterr().out
    assert "http://127.0.0.1:1/   (Ctrl-C" in told
    assert "open http://127.0.0.1:1/ in one yourself" in told
    playing._announced(None, "http://127.0.0.1:1/", browser=False)
    assert "yourself" not in capsys.readouterr().out


def test_a_server_that_died_is_not_waited_for():
    assert playing.command(1)[0] == sys.executable
    assert not playing.answers("http://127.0.0.1:9/", lambda: False)
