"""The adversary of a codec: its weight, its draws, who plays when."""

import math

import pytest
import torch
from torch import nn

import pushforward as pf
from pushforward.metrics.small_classifiers import digits_classifier
from pushforward.models.discrete.adversary import Adversary
from pushforward.models.discrete.code_pyramid import usual_priors
from pushforward.nn.fixed import fixed
from pushforward.nn.patch_critic import PatchCritic
from pushforward.objectives.adversarial import Hinge, NonSaturating, adaptive_weight, with_slope
from pushforward.probability.discretized import DiscretizedLogistic, DiscretizedLogisticHead
from pushforward.probability.discretized_gaussian import DiscretizedGaussianHead
from pushforward.probability.heads import BinaryHead, CategoricalHead
from pushforward.probability.logit_laplace import LogitLaplaceHead
from pushforward.probability.pathwise import pathwise
from pushforward.probability.quantisation import VectorQuantiser


def codec(space=None, adversary=None, **options):
    torch.manual_seed(0)
    space = space or pf.Pixels(1, 4, 4, levels=5)
    book = VectorQuantiser(8, 4)
    adversary = adversary or Adversary(PatchCritic(space.channels, 4, 1), start=0.0)
    return pf.VQVAE(space, book, 8, 1, 1, adversary=adversary, **options).double()


def images(model, n=6):
    return torch.randint(model.space.levels, (n, *model.space.shape), dtype=torch.uint8)


class TestAdaptiveWeight:
    def test_of_a_linear_decoder_by_hand(self):
        torch.manual_seed(0)
        x, h = torch.randn(7, 3).double(), torch.randn(7, 2).double()
        w, v = torch.randn(3, 2).double().requires_grad_(), torch.randn(3).double()
        made = h @ w.T
        found = adaptive_weight((made - x).square().sum(1), -(made @ v), w)
        pull = 2 * (made - x).T.detach() @ h / 7
        push = -torch.outer(v, h.mean(0))
        expected = (pull**2).sum().sqrt() / ((push**2).sum().sqrt() + 1e-6)
        assert found.item() == pytest.approx(expected.item(), rel=1e-12)
        assert not found.requires_grad

    def test_is_bounded_and_one_without_gradients(self):
        w = torch.ones(2).double().requires_grad_()
        big, small = (w * 1e6).sum()[None], (w * 1e-9).sum()[None]
        assert adaptive_weight(big, small, w).item() == 1e4
        with torch.no_grad():
            assert adaptive_weight((w * 3).sum()[None], (w * 2).sum()[None], w).item() == 1

    def test_a_slope_is_scaled_and_a_value_is_not(self):
        x = torch.tensor([2.0, -3.0], requires_grad=True)
        y = with_slope(x**2, torch.tensor(0.25))
        assert y.tolist() == [4.0, 9.0]
        y.sum().backward()
        assert x.grad.tolist() == [1.0, -1.5]


class TestPathwise:
    @pytest.mark.parametrize(
        ("head", "levels"),
        [
            (BinaryHead(), 2),
            (CategoricalHead(5), 5),
            (DiscretizedLogisticHead(7), 7),
            (DiscretizedGaussianHead(7, 0.6), 7),
            (LogitLaplaceHead(7), 7),
        ],
        ids=lambda v: type(v).__name__,
    )
    def test_draws_have_the_heads_probabilities(self, head, levels):
        torch.manual_seed(0)
        space, n = pf.Pixels(1, 1, 1, levels), 20_000
        given = head(torch.randn(head.outputs).double().expand(n, -1))
        drawn = pathwise(given, space)
        values = space.from_signed(drawn)
        torch.testing.assert_close(drawn, space.to_signed(values, torch.float64))
        every = torch.arange(levels).double()
        chances = torch.stack([given.log_prob(v.expand(n))[0].exp() for v in every])
        counts = torch.bincount(values.long(), minlength=levels)
        chi2 = ((counts - n * chances) ** 2 / (n * chances)).sum().item()
        assert chi2 < levels - 1 + 5 * (2 * (levels - 1)) ** 0.5

    def test_a_logistics_gradient_is_that_of_its_draw_where_it_is_not_clipped(self):
        torch.manual_seed(0)
        space = pf.Pixels(1, 1, 1, 256)
        loc = torch.linspace(-0.5, 0.5, 50).double().requires_grad_()
        scale = torch.full((50,), -4.0).double().requires_grad_()
        torch.manual_seed(1)
        pathwise(DiscretizedLogistic(loc, scale, 256), space).sum().backward()
        torch.manual_seed(1)
        u = torch.rand_like(loc.detach())
        torch.testing.assert_close(loc.grad, torch.ones_like(loc))
        torch.testing.assert_close(scale.grad, torch.exp(scale.detach()) * u.logit())

    def test_the_softest_uniform_number_makes_no_nan(self, monkeypatch):
        monkeypatch.setattr(torch, "rand_like", torch.zeros_like)
        loc = torch.zeros(3, requires_grad=True)
        scale = torch.zeros(3, requires_grad=True)
        drawn = pathwise(DiscretizedLogistic(loc, scale, 4), pf.Pixels(1, 1, 1, 4))
        drawn.sum().backward()
        assert drawn.tolist() == [-1, -1, -1]
        assert torch.isfinite(scale.grad).all()

    def test_other_distributions_are_refused(self):
        with pytest.raises(ValueError, match="a Normal has no draws"):
            pathwise(torch.distributions.Normal(0.0, 1.0), pf.Pixels(1, 1, 1))


class TestGame:
    def test_the_codecs_gradient_is_the_sum_of_its_parts(self):
        critic, features = PatchCritic(1, 4, 1), nn.Conv2d(1, 3, 3)
        adversary = Adversary(critic, features, weight=0.5, feature_weight=2.0, start=0.0)
        model = codec(adversary=adversary)
        x = images(model)
        mine = list(model.autoencoder.parameters())
        torch.manual_seed(1)
        total = sum(t.mean() for t in model.loss(x).values())
        found = torch.autograd.grad(total, mine)

        torch.manual_seed(1)
        z = model.features(x)
        described = model._describe(model.quantiser(z))
        real = model.space.to_signed(x, torch.float64)
        drawn = pathwise(model.head(described), model.space)
        nats = -model.head(described).log_prob(x.double()).sum((1, 2, 3)).mean()
        commitment = 0.25 * (z - model.quantiser(z).detach()).square().sum((1, 2, 3)).mean()
        apart = 2 * (features(drawn) - features(real)).square().sum((1, 2, 3)).mean()
        fooled = -critic(drawn).mean()
        last = model.autoencoder.decoder.leave.weight
        sizes = [
            torch.autograd.grad(part, last, retain_graph=True)[0].norm()
            for part in (nats + apart, fooled)
        ]
        weight = 0.5 * sizes[0] / (sizes[1] + 1e-6)
        expected = torch.autograd.grad(nats + apart + commitment + weight * fooled, mine)
        for a, b in zip(found, expected):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)

    def test_terms_are_told_with_and_without_gradients(self):
        model = codec()
        x = images(model)
        torch.manual_seed(1)
        terms = model.loss(x)
        with torch.no_grad():
            torch.manual_seed(1)
            held = model.loss(x)
        assert set(terms) == {"distortion", "commitment", "adversarial"}
        for name, term in terms.items():
            assert term.shape == (6,)
            torch.testing.assert_close(term.detach(), held[name])

    @pytest.mark.parametrize("loss", [Hinge(), NonSaturating()], ids=str)
    def test_the_critic_sees_data_and_draws(self, loss):
        model = codec(adversary=Adversary(PatchCritic(1, 4, 1), objective=loss, start=0.0))
        x = images(model)
        torch.manual_seed(1)
        found = model.critic_loss(x)
        torch.manual_seed(1)
        words = model.quantiser(model.features(x))
        drawn = pathwise(model.head(model._describe(words)), model.space)
        critic = model.adversary.critic
        real = critic(model.space.to_signed(x, torch.float64)).flatten(1)
        expected = loss.critic(real, critic(drawn).flatten(1))
        for name, term in expected.items():
            torch.testing.assert_close(found[name], term.mean(1))

    def test_the_critic_waits_for_its_start(self):
        model = codec(adversary=Adversary(PatchCritic(1, 4, 1), start=0.5))
        x = images(model)
        for progress, plays in ((0.49, False), (0.5, True)):
            model.progress.fill_(progress)
            assert any(t.abs().sum() > 0 for t in model.critic_loss(x).values()) is plays
            (slope,) = torch.autograd.grad(
                model.loss(x)["adversarial"].sum(), model.autoencoder.decoder.leave.weight
            )
            assert bool(slope.abs().sum() > 0) is plays

    def test_a_critic_may_give_one_number_for_an_image(self):
        critic = nn.Sequential(nn.Flatten(), nn.Linear(16, 1), nn.Flatten(0))
        model = codec(adversary=Adversary(critic, start=0.0))
        assert model.loss(images(model))["adversarial"].shape == (6,)
        assert all(t.shape == (6,) for t in model.critic_loss(images(model)).values())

    def test_players_and_stages(self):
        model = codec().float()
        assert [p.name for p in model.players()] == ["autoencoder", "codebook", "critic"]
        prior = pf.PixelSNAIL(pf.Tokens(model.grid, 8), 8, 1, 1)
        both = pf.TwoStage(model, prior)
        assert [len(stage.players) for stage in both.stages()] == [3, 1]
        both.space.check(both.sample(2))

    def test_without_an_adversary_nothing_is_drawn_and_no_critic_plays(self):
        model = pf.VQVAE(pf.Pixels(1, 4, 4, 5), VectorQuantiser(8, 4), 8, 1, 1)
        x, state = images(model), torch.get_rng_state()
        assert set(model.loss(x)) == {"distortion", "commitment"}
        assert torch.equal(state, torch.get_rng_state())
        assert [p.name for p in model.players()] == ["autoencoder", "codebook"]

    def test_a_named_extractor_goes_in_and_comes_back(self, tmp_path):
        seen = digits_classifier().network
        adversary = Adversary(PatchCritic(1, 4, 1), seen)
        space = pf.Pixels(1, 8, 8, levels=17)
        model = pf.VQVAE(space, VectorQuantiser(8, 4), 8, 1, 1, adversary=adversary, classes=2)
        assert not list(seen.parameters())
        x, y = images(model), torch.tensor([0, 1, 0, 1, 1, 0])
        pf.save(model, tmp_path / "codec.safetensors")
        again = pf.load(tmp_path / "codec.safetensors")
        for name in ("features", "adversarial"):
            torch.manual_seed(3)
            first = model.eval().loss(x, y)[name]
            torch.manual_seed(3)
            torch.testing.assert_close(first, again.loss(x, y)[name])

    def test_bad_settings(self):
        critic = PatchCritic(1, 4, 1)
        for options, message in (
            ({"start": 1.0}, "start must be a share of training"),
            ({"weight": -1.0}, "weight must be a number of at least 0"),
            ({"feature_weight": float("inf")}, "feature_weight must be a number"),
        ):
            with pytest.raises(ValueError, match=message):
                Adversary(critic, **options)
        for network, message in (
            (PatchCritic(3, 4, 1), "critic does not take images of Pixels"),
            (nn.Flatten(0), r"critic must give a row for each of 2 images, not \(32,\)"),
        ):
            with pytest.raises(ValueError, match=message):
                codec(adversary=Adversary(network))
        with pytest.raises(ValueError, match="features does not take images"):
            codec(adversary=Adversary(critic, nn.Linear(3, 2)))
        with pytest.raises(ValueError, match="halvings must be"):
            PatchCritic(1, 4, 0)


SPACE = pf.Pixels(1, 4, 4, levels=5)


def other_codec(name, **options):
    torch.manual_seed(0)
    if name == "DVAE":
        return pf.DVAE(SPACE, 8, 8, 1, 1, **options).double()
    books = VectorQuantiser(8, 4), VectorQuantiser(6, 3)
    return pf.VQVAE2(SPACE, books, 8, (1, 1), 1, **options).double()


def by_hand(model, x):
    """The head's parameters, and what the codec minimises beside distortion, (batch,)."""
    if isinstance(model, pf.DVAE):
        logits = model.logits(x)
        z = model.relaxation(logits, model.temperature.end)
        log_q = logits.log_softmax(-1)
        return model._describe(z), (log_q.exp() * (log_q + math.log(8))).sum((1, 2))
    seen = list(model._seen(x))
    apart = [(z - e.detach()).square().sum((1, 2, 3)) for z, e in seen]
    return model._describe([e for _, e in seen]), 0.25 * sum(apart)


@pytest.mark.parametrize("name", ["VQVAE2", "DVAE"])
class TestOtherCodecs:
    def test_play_the_same_game(self, name):
        critic, features = PatchCritic(1, 4, 1), nn.Conv2d(1, 3, 3)
        adversary = Adversary(critic, features, weight=0.5, feature_weight=2.0, start=0.0)
        model = other_codec(name, adversary=adversary)
        x = images(model)
        played = model.players()
        mine = list(played[0].module.parameters())
        torch.manual_seed(1)
        terms = model.loss(x)
        assert {"distortion", "features", "adversarial"} < set(terms)
        found = torch.autograd.grad(sum(t.mean() for t in terms.values()), mine)

        torch.manual_seed(1)
        described, beside = by_hand(model, x)
        real = model.space.to_signed(x, torch.float64)
        drawn = pathwise(model.head(described), model.space)
        nats = -model.head(described).log_prob(x.double()).sum((1, 2, 3)).mean()
        apart = 2 * (features(drawn) - features(real)).square().sum((1, 2, 3)).mean()
        fooled = -critic(drawn).mean()
        last = (model.decoder if name == "DVAE" else model.levels.decoder).leave.weight
        sizes = [
            torch.autograd.grad(part, last, retain_graph=True)[0].norm()
            for part in (nats + apart, fooled)
        ]
        weight = 0.5 * sizes[0] / (sizes[1] + 1e-6)
        expected = torch.autograd.grad(nats + apart + beside.mean() + weight * fooled, mine)
        for a, b in zip(found, expected):
            torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-12)

        torch.manual_seed(1)
        told = model.critic_loss(x)
        torch.manual_seed(1)
        again = pathwise(model.head(by_hand(model, x)[0]), model.space)
        wanted = Hinge().critic(critic(real).flatten(1), critic(again).flatten(1))
        for term, value in wanted.items():
            torch.testing.assert_close(told[term], value.mean(1))

    def test_the_critic_is_a_player_of_its_own_and_priors_follow(self, name):
        model = other_codec(name, adversary=Adversary(PatchCritic(1, 4, 1), start=0.0)).float()
        first, *_, last = model.players()
        assert (first.name, last.name) == ("autoencoder", "critic")
        assert not {*map(id, first.module.parameters())} & {*map(id, last.module.parameters())}
        owned = {id(p) for q in model.players() for p in q.module.parameters()}
        assert owned == {id(p) for p in model.parameters()}
        if name == "DVAE":
            both = pf.TwoStage(model, pf.MADE(model.tokens, width=8))
        else:
            both = pf.CodePyramid(model, usual_priors(model, 8, 1))
        assert len(both.stages()[0].players) == len(model.players())
        both.space.check(both.sample(2))

    def test_without_one_it_is_what_it_was(self, name):
        model = other_codec(name)
        assert model.adversary is None
        assert "critic" not in [p.name for p in model.players()]
        assert not {"features", "adversarial"} & set(model.loss(images(model)))


def test_an_adversary_needs_draws_of_codes_that_a_gradient_passes_through():
    with pytest.raises(ValueError, match="take Relaxed"):
        other_codec("DVAE", adversary=Adversary(PatchCritic(1, 4, 1)), relaxation=pf.GumbelRao())


def test_fixed_networks_have_no_parameters_and_stay_tied():
    net = nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Linear(2, 2))
    net[2].weight = net[0].weight
    x = torch.randn(3, 2)
    expected = net.eval()(x)
    names = set(net.state_dict())
    held = fixed(net.train())
    assert not list(held.parameters())
    assert not held.training
    assert set(held.state_dict()) == names
    assert held[0].weight is held[2].weight
    assert torch.equal(held(x), expected)
