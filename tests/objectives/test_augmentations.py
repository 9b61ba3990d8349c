"""What critics are shown: turns, flips, shifts and colours against numpy's, and p's own law."""

import math

import numpy as np
import pytest
import torch

import pushforward as pf
from pushforward.objectives import adaptive_augmentation as ada
from pushforward.objectives.adaptive_augmentation import AdaptiveAugmentation
from pushforward.objectives.augmentations import DiffAugment, cut_out, recoloured, shifted


def images(n=6, channels=3, height=8, width=8):
    return torch.rand(n, channels, height, width, dtype=torch.float64) * 2 - 1


def angle(x, radians):
    return torch.full((len(x),), radians, dtype=x.dtype)


class TestMoves:
    @pytest.mark.parametrize("turns", [1, 2, 3])
    def test_quarter_turns_are_numpys(self, turns):
        x = images()
        found = ada.moved(x, [ada.rotation(angle(x, turns * math.pi / 2))])
        expected = np.rot90(x.numpy(), turns, axes=(2, 3))
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)

    def test_a_half_turn_of_an_image_that_is_no_square(self):
        x = images(height=6, width=10)
        found = ada.moved(x, [ada.rotation(angle(x, math.pi))])
        np.testing.assert_allclose(found.numpy(), np.rot90(x.numpy(), 2, (2, 3)), atol=1e-12)

    def test_a_rotation_keeps_distances_in_pixels_where_sides_differ(self):
        """A disc in the middle of an oblong stays that disc."""
        i, j = torch.meshgrid(torch.arange(24.0), torch.arange(48.0), indexing="ij")
        disc = torch.exp(-((i - 11.5) ** 2 + (j - 23.5) ** 2) / 72).double()[None, None]
        found = ada.moved(disc, [ada.rotation(angle(disc, 0.7))])
        inside = ((i - 11.5) ** 2 + (j - 23.5) ** 2 < 121).numpy()  # beyond, borders reflect
        np.testing.assert_allclose(found.numpy()[..., inside], disc.numpy()[..., inside], atol=0.02)

    def test_flips_are_numpys(self):
        x = images()
        one = torch.ones(len(x), dtype=x.dtype)
        found = ada.moved(x, [ada.scaling(-one, one)])
        np.testing.assert_allclose(found.numpy(), x.numpy()[..., ::-1], atol=1e-12)

    @pytest.mark.parametrize(("across", "down"), [(2, 0), (0, 3), (-1, 2)])
    def test_shifts_by_whole_pixels_reflect_at_the_border(self, across, down):
        x = images()
        found = ada.moved(x, [ada.translation(angle(x, across), angle(x, down))])
        padded = np.pad(x.numpy(), [(0, 0), (0, 0), (4, 4), (4, 4)], mode="symmetric")
        expected = padded[:, :, 4 + down : 12 + down, 4 + across : 12 + across]
        np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)


class TestColours:
    def neutral(self, **changed):
        one, zero = torch.ones(1, dtype=torch.float64), torch.zeros(1, dtype=torch.float64)
        knobs = {"contrast": one, "flip": zero, "hue": zero, "saturation": one}
        return ada.colour_matrix(**{**knobs, **{k: v * one for k, v in changed.items()}})[0]

    def test_a_third_of_a_turn_of_the_hue_permutes_the_colours(self):
        turned = self.neutral(hue=2 * math.pi / 3)
        permutation = np.roll(np.eye(3), 1, axis=0)
        np.testing.assert_allclose(turned.numpy(), permutation, atol=1e-12)

    def test_saturation_keeps_and_flipping_turns_what_is_grey(self):
        rgb = torch.tensor([0.2, -0.4, 0.8], dtype=torch.float64)
        grey = rgb.mean().expand(3)
        torch.testing.assert_close(self.neutral(saturation=0.0) @ rgb, grey)
        torch.testing.assert_close(self.neutral(saturation=2.5) @ rgb, grey + 2.5 * (rgb - grey))
        torch.testing.assert_close(self.neutral(flip=1.0) @ rgb, rgb - 2 * grey)
        torch.testing.assert_close(self.neutral(contrast=3.0) @ rgb, 3 * rgb)


class TestAdaptive:
    @pytest.mark.parametrize("channels", [1, 3])
    def test_nothing_changes_at_p_0_and_everything_at_p_1(self, channels):
        augment, x = AdaptiveAugmentation().double(), images(32, channels)
        assert torch.equal(augment(x), x)
        augment.p.fill_(1.0)
        same = (augment(x) == x).flatten(1).all(1)
        assert not same.any()

    def test_each_kind_leaves_1_minus_p_of_the_images_as_they_are(self):
        """Of four blits with p, a flip and a turn do nothing half and a quarter of the time."""
        augment, x = AdaptiveAugmentation(kinds=("blit",)).double(), images(4_000, 1, 32, 32)
        p = 0.3
        augment.p.fill_(p)
        share = (augment(x) == x).flatten(1).all(1).double().mean().item()
        # Shifts of up to 4 pixels: rounding u in (-4, 4) gives 0 with probability 1/8.
        stays = (1 - p / 2) * (1 - 3 * p / 4) * (1 - p * 7 / 8) ** 2
        assert abs(share - stays) < 5 * (stays * (1 - stays) / len(x)) ** 0.5

    def test_p_follows_the_sign_of_the_scores_at_its_speed_and_stays_a_probability(self):
        augment = AdaptiveAugmentation(target=0.6, images=1_000)
        augment.update(torch.tensor([1.0, 2.0, 3.0, 0.5]), 100)
        assert augment.p.item() == pytest.approx(0.1)
        augment.update(torch.tensor([1.0, -2.0, 3.0, 0.5]), 30)  # mean sign 0.5
        assert augment.p.item() == pytest.approx(0.07)
        for _ in range(40):
            augment.update(torch.ones(4), 100)
        assert augment.p.item() == 1
        for _ in range(40):
            augment.update(-torch.ones(4), 100)
        assert augment.p.item() == 0

    def test_gradients_reach_the_image_and_agree_with_differences(self):
        augment, x = AdaptiveAugmentation().double(), images(2, 3, 6, 6).requires_grad_()
        augment.p.fill_(1.0)

        def seen(x):
            torch.manual_seed(3)
            return augment(x)

        assert torch.autograd.gradcheck(seen, (x,))

    @pytest.mark.parametrize(
        "wrong",
        [{"target": 1.0}, {"images": 0}, {"kinds": ("warp",)}, {"kinds": ()}],
    )
    def test_what_cannot_be_is_refused(self, wrong):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            AdaptiveAugmentation(**wrong)

    def test_vectors_are_refused(self):
        for augment in (AdaptiveAugmentation(), DiffAugment()):
            with pytest.raises(ValueError, match="changes images"):
                augment(torch.zeros(3, 2), torch.ones(()))

    def test_training_moves_p_and_a_file_keeps_it(self, tmp_path):
        augment = AdaptiveAugmentation(target=-0.99, images=100)
        space = pf.Pixels(1, 8, 8, levels=17)
        model = pf.GAN(space, latent=4, augment=augment)
        recipe = pf.Recipe(8, 10, validate_every=0)
        training = pf.Training(model, pf.data.digits(), recipe)
        list(training)
        assert model.augment.p.item() == pytest.approx(0.8)  # two moves of 40 images each
        training.save(tmp_path / "model.safetensors")
        assert pf.load(tmp_path / "model.safetensors").augment.p == model.augment.p


class TestDiffAugment:
    def test_a_shift_is_that_of_a_padded_image(self):
        x = images(20, 2, 16, 16)
        padded = np.pad(x.numpy(), [(0, 0), (0, 0), (2, 2), (2, 2)])
        seen = set()
        for before, after in zip(padded, shifted(x).numpy()):
            fits = [
                (i, j)
                for i in range(5)
                for j in range(5)
                if np.array_equal(before[:, i : i + 16, j : j + 16], after)
            ]
            assert len(fits) == 1
            seen.update(fits)
        assert len(seen) > 5

    def test_a_hole_is_a_rectangle_of_half_the_sides(self):
        x = torch.ones(50, 1, 8, 8)
        holes = (cut_out(x) == 0)[:, 0]
        rows, columns = holes.any(2).sum(1), holes.any(1).sum(1)
        assert torch.equal(holes.sum((1, 2)), rows * columns)
        assert rows.max() == 4
        assert columns.max() == 4
        assert rows.min() >= 2

    def test_colours_have_the_ranges_of_the_authors_code(self):
        x = images(2_000, 3, 4, 4)
        y = recoloured(x)
        moved = (y - x).mean((1, 2, 3))
        assert -0.5 <= moved.min() < -0.45
        assert 0.45 < moved.max() <= 0.5
        spread = y.mean(1).flatten(1).std(1) / x.mean(1).flatten(1).std(1)
        assert 0.5 <= spread.min() < 0.55
        assert 1.45 < spread.max() <= 1.5

    def test_unknown_changes_are_named(self):
        with pytest.raises(ValueError, match=r"\['colour', 'cutout', 'translation'\]"):
            DiffAugment(("blur",))
        with pytest.raises(ValueError, match="some of"):
            DiffAugment(())
