"""Averages by powers of time: against quadrature, and against the average that was kept itself."""

import json

import numpy as np
import pytest
import torch
from scipy.integrate import quad

import pushforward as pf
from pushforward.cli import main
from pushforward.core.checkpoint import read, weights
from pushforward.training import snapshots
from pushforward.training.ema import averages
from pushforward.training.profiles import (
    WIDEST,
    Profile,
    decay_at,
    distance,
    gamma_of,
    solve_weights,
)
from toys import Normal, duel, normal_data

STEPS = 60


def density(profile, tau):
    """Eq. 2 as it is written."""
    return (profile.gamma + 1) * tau**profile.gamma / profile.t ** (profile.gamma + 1)


def profiles(count, t=1000.0):
    return [Profile.of(s, t * (i + 1) / count) for i in range(count) for s in (0.05, 0.1)]


@pytest.mark.parametrize("sigma", [0.02, 0.05, 0.1, 0.2, WIDEST])
def test_a_profile_has_the_width_that_was_asked_for(sigma):
    profile = Profile.of(sigma, 7.0)
    mass, mean, square = (
        quad(lambda u, k=k: density(profile, u) * u**k, 0, 7)[0] for k in range(3)
    )
    assert mass == pytest.approx(1, rel=1e-9)
    assert (square - mean**2) ** 0.5 / 7 == pytest.approx(sigma, rel=1e-6)


@pytest.mark.parametrize(("one", "other"), [((0.05, 3.0), (0.1, 7.0)), ((0.2, 7.0), (0.03, 2.0))])
def test_inner_products_are_integrals(one, other):
    one, other = Profile.of(*one), Profile.of(*other)
    product = quad(lambda u: density(one, u) * density(other, u), 0, min(one.t, other.t))[0]
    assert one.inner(other) == pytest.approx(product, rel=1e-8)
    assert other.inner(one) == pytest.approx(product, rel=1e-8)


@pytest.mark.parametrize("sigma", [0.05, 0.1, 0.25])
def test_the_recursion_weighs_steps_by_the_profile(sigma):
    """What update tau contributes in the end is the integral of the profile over (tau - 1, tau)."""
    t = 12
    decays = [decay_at(gamma_of(sigma), k) for k in range(1, t + 1)]
    profile = Profile.of(sigma, float(t))
    for tau in range(1, t + 1):
        found = (1 - decays[tau - 1]) * np.prod(decays[tau:])
        share = quad(lambda u: density(profile, u), tau - 1, tau)[0]
        assert found == pytest.approx(share, rel=1e-8)


def test_the_average_kept_is_that_sum():
    model = Normal(1).double()
    kept = averages(model, pf.PowerAverages((0.1, WIDEST)))
    values = (3.0, -1.0, 4.0, 1.5, -9.0)
    for value in values:
        torch.nn.init.constant_(model.mean, value)
        for average in kept:
            average.update()
    assert kept[1].model.mean.item() == pytest.approx(np.mean(values), rel=1e-12)
    gamma = gamma_of(0.1)
    shares = [(k / 5) ** (gamma + 1) - ((k - 1) / 5) ** (gamma + 1) for k in range(1, 6)]
    assert kept[0].model.mean.item() == pytest.approx(np.dot(shares, values), rel=1e-12)


@pytest.mark.parametrize("sigma", [0.03, 0.075, 0.13, 0.2])
def test_the_distance_of_profiles_is_an_integral_and_falls_with_snapshots(sigma):
    found = []
    for count in (4, 8, 16):
        known, wanted = profiles(count), Profile.of(sigma, 1000.0)
        c = solve_weights(known, wanted)
        found.append(distance(known, c, wanted))
        assert c.sum() == pytest.approx(1, rel=1e-12)
    u = (np.arange(40_000) + 0.5) / 40  # midpoints
    mix = sum(w * density(p, u) * (u < p.t) for w, p in zip(c, known))
    norm = (density(wanted, u) ** 2).mean()
    assert found[-1] == pytest.approx(
        (((mix - density(wanted, u)) ** 2).mean() / norm) ** 0.5, rel=1e-3
    )
    assert found[2] < 0.5 * found[1] < 0.5 * found[0]


def test_least_squares_leave_a_profile_that_was_kept_as_it_is():
    known = profiles(8)
    c = solve_weights(known, known[-1])
    assert c[-1] == pytest.approx(1, abs=1e-6)
    assert np.abs(c[:-1]).max() < 1e-6


def regression():
    """A small network in float64, which learns to model a line of points."""
    torch.manual_seed(0)
    return pf.MADE(pf.Reals((2,)), width=8).double()


def line():
    x = torch.randn(256, 1, generator=torch.Generator().manual_seed(0)).double()
    split = pf.Split((torch.cat((x, torch.sin(2 * x)), 1),))
    return pf.Dataset("line", pf.Reals((2,)), split, split.first(64), split)


def recipe(kept, steps=STEPS):
    options = {"validate_every": 0, "report_every": steps, "save_every": steps}
    return pf.Recipe(steps, 32, pf.Adam(1e-2), ema=kept, **options)


def run(folder, kept, steps=STEPS, **options):
    return pf.fit(regression(), line(), recipe(kept, steps), folder, quiet=True, **options)


def apart(one, other):
    theirs = weights(other)
    return max(float((t - theirs[n]).detach().abs().max()) for n, t in weights(one).items())


@pytest.mark.slow
def test_an_average_that_nobody_kept_is_reconstructed_better_by_more_snapshots(tmp_path):
    truth = run(None, pf.PowerAverages((0.13,)))
    errors = []
    for count in (6, 30):
        nearest = run(tmp_path / str(count), pf.PowerAverages((0.05, 0.1), count))
        errors.append(apart(pf.averaged(tmp_path / str(count), 0.13), truth))
    assert errors[1] < 0.2 * errors[0]
    assert errors[1] < 0.01 * apart(nearest, truth)


def test_the_widths_that_were_kept_come_back(tmp_path):
    first = run(tmp_path, pf.PowerAverages((0.05, 0.1), 6))
    assert apart(pf.averaged(tmp_path, 0.05), first) < 1e-6
    assert apart(pf.load(tmp_path / "checkpoint.safetensors"), first) == 0
    earlier = pf.load(tmp_path / "snapshots" / f"step-{STEPS // 2:08d}.safetensors")
    assert apart(pf.averaged(tmp_path / "checkpoint.safetensors", 0.05, STEPS // 2), earlier) < 1e-6


def files(folder):
    return {path.name: read(path) for path in (folder / "snapshots").iterdir()}


def test_an_interrupted_run_leaves_the_same_snapshots(tmp_path):
    kept = pf.PowerAverages((0.05, 0.1), 5)
    whole = run(tmp_path / "whole", kept)
    training = pf.Training(regression(), line(), recipe(kept))
    for report in training:  # killed some time after it was saved
        if training.snapshot_due:
            training.snapshot(tmp_path / "half" / "snapshots")
        if report.step == 24:
            training.save(tmp_path / "half" / "checkpoint.safetensors")
        if report.step >= 48:
            break
    later = tmp_path / "half" / "snapshots" / "step-00000033.safetensors"
    later.write_bytes(b"of another life")
    again = run(tmp_path / "half", kept, resume=True)
    assert apart(whole, again) == 0
    one, other = files(tmp_path / "half"), files(tmp_path / "whole")
    assert sorted(one) == sorted(other)
    assert len(one) == 5
    for name, file in one.items():
        assert file.record == other[name].record
        assert all(torch.equal(t, other[name].tensors[k]) for k, t in file.tensors.items())


def test_snapshots_stay_few_where_a_training_goes_on(tmp_path):
    kept = pf.PowerAverages((0.1,), 2)
    run(tmp_path, kept, 10)
    for steps in (20, 40, 41, 42, 80):
        with pytest.warns(UserWarning, match="schedules go by these"):
            run(tmp_path, kept, steps, resume=True)
    steps = list(snapshots.found(tmp_path / "snapshots"))
    assert len(steps) <= 4
    assert steps[0] == 5
    assert steps[-1] == 80


@pytest.mark.slow
def test_the_shell_writes_a_checkpoint_like_any_other(tmp_path, capsys):
    model = pf.VectorRealNVP(2, couplings=2, width=8)
    pf.fit(model, pf.data.moons(), recipe(pf.PowerAverages(snapshots=8), 40), tmp_path, quiet=True)
    main(["average", str(tmp_path), "--sigma-rel", "0.13", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert told["step"] == 40
    assert 0 < told["distance"] < 0.05
    found = pf.load(told["checkpoint"])
    assert apart(found, pf.averaged(tmp_path, 0.13)) == 0
    with pytest.raises(SystemExit, match="--force"):
        main(["average", str(tmp_path), "--sigma-rel", "0.13"])
    with pytest.raises(SystemExit, match="of which width"):
        main(["average", str(tmp_path)])
    with pytest.raises(SystemExit, match="sigma_rel"):
        main(["average", str(tmp_path), "--sigma-rel", "0.4"])
    with pytest.raises(SystemExit, match="no snapshots"):
        main(["average", str(tmp_path / "elsewhere"), "--sigma-rel", "0.1"])
    main(["evaluate", told["checkpoint"], "--samples", "64"])
    assert "nats" in capsys.readouterr().out


def test_what_cannot_be_done_is_said(tmp_path):
    with pytest.raises(ValueError, match="sigma_rel"):
        pf.PowerAverages((0.3,))
    with pytest.raises(ValueError, match="all different"):
        pf.PowerAverages((0.1, 0.1))
    with pytest.raises(ValueError, match="snapshots"):
        pf.PowerAverages(snapshots=-1)
    with pytest.raises(ValueError, match="PowerAverages"):
        pf.Training(Normal(2), normal_data(), pf.Recipe(2, 8)).snapshot(tmp_path)
    run(tmp_path / "a", pf.PowerAverages((0.05, 0.1), 2), 10)
    with pytest.raises(ValueError, match="nearest: 5"):
        pf.averaged(tmp_path / "a", 0.1, step=6)
    with pytest.warns(UserWarning, match="more snapshots"):
        pf.averaged(tmp_path / "a", 0.02)
    with (
        pytest.raises(pf.CheckpointError, match="ema"),
    ):
        run(tmp_path / "a", pf.PowerAverages((0.1, 0.05), 2), 12, resume=True)
    other = tmp_path / "b"
    pf.fit(duel(), normal_data(), pf.Recipe(4, 8, ema=pf.PowerAverages((0.05, 0.1), 1)), other)
    (snapshot,) = (other / "snapshots").iterdir()
    snapshot.rename(tmp_path / "a" / "snapshots" / "step-00000004.safetensors")
    with pytest.raises(pf.CheckpointError, match="another training"):
        pf.averaged(tmp_path / "a", 0.1)
