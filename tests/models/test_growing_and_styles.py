"""PGGAN, StyleGAN and StyleGAN2 against closed forms, scipy, and convolutions image by image."""

import numpy as np
import pytest
import torch
from scipy.signal import upfirdn
from torch.nn import functional as F

import pushforward as pf
from pushforward.nn.equalised import EqualisedConv, EqualisedLinear, MinibatchDeviation, PixelNorm
from pushforward.nn.progressive import ProgressiveCritic, ProgressiveGenerator
from pushforward.nn.style import Mapping, blurred, doubled, halved
from pushforward.nn.stylegan import AdaIN, StyleGANGenerator
from pushforward.nn.stylegan2 import ModulatedConv, SkipGenerator
from pushforward.objectives.penalties import R1

SPACE = pf.Pixels(3, 16, 16, levels=256)
SMALL = {"width": 4, "most": 8}
STYLES = {**SMALL, "style": 6, "mapping": 2}


@pytest.fixture(autouse=True)
def _double():
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(before)


def pixels(n, space=SPACE):
    return torch.randint(0, space.levels, (n, *space.shape), dtype=torch.uint8)


class TestLayers:
    def test_equalised_outputs_have_the_variance_of_he_and_weights_are_normal(self):
        layer = EqualisedLinear(400, 500)
        y = layer(torch.randn(300, 400))
        assert y.square().mean().item() == pytest.approx(2, rel=0.02)
        assert layer.weight.std().item() == pytest.approx(1, rel=0.02)

    @pytest.mark.parametrize("rate", [1.0, 0.01])
    def test_adams_first_step_moves_what_is_used_by_its_rate(self, rate):
        layer = EqualisedConv(5, 7, 3, rate=rate)
        optimiser, before = torch.optim.Adam(layer.parameters(), 1e-3), layer.matrix.detach()
        layer(torch.randn(4, 5, 6, 6)).square().sum().backward()
        optimiser.step()
        moved = (layer.matrix - before).abs()
        expected = torch.full_like(moved, 1e-3 * rate * (2 / 45) ** 0.5)
        torch.testing.assert_close(moved, expected, rtol=1e-4, atol=0)

    def test_pixel_norm_is_torchs_normalise_times_the_root_of_the_channels(self):
        x = torch.randn(3, 5, 4, 4)
        expected = F.normalize(x, dim=1) * 5**0.5
        torch.testing.assert_close(PixelNorm()(x), expected, rtol=1e-6, atol=1e-6)

    @pytest.mark.parametrize(("n", "group"), [(8, 4), (6, 3), (5, 1), (7, 1), (2, 2)])
    def test_deviation_over_a_group_is_numpys(self, n, group):
        x = torch.randn(n, 3, 4, 5)
        found = MinibatchDeviation()(x)
        assert found.shape == (n, 4, 4, 5)
        for i in range(n // group):
            mine = np.std(x[i :: n // group].numpy(), axis=0).mean()
            assert found[i, 3].min().item() == pytest.approx(max(mine, 1e-4), abs=1e-6)
            assert found[i, 3].max() == found[i, 3].min()

    def test_filters_are_scipys_away_from_the_border(self):
        x = torch.randn(1, 1, 12, 12)
        taps = np.array([1.0, 3.0, 3.0, 1.0])

        def both(image, up, down, kernel):
            rows = upfirdn(kernel, image, up, down, axis=0)
            return upfirdn(kernel, rows, up, down, axis=1)

        image = x[0, 0].numpy()
        grown = both(image, 2, 1, taps / 4)[1:25, 1:25]
        np.testing.assert_allclose(doubled(x)[0, 0].numpy()[2:-2, 2:-2], grown[2:-2, 2:-2])
        shrunk = both(image, 1, 2, taps / 8)[1:, 1:]
        np.testing.assert_allclose(halved(x)[0, 0].numpy()[1:5, 1:5], shrunk[1:5, 1:5])
        smooth = both(image, 1, 1, np.array([1.0, 2.0, 1.0]) / 4)[1:-1, 1:-1]
        np.testing.assert_allclose(blurred(x)[0, 0].numpy(), smooth, atol=1e-15)


class TestGrowth:
    def test_a_fade_begins_at_the_smaller_network_and_ends_at_the_larger(self):
        net, z = ProgressiveGenerator(5, SPACE.shape, **SMALL), torch.randn(3, 5)
        critic = ProgressiveCritic(SPACE.shape, **SMALL)
        for level in (1, 2):
            small, large = net(z, None, level - 1), net(z, None, level)
            begun = net(z, None, level, 0.0)
            assert torch.equal(begun, small.repeat_interleave(2, 2).repeat_interleave(2, 3))
            assert torch.equal(net(z, None, level, 1.0), large)
            half = net(z, None, level, 0.5)
            torch.testing.assert_close(half, (begun + large) / 2)
            # The critic of the larger size at alpha = 0 is that of the smaller one.
            x = torch.randn(4, *large.shape[1:])
            means = x.unflatten(2, (-1, 2)).unflatten(4, (-1, 2)).mean((3, 5))
            torch.testing.assert_close(critic(x, None, 0.0), critic(means))

    @pytest.mark.parametrize("kind", [pf.PGGAN, pf.StyleGAN])
    def test_stages_play_at_their_sizes_and_the_next_begins_where_one_ended(self, kind):
        torch.set_default_dtype(torch.float32)
        space = pf.Pixels(1, 16, 16, levels=256)
        model = kind(space, 4, **(SMALL if kind is pf.PGGAN else STYLES))
        x = pixels(64, space)
        data = pf.Dataset("noise", space, pf.Split((x,)), pf.Split((x[:8],)), pf.Split((x[:8],)))
        recipe = pf.Recipe(30, 8, pf.Adam(1e-3, betas=(0.0, 0.99)), report_every=1)
        depths, looks = [], {}
        z = torch.randn(2, 4)
        for report in pf.Training(model, data, recipe):
            depths.append(round(model.growth.depth.item(), 6))
            looks[report.step] = (report.stage, model.push(z))
        stages = [stage for stage, _ in looks.values()]
        assert list(dict.fromkeys(stages)) == ["4x4", "8x8", "16x16"]
        ends = [max(step for step, (s, _) in looks.items() if s == stage) for stage in set(stages)]
        assert sorted(depths) == depths
        assert depths[-1] == 2
        assert {depths[end - 1] for end in ends} == {0, 1, 2}
        start = stages.index("8x8")
        assert depths[start] == 0  # alpha is 0: what is shown has the places of the smaller size
        shown = looks[start + 1][1].unflatten(2, (4, 4)).unflatten(4, (4, 4))
        assert (shown == shown[:, :, :, :1, :, :1]).all()

    def test_the_critic_sees_means_over_places_faded_as_images_are(self):
        model = pf.PGGAN(SPACE, 4, **SMALL)
        x = pixels(3)
        floats = x.double() / 255 * 2 - 1
        eight = floats.unflatten(2, (8, 2)).unflatten(4, (8, 2)).mean((3, 5))
        four = floats.unflatten(2, (4, 4)).unflatten(4, (4, 4)).mean((3, 5))
        model.growth.depth.fill_(0.25)
        coarse = four.repeat_interleave(2, 2).repeat_interleave(2, 3)
        torch.testing.assert_close(model.double().floats(x), 0.75 * coarse + 0.25 * eight)
        (seen,) = model.stages()[1].view(x)
        torch.testing.assert_close(seen, eight)
        torch.testing.assert_close(model.floats(seen), 0.75 * coarse + 0.25 * eight)

    @pytest.mark.parametrize("kind", [pf.PGGAN, pf.StyleGAN, pf.StyleGAN2])
    def test_sizes_and_spaces_that_cannot_be_made_are_refused(self, kind):
        with pytest.raises(ValueError, match="halved evenly"):
            kind(pf.Pixels(1, 18, 18))
        with pytest.raises(ValueError, match="for images"):
            kind(pf.Reals((2,)))
        with pytest.raises(ValueError, match="latent"):
            kind(SPACE, latent=0)

    def test_a_critic_names_the_sizes_it_knows(self):
        with pytest.raises(ValueError, match=r"\(4, 4\), \(8, 8\), \(16, 16\)"):
            ProgressiveCritic(SPACE.shape, **SMALL)(torch.zeros(1, 3, 12, 12))


class TestStyles:
    def test_adain_gives_every_channel_the_deviation_and_mean_of_its_style(self):
        adain, w = AdaIN(4, 6), torch.randn(3, 6)
        y = adain(torch.randn(3, 4, 5, 5) * 7 + 2, w)
        scale, shift = F.linear(w, adain.affine.weight / 6**0.5).chunk(2, 1)
        torch.testing.assert_close(y.mean((2, 3)), shift)
        torch.testing.assert_close(y.std((2, 3), unbiased=False), (1 + scale).abs())

    @pytest.mark.parametrize("demodulate", [True, False])
    def test_modulation_is_a_convolution_with_weights_of_each_images_own(self, demodulate):
        conv = ModulatedConv(4, 5, 3, 6, demodulate)
        h, w = torch.randn(3, 4, 8, 8), torch.randn(3, 6)
        found = conv(h, w)
        for i in range(3):
            s = conv.affine.weight @ w[i] / 6**0.5 + 1
            weight = conv.weight * s[:, None, None] / (4 * 9) ** 0.5
            if demodulate:
                weight = weight / (weight.square().sum((1, 2, 3), keepdim=True) + 1e-8).sqrt()
            torch.testing.assert_close(found[i], F.conv2d(h[i], weight, padding=1))

    def test_the_mapping_forgets_how_long_the_noise_is(self):
        mapping, z = Mapping(5, 6, 3), torch.randn(4, 5)
        torch.testing.assert_close(mapping(z), mapping(7 * z), rtol=1e-6, atol=1e-8)

    @pytest.mark.parametrize("kind", [pf.StyleGAN, pf.StyleGAN2])
    def test_mixed_layers_change_what_comes_after_them_alone(self, kind):
        model = kind(SPACE, 4, **STYLES).double()
        a, b = (model.styles(model.latents(2)) for _ in range(2))
        assert torch.equal(model.mixed(a, b, model.generator.layers), model.generator.each(a))
        assert torch.equal(model.mixed(a, b, 0), model.generator.each(b))
        mixed = model.mixed(a, b, 2)
        assert torch.equal(mixed[:, 1], a)
        assert torch.equal(mixed[:, 2], b)
        floats = model.generator.draw(mixed, True)
        mine, other = (model.generator.draw(model.generator.each(w), True) for w in (a, b))
        assert not torch.allclose(floats, mine)
        assert not torch.allclose(floats, other)
        with pytest.raises(ValueError, match=r"layer must be in 0 \.\. 6"):
            model.mixed(a, b, 7)

    @pytest.mark.parametrize("kind", [pf.StyleGAN, pf.StyleGAN2])
    def test_truncation_draws_styles_to_the_mean_that_training_followed(self, kind):
        model = kind(SPACE, 4, **STYLES).double()
        generator, z = model.generator.train(), torch.randn(5, 4)
        w = model.styles(z)
        for _ in range(3):
            generator(z)
        torch.testing.assert_close(generator.mean, (1 - 0.995**3) * w.mean(0).detach())
        model.eval()
        torch.testing.assert_close(model.truncated(w, 0.25), 0.75 * generator.mean + 0.25 * w)
        assert torch.equal(model.truncated(w, 1.0), w)
        for wrong in (0, -1, 1.5, float("nan")):
            with pytest.raises(ValueError, match=r"in \(0, 1\]"):
                model.sample(2, truncation=wrong)

    @pytest.mark.parametrize("net", [StyleGANGenerator, SkipGenerator])
    def test_an_image_is_a_function_of_its_noise_where_nobody_learns(self, net):
        generator, z = net(4, SPACE.shape, **STYLES).eval(), torch.randn(2, 4)
        with torch.no_grad():
            for name, parameter in generator.named_parameters():
                if name.endswith("strength"):
                    parameter.fill_(0.5)
        assert torch.equal(generator(z), generator(z))
        torch.testing.assert_close(generator(z)[:1], generator(z[:1]))
        styles = generator.each(generator.styles(z))
        assert not torch.allclose(generator.draw(styles, False), generator.draw(styles, False))

    def test_mixing_takes_two_styles_as_often_as_it_says(self):
        net = StyleGANGenerator(4, (1, 16, 16), **STYLES, mixing=0.7).train()
        styles = net.each(net.styles(torch.randn(4_000, 4)))
        differs = (net._mixed(styles, None) != styles).any(2)
        share, error = differs[:, -1].double().mean().item(), (0.7 * 0.3 / 4_000) ** 0.5
        assert abs(share - 0.7) < 5 * error
        assert not differs[:, 0].any()  # the first layer keeps the style
        assert (differs[:, 1:] >= differs[:, :-1]).all()  # from one layer on, all are the other's


class TestPaths:
    def test_lengths_are_those_of_the_jacobian(self):
        model = pf.StyleGAN2(pf.Pixels(1, 8, 8), 4, **STYLES).double()
        each = model.generator.each(model.styles(torch.randn(3, 4))).detach()
        torch.manual_seed(5)
        y = torch.randn(3, 1, 8, 8) / 8
        jacobian = torch.autograd.functional.jacobian(
            lambda w: model.generator.draw(w, True).sum(0), each
        )
        expected = [
            torch.einsum("chw,chwls->ls", y[i], jacobian[:, :, :, i]).square().sum(1).mean().sqrt()
            for i in range(3)
        ]
        torch.manual_seed(5)
        found = model.path_lengths(each)
        torch.testing.assert_close(found, torch.stack(expected))

    def test_the_mean_length_is_followed_while_learning_alone(self):
        model = pf.StyleGAN2(pf.Pixels(1, 8, 8), 4, **STYLES).double().eval()
        x = pixels(8, model.space)
        model.path_loss(x)
        assert model.generator.length == 0
        model.generator.train()
        torch.manual_seed(2)
        term = model.path_loss(x)["paths"].item()
        torch.manual_seed(2)
        lengths = model.path_lengths(model.styles(model.latents(4))).detach()
        mean = lengths.mean()  # the first lengths are where it begins
        torch.testing.assert_close(model.generator.length, mean)
        assert term == pytest.approx(2 * 4 * (lengths - mean).square().mean().item())
        torch.manual_seed(3)
        model.path_loss(x)
        torch.manual_seed(3)
        more = model.path_lengths(model.styles(model.latents(4))).detach().mean()
        torch.testing.assert_close(model.generator.length, 0.99 * mean + 0.01 * more)

    @pytest.mark.parametrize("kind", [pf.StyleGAN, pf.StyleGAN2])
    def test_the_lazy_penalty_is_so_many_times_r1(self, kind):
        model = kind(SPACE, 4, **STYLES, gamma=3.0).double()
        slope = next(p for p in model.players() if p.name == "slope")
        assert slope.every == 16
        assert slope.module is model.critic
        x = pixels(4)
        expected = R1(3.0)(model.scores, model.floats(x), model.floats(x))
        torch.testing.assert_close(slope.loss(x)["r1"], 16 * expected)


class TestSharedOptimiser:
    def test_players_of_one_module_move_it_by_one_optimiser(self):
        class Two(pf.Generative):
            def __init__(self):
                super().__init__(pf.Reals((3,)))
                self.net = torch.nn.Linear(3, 1)

            def sample(self, n):
                return torch.zeros(n, 3)

            def players(self):
                main = pf.Player("main", self.net, lambda x: {"a": self.net(x).square()})
                size = lambda x: {"b": 9 * self.net.weight.square().sum()}  # noqa: E731
                return main, pf.Player("lazy", self.net, size, every=3)

        torch.manual_seed(1)
        model, x = Two(), torch.ones(1, 3)
        net = torch.nn.Linear(3, 1)
        net.load_state_dict(model.net.state_dict())
        data = pf.Dataset("ones", model.space, pf.Split((x,)), pf.Split((x,)), pf.Split((x,)))
        steps, recipe = 7, pf.Recipe(7, 1, pf.Adam(1e-2), validate_every=0)
        for _ in pf.Training(model, data, recipe):
            pass
        optimiser = torch.optim.Adam(net.parameters(), 1e-2)
        for step in range(steps):
            losses = [lambda: net(x).square().mean(), lambda: 9 * net.weight.square().sum()]
            for loss in losses if step % 3 == 0 else losses[:1]:
                optimiser.zero_grad()
                loss().backward()
                optimiser.step()
        torch.testing.assert_close(model.net.weight, net.weight)
        torch.testing.assert_close(model.net.bias, net.bias)


def test_padding_grows_from_4_to_32_and_is_cut_off_again() -> None:
    model = pf.PGGAN(pf.Pixels(1, 28, 28), latent=8, width=4, most=8, padding=2)
    assert [stage.name for stage in model.stages()] == ["4x4", "8x8", "16x16", "32x32"]
    x = torch.randint(256, (5, 1, 28, 28)).to(torch.uint8)
    (seen,) = model.stages()[-1].view(x)
    edge = model.space.to_signed(x, model.dtype)[:, :, 0, 0]
    assert seen.shape == (5, 1, 32, 32)
    assert torch.equal(seen[:, :, 0, 0], edge)  # the border goes on
    assert torch.equal(model.full(seen), x)
    assert model.sample(3).shape == (3, 1, 28, 28)
    with pytest.raises(ValueError, match="padding"):
        pf.PGGAN(pf.Pixels(1, 28, 28), latent=8, padding=-1)
