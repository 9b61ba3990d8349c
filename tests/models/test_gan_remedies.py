"""InfoGAN, unrolled GAN, PacGAN and CycleGAN against torch's densities, differences and hand."""

import math

import numpy as np
import pytest
import torch
from torch import nn
from torch.distributions import Categorical, Normal

import pushforward as pf
from pushforward.models.adversarial.cycle_gan import CycleGAN, cycle_gan
from pushforward.models.adversarial.info_gan import InfoGAN, info_gan
from pushforward.models.adversarial.unrolled_gan import UnrolledGAN
from pushforward.nn.packed import Packed

SPACE = pf.Pixels(1, 8, 8, levels=17)
LINE = pf.Reals((4,))


class Reader(nn.Module):
    """Reads two kinds off the first numbers of x, surely, and one code off the last, by sigma."""

    def __init__(self, sigma=0.1, sure=50.0):
        super().__init__()
        self.sigma, self.sure = nn.Parameter(torch.tensor(sigma)), sure

    def forward(self, x):
        log_std = self.sigma.log().expand(len(x), 1)
        return torch.cat([self.sure * x[:, :3], x[:, 3:], log_std], 1)


class Teller(nn.Module):
    """x = (one-hot code, code + sigma noise), of latents (noise, one-hot code, code)."""

    def __init__(self, sigma=0.1):
        super().__init__()
        self.sigma = nn.Parameter(torch.tensor(sigma))

    def forward(self, z):
        return torch.cat([z[:, 1:4], z[:, 4:] + self.sigma * z[:, :1]], 1)


class TestInfoGAN:
    def model(self, sigma=0.1, **knobs):
        critic = nn.Linear(4, 1)
        networks = {"noise": 1, "kinds": (3,), "continuous": 1, **knobs}
        return InfoGAN(LINE, Teller(sigma), critic, Reader(sigma), **networks).double()

    def test_what_is_read_has_torchs_densities(self):
        model = info_gan().double()
        z = model.latents(6)
        x = torch.rand(6, 1, 8, 8, dtype=torch.float64) * 2 - 1
        out = model.recogniser(x)
        expected = Categorical(logits=out[:, :10]).log_prob(z[:, 7:17].argmax(1))
        normal = Normal(out[:, 10:12], out[:, 12:].clamp(-4, 2).exp())
        expected = expected + normal.log_prob(z[:, 17:]).sum(1)
        torch.testing.assert_close(model.readable(x, z), expected)

    def test_information_of_a_channel_with_noise_is_its_closed_form(self):
        """A kind that is surely read is worth log 3, a code through noise log 2 - h(noise)."""
        torch.manual_seed(0)
        sigma, n = 0.1, 20_000
        found = self.model(sigma).information(n)
        expected = math.log(3) + math.log(2) - 0.5 * math.log(2 * math.pi * math.e * sigma**2)
        assert abs(found.mean().item() - expected) < 5 * found.std().item() / n**0.5

    def test_latents_are_drawn_as_they_are_said_to_be(self):
        torch.manual_seed(0)
        z = info_gan().latents(20_000)
        hot, uniform = z[:, 7:17], z[:, 17:]
        assert torch.equal(hot.sum(1), torch.ones(20_000))
        assert (hot.mean(0) - 0.1).abs().max() < 5 * (0.09 / 20_000) ** 0.5
        assert uniform.abs().max() <= 1
        assert (uniform.var(0) - 1 / 3).abs().max() < 0.02

    def test_codes_of_ones_own_are_read_back(self):
        model = self.model()
        kinds, code = torch.tensor([[2], [0]]), torch.tensor([[0.5], [-0.25]])
        z = model.coded(2, kinds, code)
        z[:, 0] = 0  # no noise
        read, mean = model.codes(model.push(z))
        assert torch.equal(read, kinds)
        torch.testing.assert_close(mean, code.double())

    def test_the_generator_moves_together_with_its_reader_and_the_critic_alone(self):
        model = info_gan()
        players = {p.name: {id(q) for q in p.module.parameters()} for p in model.players()}
        read = {id(q) for q in model.recogniser.parameters()}
        assert read <= players["generator"]
        assert not read & players["critic"]

    @pytest.mark.parametrize(
        ("knobs", "words"),
        [
            ({"kinds": (), "continuous": 0}, "needs a code"),
            ({"kinds": (1,)}, "at least 2"),
            ({"weight": 0.0}, "lambda"),
        ],
    )
    def test_what_cannot_be_is_refused(self, knobs, words):
        with pytest.raises(ValueError, match=words):
            InfoGAN(SPACE, **knobs)
        with pytest.raises(ValueError, match=r"kinds must have shape \(2, 1\)"):
            self.model().coded(2, torch.zeros(3, 1, dtype=torch.long))


class TestUnrolled:
    def model(self, unrolled, seed=0):
        torch.manual_seed(seed)
        networks = nn.Linear(3, 2), nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1))
        return UnrolledGAN(
            pf.Reals((2,)), *networks, latent=3, unrolled=unrolled, rate=0.5
        ).double()

    def loss(self, model, x):
        torch.manual_seed(7)
        return sum(t.mean() for t in model.generator_loss(x).values())

    def test_without_steps_it_is_a_gan(self):
        model, x = self.model(0), torch.randn(6, 2, dtype=torch.float64)
        plain = pf.GAN(pf.Reals((2,)), model.generator, model.critic, latent=3).double()
        torch.testing.assert_close(self.loss(model, x), self.loss(plain, x))

    def test_the_answer_is_gradient_descent_on_the_critics_loss(self):
        model, x = self.model(3), torch.randn(6, 2, dtype=torch.float64)
        fake = torch.randn(6, 2, dtype=torch.float64)
        critic = nn.Sequential(nn.Linear(2, 5), nn.Tanh(), nn.Linear(5, 1)).double()
        critic.load_state_dict(model.critic.state_dict())
        descent = torch.optim.SGD(critic.parameters(), 0.5)
        for _ in range(3):
            descent.zero_grad()
            losses = nn.functional.softplus(-critic(x)), nn.functional.softplus(critic(fake))
            sum(term.mean() for term in losses).backward()
            descent.step()
        answered = model.answered(x, fake)
        for name, weight in critic.named_parameters():
            torch.testing.assert_close(answered[name], weight)
        for (_, mine), theirs in zip(
            model.critic.named_parameters(), self.model(3).critic.parameters()
        ):
            assert torch.equal(mine, theirs)  # the critic itself has not moved

    def test_the_generators_gradient_goes_through_the_answers(self):
        model, x = self.model(4), torch.randn(6, 2, dtype=torch.float64)
        weight = model.generator.weight
        (slope,) = torch.autograd.grad(self.loss(model, x), weight)
        numbers, step = torch.zeros_like(weight), 1e-6
        for index in np.ndindex(*weight.shape):
            ends = []
            for sign in (1, -1):
                with torch.no_grad():
                    weight[index] += sign * step
                    ends.append(self.loss(model, x).item())
                    weight[index] -= sign * step
            numbers[index] = (ends[0] - ends[1]) / (2 * step)
        torch.testing.assert_close(slope, numbers, rtol=1e-6, atol=1e-9)

    def test_refuses_rates_that_do_not_descend(self):
        with pytest.raises(ValueError, match="rate"):
            UnrolledGAN(LINE, rate=0.0)


class TestPacked:
    def test_scores_are_those_of_neighbours_together(self):
        net = nn.Linear(4, 1)
        x = torch.randn(6, 2)
        pairs = torch.stack([torch.cat([x[i], x[i + 1]]) for i in (0, 2, 4)])
        expected = net(pairs)[torch.tensor([0, 0, 1, 1, 2, 2])]
        torch.testing.assert_close(Packed(net, 2)(x), expected)

    def test_the_last_pack_is_filled_up_and_nothing_is_lost(self):
        net, x = nn.Conv2d(3, 1, 8), torch.randn(7, 1, 8, 8)
        found = Packed(net, 3)(x)
        assert found.shape == (7, 1)
        last = net(torch.cat([x[6], x[0], x[1]])[None]).reshape(())
        torch.testing.assert_close(found[6, 0], last)
        assert Packed(net, 3)(x[:0]).shape == (0, 1)

    def test_a_pack_of_one_is_the_critic(self):
        net, x = nn.Linear(2, 1), torch.randn(5, 2)
        assert torch.equal(Packed(net, 1)(x), net(x))


class Shift(nn.Module):
    """The floats moved in the space that tanh ends: tanh(atanh(x) + by)."""

    def __init__(self, by):
        super().__init__()
        self.by = nn.Parameter(torch.tensor(by, dtype=torch.float64))

    def forward(self, x):
        return x.clamp(-0.999, 0.999).atanh() + self.by


class TestCycleGAN:
    def batch(self, n=5):
        torch.manual_seed(0)
        return tuple(torch.randint(2, 15, (n, 1, 8, 8), dtype=torch.uint8) for _ in range(2))

    def test_terms_are_the_papers(self):
        forth, back = Shift(0.3), Shift(-0.1)
        critics = [nn.Sequential(nn.Flatten(), nn.Linear(64, 1)).double() for _ in range(2)]
        model = CycleGAN(SPACE, None, forth, back, tuple(critics), identity=5.0).double()
        x, source = self.batch()
        b, a = (t.double() / 8 - 1 for t in (x, source))
        there, again = (lambda v: (v.atanh() + 0.3).tanh()), (lambda v: (v.atanh() - 0.1).tanh())
        terms = model.translators_loss(x, source)
        mean = lambda v: v.abs().flatten(1).mean(1)  # noqa: E731
        cycle = 10 * (mean(again(there(a)) - a) + mean(there(again(b)) - b))
        torch.testing.assert_close(terms["cycle"], cycle)
        same = 5 * (mean(there(b) - b) + mean(again(a) - a))
        torch.testing.assert_close(terms["identity"], same)
        fooled = (critics[0](there(a))[:, 0] - 1) ** 2 / 2
        torch.testing.assert_close(terms["target_fake"], fooled)
        seen = model.critics_loss(x, source)
        torch.testing.assert_close(seen["source_real"], (critics[1](a)[:, 0] - 1) ** 2 / 2)
        torch.testing.assert_close(seen["source_fake"], critics[1](again(b))[:, 0] ** 2 / 2)

    def test_translating_there_and_back_by_inverses_changes_nothing(self):
        model = CycleGAN(SPACE, None, Shift(0.4), Shift(-0.4)).double()
        x, source = self.batch()
        assert model.translators_loss(x, source)["cycle"].max() < 1e-10
        there_and_back = model.back(model.sample(5, source)).int()
        assert (there_and_back - source.int()).abs().max() <= 1  # rounded between

    @pytest.mark.slow
    def test_digits_are_drawn_from_the_negatives_of_others(self):
        """It learns to invert, which nobody showed it: the right image is known here."""
        data = pf.data.find("unpaired?negative=True")
        model = CycleGAN(data.space, width=16)
        recipe = pf.Recipe(400, 32, pf.Adam(2e-3, betas=(0.5, 0.999)), validate_every=0)
        pf.fit(model, data, recipe, quiet=True)
        _, source = data.test.at(slice(0, 200))
        right = 16 - source.int()
        far = (model.sample(200, source).int() - right).abs().float().mean()
        unchanged = (source.int() - right).abs().float().mean()
        assert far < unchanged / 3

    def test_kinds_that_cannot_be_translated_are_refused(self):
        with pytest.raises(ValueError, match="same sides"):
            CycleGAN(SPACE, pf.Pixels(1, 16, 16))
        with pytest.raises(ValueError, match="identity must be 0"):
            CycleGAN(SPACE, pf.Pixels(3, 8, 8), identity=1.0)
        with pytest.raises(ValueError, match="told"):
            cycle_gan().sample(3)


class TestUnpaired:
    def test_images_stand_beside_others_of_no_relation(self):
        data = pf.data.find("unpaired?target=digits&source=digits&negative=True")
        digits = pf.data.digits()
        assert data.given == digits.space
        x, beside = data.test.at(slice(None))
        assert torch.equal(x, digits.test.at(slice(None))[0])
        mine = {bytes(image.numpy()) for image in 16 - beside}
        theirs = {bytes(image.numpy()) for image in x}
        assert mine == theirs
        assert (16 - beside == x).flatten(1).all(1).sum() < 10

    def test_other_sizes_and_no_images_are_refused(self):
        with pytest.raises(ValueError, match="same sides"):
            pf.data.unpaired("digits", "bars")
        with pytest.raises(ValueError, match="for images"):
            pf.data.unpaired("digits", "moons")
