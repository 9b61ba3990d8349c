"""What one watches beside the losses: right by hand, in the log, and without a trace in the run."""

import json

import pytest
import torch
from torch import nn

import pushforward as pf
from pushforward.models.adversarial.gan import critic_for, generator_for
from pushforward.nn.equalised import EqualisedLinear
from pushforward.nn.norms import largest_norm
from pushforward.probability.quantisation import VectorQuantiser


def gan(**knobs):
    space = pf.Reals((2,))
    networks = generator_for(space, 4, 16), critic_for(space, 16)
    return pf.GAN(space, *networks, latent=4, **knobs)


def test_a_gans_are_scores_slope_spread_and_the_largest_singular_value():
    torch.manual_seed(0)
    model, x = gan().double(), torch.randn(64, 2, dtype=torch.float64)
    torch.manual_seed(1)
    found = model.diagnostics(x)
    torch.manual_seed(1)
    fake = model.generator(torch.randn(64, 4, dtype=torch.float64))
    u = x.clone().requires_grad_()
    (slope,) = torch.autograd.grad(model.critic(u).sum(), u)
    weights = [p for p in model.critic.parameters() if p.dim() == 2]
    expected = {
        "D(real)": model.critic(x).mean(),
        "D(fake)": model.critic(fake).mean(),
        "slope": slope.norm(dim=1).mean(),
        "spread": (fake.var(0, unbiased=False).sum() / x.var(0, unbiased=False).sum()).sqrt(),
        "sigma": max(torch.linalg.svdvals(w).max() for w in weights).float(),
    }
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, msg=name, rtol=1e-5, atol=1e-7)


def test_layers_count_as_they_are_used():
    torch.manual_seed(0)
    layer = EqualisedLinear(400, 300)
    expected = torch.linalg.svdvals(layer.weight * (2 / 400) ** 0.5).max()
    torch.testing.assert_close(largest_norm(layer), expected)
    assert largest_norm(nn.ReLU()) == 0


def test_a_codebooks_are_its_use_and_its_perplexity():
    book = VectorQuantiser(8, 2)
    book.usage.copy_(torch.tensor([0.5, 0.25, 0.25, 0, 0, 0, 0, 0]))
    found = book.diagnostics()
    assert found["codes"] == 3 / 8
    torch.testing.assert_close(found["perplexity"], torch.tensor(2.0**1.5))


def test_reports_and_logs_hold_them_and_the_run_is_the_same_without(tmp_path, monkeypatch):
    def trained(out=None):
        torch.manual_seed(0)
        model, reports = gan(), []
        recipe = pf.Recipe(20, 32, report_every=5)
        pf.fit(model, pf.data.moons(), recipe, out=out, quiet=True, history=reports)
        return model, reports

    model, reports = trained(tmp_path)
    names = {"D(real)", "D(fake)", "slope", "spread", "sigma"}
    assert all(report.diagnostics.keys() == names for report in reports)
    lines = (tmp_path / "log.jsonl").read_text().splitlines()
    assert [json.loads(line)["diagnostics"] for line in lines] == [r.diagnostics for r in reports]
    monkeypatch.setattr(pf.GAN, "diagnostics", lambda self, *batch: {})
    blind, silent = trained()
    assert all(report.diagnostics == {} for report in silent)
    for mine, theirs in zip(model.parameters(), blind.parameters()):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize(
    ("found", "word"),
    [
        ({"spread": 0.01, "D(real)": 0.1, "D(fake)": 0.0}, "the generator has collapsed"),
        ({"spread": 1.0, "D(real)": 9.0, "D(fake)": -8.0}, "the critic has won"),
        ({"spread": 1.0, "D(real)": 9.0, "D(fake)": 2.0}, None),
    ],
)
def test_collapse_and_a_critic_that_has_won_are_told(found, word):
    told = gan().alarm(found)
    assert told is None if word is None else word in told


def test_a_wasserstein_critic_may_score_what_it_likes():
    assert (
        gan(objective=pf.Wasserstein()).alarm({"spread": 1.0, "D(real)": 90.0, "D(fake)": -90.0})
        is None
    )


def test_a_warning_tells_once_of_a_generator_that_draws_one_point():
    class Point(nn.Module):
        def __init__(self):
            super().__init__()
            self.at = nn.Parameter(torch.zeros(2))

        def forward(self, z):
            return self.at.expand(len(z), 2)

    space = pf.Reals((2,))
    model = pf.GAN(space, Point(), critic_for(space, 8), latent=2)
    with pytest.warns(UserWarning, match="has collapsed") as caught:
        pf.fit(model, pf.data.moons(), pf.Recipe(104, 16, report_every=2), quiet=True)
    assert len([w for w in caught if "collapsed" in str(w.message)]) == 1
