"""Modes, lazy players, stages with settings of their own, and what a later stage may not own."""

import pytest
import torch
from torch import nn

import pushforward as pf
from pushforward.models.latent.vae import TwoStageVAE, dense
from pushforward.training.loop import Training
from toys import Duel, normal_data

MOONS = pf.data.moons()


def test_a_frozen_teacher_keeps_its_statistics():
    """Batch normalisation of the teacher does not drift while the student learns."""
    torch.manual_seed(0)
    model = pf.Distillation(pf.MAF(2, 3, 16, normalised=True), pf.IAF(2, 2, 16))
    before = None
    for report in Training(model, MOONS, pf.Recipe(60, 64, report_every=1)):
        if report.stage == "distil":
            now = model.teacher.state_dict()
            if before is not None:
                changed = [n for n in now if not torch.equal(now[n], before[n])]
                assert changed == []
            before = {n: t.clone() for n, t in now.items()}
    assert before is not None


def test_only_players_train_and_only_while_they_play():
    seen: list[tuple[str, bool, bool]] = []

    class Watched(Duel):
        def critic_loss(self, x):
            seen.append(("critic", self.critic.training, self.watcher.training))
            return super().critic_loss(x)

    torch.manual_seed(0)
    model = Watched(pf.MLP(2, 1, width=8), pf.MLP(2, 2, width=8))
    model.watcher = nn.BatchNorm1d(2)  # belongs to no player
    training = Training(model, normal_data(), pf.Recipe(4, 32, report_every=2, validate_every=0))
    for _ in training:
        assert not any(m.training for m in model.modules())
        model.train()  # and whoever leaves it so does no harm
    assert seen
    assert {(critic, watcher) for _, critic, watcher in seen} == {(True, False)}
    for _ in Training(model, normal_data(), pf.Recipe(4, 32, report_every=1)):
        break
    assert not any(m.training for m in model.modules())


def test_a_lazy_player_moves_in_each_kth_step():
    class Lazy(Duel):
        def players(self):
            critic, generator = super().players()
            lazy = pf.Player("regulariser", self.critic, self.critic_loss, every=3)
            return critic, lazy, generator

    torch.manual_seed(0)
    model = Lazy(pf.MLP(2, 1, width=8), pf.MLP(2, 2, width=8))
    reports = list(Training(model, normal_data(), pf.Recipe(7, 32, report_every=1)))
    played = ["regulariser/gap" in report.terms for report in reports]
    assert played == [True, False, False, True, False, False, True]
    with pytest.raises(ValueError, match="every of player 'p' must be a whole number"):
        pf.Player("p", model, model.critic_loss, every=0)


def test_stages_have_batch_sizes_and_rates_of_their_own():
    sizes: dict[str, set[int]] = {}

    class Growing(pf.Density):
        def __init__(self):
            super().__init__(pf.Reals((2,)))
            self.mean = nn.Parameter(torch.zeros(2))

        def log_prob(self, x):
            return torch.distributions.Normal(self.mean, 1.0).log_prob(x).sum(1)

        def sample(self, n):
            return self.mean + torch.randn(n, 2)

        def stages(self):
            def watched(name):
                def loss(x):
                    sizes.setdefault(name, set()).add(len(x))
                    return self.loss(x)

                return pf.Stage(name, (pf.Player("model", self, loss),))

            return watched("small"), watched("large")

    recipe = pf.Recipe(
        4,
        32,
        pf.SGD(1e-3),
        batch_sizes={"large": 8},
        rates={"large": 1e-1},
        validate_every=0,
        report_every=1,
    )
    training, rates = Training(Growing(), normal_data(), recipe), []
    for _ in training:
        rates.append(training.movers[0].optimizer.param_groups[0]["lr"])
    assert sizes == {"small": {32}, "large": {8}}
    assert rates == [1e-3, 1e-3, 1e-1, 1e-1]
    with pytest.raises(ValueError, match="no stage is called 'middle'; there are"):
        Training(Growing(), normal_data(), pf.Recipe(4, 32, batch_sizes={"middle": 8}))
    with pytest.raises(ValueError, match="a batch of 9999 is larger"):
        list(Training(Growing(), normal_data(), pf.Recipe(4, 32, batch_sizes={"large": 9999})))
    with pytest.raises(ValueError, match="the learning rate of stage 'large' must be a positive"):
        pf.Recipe(rates={"large": 0.0})


def test_a_later_stage_must_not_own_a_part_of_the_first():
    space = pf.Pixels(1, 2, 4, levels=2)
    encoder, decoder = dense(space, latent=2, width=8)
    with pytest.raises(ValueError, match="must not own a part of it, and shares"):
        TwoStageVAE(encoder, decoder, pf.VampPrior(encoder, 4))
    pf.VAE(encoder, decoder, pf.VampPrior(encoder, 4))  # together they may


def test_many_data_are_drawn_in_parts(monkeypatch):
    """However many are asked for, the model is never asked for more than fit at a time."""
    asked: list[int] = []
    monkeypatch.setattr("pushforward.core.contract.NUMBERS", 64 * 10)
    torch.manual_seed(0)
    model = pf.RealNVP(pf.Pixels(1, 8, 8), 1, 1, width=4, blocks=1).eval()
    push = type(model.flow).push
    monkeypatch.setattr(
        type(model.flow), "push", lambda self, z: (asked.append(len(z)), push(self, z))[1]
    )
    torch.manual_seed(1)
    whole = model.sample(37)
    assert asked == [10, 10, 10, 7]
    assert whole.shape == (37, 1, 8, 8)
    for size in (10, 4, 1):
        torch.manual_seed(1)
        parts = list(model.draws(37, size=size))
        assert max(map(len, parts)) <= size
        assert (torch.cat(parts) == whole).double().mean() > 0.999  # up to rounding at a bin's edge
