"""What one does with a generator's noise: truncation, projection, directions, mixing, films."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import pushforward as pf
from pushforward.metrics.directions import attribute_direction
from pushforward.models.adversarial.dcgan import dcgan
from pushforward.models.adversarial.gan import GAN, critic_for, gan
from pushforward.models.adversarial.info_gan import info_gan
from pushforward.models.adversarial.projection import project
from pushforward.models.adversarial.sagan import sagan
from pushforward.models.adversarial.stylegan import stylegan
from pushforward.models.adversarial.stylegan2 import stylegan2
from pushforward.pictures.interpolation_film import interpolation
from pushforward.pictures.style_mixing import mixing_table
from pushforward.probability.truncated_normal import truncated_normal


def linear_game(noise: int = 3, dims: int = 6) -> GAN:
    space = pf.Reals((dims,))
    return GAN(space, nn.Linear(noise, dims), critic_for(space, 8), latent=noise).double().eval()


class TestTruncation:
    @pytest.mark.parametrize("build", [gan, dcgan])
    def test_samples_are_of_noise_within_the_threshold_in_any_parts(self, build):
        model = build().eval()
        torch.manual_seed(0)
        x = model.sample(20, truncation=0.3)
        torch.manual_seed(0)
        z = truncated_normal((20, model.latent), 0.3)
        torch.testing.assert_close(x, model.push(z))
        torch.manual_seed(0)
        parts = torch.cat(list(model.draws(20, size=7, truncation=0.3)))
        torch.testing.assert_close(parts, x)

    def test_a_temperature_scales_instead(self):
        model = gan().eval()
        torch.manual_seed(0)
        x = model.sample(9, temperature=0.5)
        torch.manual_seed(0)
        torch.testing.assert_close(x, model.push(0.5 * model.latents(9)))

    def test_codes_are_not_truncated(self):
        model = info_gan()
        z = model.starting_noise(200, truncation=0.1)
        assert z[:, : model.noise].abs().max() <= 0.1
        assert torch.equal(z[:, model.noise : -2].sum(1), torch.ones(200))
        assert z[:, -2:].abs().max() > 0.9

    def test_words_for_no_threshold_and_no_option(self):
        with pytest.raises(ValueError, match="threshold"):
            gan().sample(2, truncation=0.0)
        with pytest.raises(ValueError, match=r"truncation must be in \(0, 1\]"):
            stylegan2().sample(2, truncation=1.5)


class TestProjection:
    def test_of_a_linear_generator_it_is_least_squares(self):
        torch.manual_seed(0)
        model = linear_game()
        x = 2 * torch.randn(5, 6).double()
        found = project(model, x, steps=600, lr=0.1, starts=4, pull=0.0)
        weight, bias = (p.detach().numpy() for p in model.generator.parameters())
        best, left, *_ = np.linalg.lstsq(weight, (x.numpy() - bias).T, rcond=None)
        np.testing.assert_allclose(found.handles.numpy(), best.T, atol=1e-3)
        np.testing.assert_allclose(found.errors.numpy(), left / 6, atol=1e-6)

    def test_pull_keeps_handles_where_they_began(self):
        torch.manual_seed(0)
        model, x = linear_game(), 5 * torch.ones(3, 6).double()
        torch.manual_seed(1)
        begun = project(model, x, steps=0).handles
        moved = []
        for pull in (0.0, 1e3):
            torch.manual_seed(1)
            moved.append((project(model, x, pull=pull, steps=100).handles - begun).norm().item())
        assert moved[1] < 0.05 * moved[0]

    @pytest.mark.parametrize("build", [stylegan, stylegan2])
    def test_styles_of_all_layers_are_turned(self, build):
        torch.manual_seed(0)
        model = build().eval()
        z = model.latents(3)
        assert model.handles(z).shape == (3, model.generator.layers, 16)
        torch.testing.assert_close(
            model.space.from_signed(model.painted(model.handles(z))), model.push(z)
        )
        drawn = model.push(z)
        near, far = (project(model, drawn, steps=s, starts=2).errors for s in (60, 0))
        assert (near < far).all()
        assert not any(p.grad is not None for p in model.parameters())

    def test_conditions_are_told(self):
        model, y = sagan().eval(), torch.tensor([3, 4])
        x = model.sample(2, y)
        assert project(model, x, y, steps=2, starts=1).floats.shape == (2, 1, 8, 8)
        with pytest.raises(ValueError, match="a game's generator"):
            project(pf.VAE(model.space), x)
        with pytest.raises(ValueError, match="uint8"):
            project(model, x.float(), y)


class TestDirections:
    codes = torch.randn(4_000, 3, 2, generator=torch.Generator().manual_seed(0)).double()

    def test_a_linear_attribute_is_found_and_explained(self):
        noise = torch.randn(4_000, generator=torch.Generator().manual_seed(1)).double()
        values = 3 * self.codes[:, 1, 0] - 4 * self.codes[:, 2, 1] + 5 * noise
        found = attribute_direction(self.codes, values, ridge=1e-6)
        x, y = self.codes[::2].flatten(1).numpy(), values[::2].numpy()
        design = np.c_[x, np.ones(len(x))]
        weights = np.linalg.lstsq(design, y, rcond=None)[0][:6]
        np.testing.assert_allclose(
            found.vector.numpy(), weights / np.linalg.norm(weights), atol=1e-5
        )
        assert found.slope == pytest.approx(np.linalg.norm(weights), rel=1e-5)
        assert found.explained == pytest.approx(0.5, abs=0.05)  # 25 of 50
        moved = found.moved(self.codes[:2], 2.0)
        assert moved.shape == (2, 3, 2)
        assert (moved - self.codes[:2]).flatten(1).norm(dim=1).tolist() == pytest.approx([2, 2])

    def test_what_is_no_function_of_the_code_is_not_explained(self):
        noise = torch.randn(4_000, generator=torch.Generator().manual_seed(2))
        assert attribute_direction(self.codes, noise).explained < 0.01

    @pytest.mark.parametrize(
        ("codes", "values", "word"),
        [
            (torch.zeros(9, 2), torch.zeros(8), "values"),
            (torch.zeros(9), torch.zeros(9), "codes"),
            (torch.zeros(6, 2), torch.arange(6.0), "at least 8"),
            (torch.randn(9, 2), torch.ones(9), "no direction"),
        ],
    )
    def test_what_has_no_direction_is_told(self, codes, values, word):
        with pytest.raises(ValueError, match=word):
            attribute_direction(codes, values)


class TestPictures:
    def test_a_table_of_mixtures_ends_at_its_row_and_its_column(self):
        torch.manual_seed(0)
        model = stylegan2().eval()
        last = model.generator.layers
        for layer, same in ((0, "column"), (last, "row")):
            table = mixing_table(model, layer, rows=2, columns=3).unflatten(0, (3, 4))
            for i in range(1, 3):
                for j in range(1, 4):
                    expected = table[0, j] if same == "column" else table[i, 0]
                    off = (table[i, j].int() - expected.int()).abs().max()
                    assert off <= 1  # rounding of another batch size
        assert table[0, 0].sum() == 0

    def test_a_film_is_closed_and_labels_are_told_in_turn(self):
        film = interpolation(sagan(), images=12, stops=3, steps=2)
        assert len(film.frames) == 6
        with pytest.raises(ValueError, match="no latents"):
            interpolation(gan())
