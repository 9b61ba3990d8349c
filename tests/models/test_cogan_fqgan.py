"""CoGAN and FQ-GAN: what is shared, what is quantised, and who moves what."""

from __future__ import annotations

import pytest
import torch

import pushforward as pf
from pushforward.models.adversarial.co_gan import CoGAN, co_gan
from pushforward.models.adversarial.fq_gan import FQGAN, fq_gan
from pushforward.models.adversarial.gan import spread
from pushforward.nn.quantised_features import EarlyCritic, halves_for
from pushforward.objectives.adversarial import Hinge
from pushforward.probability.quantisation import VectorQuantiser

SPACE = pf.Pixels(1, 8, 8, levels=17)


def digits(n: int, channels: int = 1) -> torch.Tensor:
    return torch.randint(17, (n, channels, 8, 8)).to(torch.uint8)


class TestCoupled:
    def test_kinds_differ_by_their_heads_alone(self):
        torch.manual_seed(0)
        model = co_gan()
        first, second = model.generator.heads
        second.load_state_dict(first.state_dict())
        pair = model.sample(5)
        assert torch.equal(pair[:, :1], pair[:, 1:])

    def test_losses_are_sums_of_the_games_of_the_kinds(self):
        torch.manual_seed(0)
        model = CoGAN(pf.Pixels(2, 8, 8, 17), latent=4, width=4, objective=Hinge())
        x = digits(6, 2)
        torch.manual_seed(1)
        terms = model.critic_loss(x)
        torch.manual_seed(1)
        fake, real = model.fake(6), model.floats(x)
        for name, sign, floats in (("real", -1, real), ("fake", 1, fake)):
            total = 0
            for kind, eye in enumerate(model.critic.eyes):
                score = model.critic.verdict(eye(floats[:, kind : kind + 1]))[:, 0]
                total = total + (1 + sign * score).relu()
            torch.testing.assert_close(terms[name], total)

    def test_noise_is_not_forgotten_on_the_way_to_the_image(self):
        """Of what the untrained generator paints, most depends on the noise."""
        torch.manual_seed(0)
        fakes = CoGAN(pf.Pixels(2, 28, 28), width=8).generator(torch.randn(64, 64))
        assert spread(fakes) > 0.7 * fakes.square().flatten(1).sum(1).mean().sqrt()

    def test_a_kinds_critic_does_not_see_the_other(self):
        model = co_gan()
        x = torch.rand(3, 2, 8, 8)
        changed = x.clone()
        changed[:, 1] = 0
        before, after = model.each(x), model.each(changed)
        assert torch.equal(before[0], after[0])
        assert not torch.equal(before[1], after[1])

    def test_joined_data_hold_both_kinds_unpaired(self):
        data = pf.data.find("unpaired?negative=True&joined=True")
        beside = pf.data.find("unpaired?negative=True")
        assert data.space == pf.Pixels(2, 8, 8, 17)
        assert data.given is None
        x, y = beside.train.tensors
        assert torch.equal(data.train.tensors[0], torch.cat([x, y], 1))

    @pytest.mark.parametrize(
        ("space", "kinds", "word"),
        [
            (pf.Pixels(3, 8, 8), 2, "one after another"),
            (pf.Pixels(2, 7, 8), 2, "even"),
            (pf.Pixels(2, 8, 8), 1, "kinds"),
            (pf.Reals((2,)), 2, "images"),
        ],
    )
    def test_what_holds_no_kinds_is_told(self, space, kinds, word):
        with pytest.raises(ValueError, match=word):
            CoGAN(space, kinds=kinds)


class TestQuantised:
    def test_scores_are_those_of_words_and_gradients_pass_straight_through(self):
        torch.manual_seed(0)
        model = fq_gan().double().eval()
        x = torch.randn(3, 1, 8, 8, dtype=torch.float64, requires_grad=True)
        h = model.critic.early(x)
        book = model.quantiser.codebook
        places = h.movedim(1, -1)
        nearest = torch.cdist(places.reshape(-1, 8), book).argmin(1)
        words = book[nearest].view_as(places).movedim(-1, 1)
        torch.testing.assert_close(model.scores(x), model.critic.late(words)[:, 0])
        # As if q were the identity: the slope of late at the words, through early at x.
        at = words.detach().requires_grad_()
        (slope,) = torch.autograd.grad(model.critic.late(at).sum(), at)
        (expected,) = torch.autograd.grad(h, x, slope)
        (found,) = torch.autograd.grad(model.scores(x).sum(), x)
        torch.testing.assert_close(found, expected)

    def test_the_dictionary_moves_to_the_means_of_data_and_fakes(self):
        torch.manual_seed(0)
        quantiser = VectorQuantiser(4, 8, decay=0.0, restart=0.0)
        model = FQGAN(SPACE, quantiser=quantiser, latent=4, width=8).eval()
        x = digits(16)
        torch.manual_seed(1)
        fake = model.fake(16)
        h = torch.cat([model.features(f) for f in (model.floats(x), fake)]).reshape(-1, 8).detach()
        chosen = quantiser.nearest(h)
        torch.manual_seed(1)
        said = model.move_dictionary(x)
        assert said.keys() == {"quantisation", "perplexity", "restarts"}
        used = chosen.unique()
        for word in used.tolist():
            torch.testing.assert_close(
                quantiser.codebook[word], h[chosen == word].mean(0), rtol=1e-2, atol=1e-3
            )

    def test_players_move_their_own_and_commitment_only_the_critic(self):
        model = fq_gan()
        names = [player.name for player in model.players()]
        assert names == ["critic", "generator", "dictionary"]
        terms = model.critic_loss(digits(4))
        assert set(terms) == {"real", "fake", "commitment"}
        terms["commitment"].sum().backward()
        assert all(p.grad is None for p in model.generator.parameters())
        assert model.quantiser.codebook.grad is None
        assert any(p.grad is not None for p in model.critic.early.parameters())

    def test_labels_are_told_to_both(self):
        model = FQGAN(SPACE, latent=4, width=8, quantiser=VectorQuantiser(8, 8), classes=10)
        assert model.given == pf.Labels(10)
        assert model.sample(3, torch.tensor([0, 1, 2])).shape == (3, 1, 8, 8)

    def test_words_of_another_length_are_refused(self):
        with pytest.raises(ValueError, match="words of 5 numbers"):
            FQGAN(SPACE, quantiser=VectorQuantiser(8, 5), width=8)
        with pytest.raises(ValueError, match="images"):
            FQGAN(pf.Reals((2,)))

    @pytest.mark.parametrize("side", [4, 8, 28, 64])
    def test_halves_serve_all_sizes(self, side):
        halves = halves_for((3, side, side), 4)
        assert halves(torch.zeros(2, 3, side, side)).shape == (2, 1)
        assert EarlyCritic((3, side, side), 4)(torch.zeros(2, 3, side, side)).shape[2] == side // 2
