"""What a student plots in a notebook: it shows what was computed, and refuses in words."""

from __future__ import annotations

import base64
import io
import re
import subprocess
import sys

import numpy as np
import pytest
import torch
from PIL import Image

import pushforward as pf
from pushforward.models.autoregressive.gated_pixelcnn import GatedPixelCNN
from pushforward.models.autoregressive.pixelcnn import PixelCNN
from pushforward.models.latent.vae import VAE, dense
from pushforward.pictures.learning_curves import learning
from pushforward.pictures.made_masks import dependencies
from pushforward.pictures.shown import Film, looking

DIGITS = pf.Pixels(1, 8, 8, 17)


def vae(latent: int = 2) -> VAE:
    torch.manual_seed(0)
    return VAE(*dense(DIGITS, latent, 16))


class Still(pf.Generative):
    """A model that knows nothing but to draw."""

    def __init__(self, width: int = 2):
        super().__init__(pf.Reals((width,)))

    def sample(self, n):
        return torch.zeros(n, *self.space.shape)


def shown_as_png(drawing) -> Image.Image:
    """What a notebook shows, decoded."""
    content = drawing._repr_png_()
    assert content.startswith(b"\x89PNG")
    return Image.open(io.BytesIO(content))


def test_a_grid_holds_every_image_where_it_belongs():
    x = pf.data.digits().test.tensors[0][:11]
    drawn = np.asarray(pf.pictures.grid(x, DIGITS, columns=4, scale=1))
    assert drawn.shape == (3 * 9 - 1, 4 * 9 - 1, 3)
    for i, image in enumerate(x):
        top, left = 9 * (i // 4), 9 * (i % 4)
        tile = drawn[top : top + 8, left : left + 8, 1]
        assert (tile == np.round(image[0].numpy() / 16 * 255)).all()
    assert (drawn[:, 8] == 128).all(), "tiles are kept apart by grey lines"
    assert (drawn[18:, 27:] == 128).all(), "where no image is, there is paper"


def test_a_grid_without_a_space_makes_the_brightest_white():
    x = pf.data.digits().test.tensors[0][:8]
    assert x.max() == 16
    known = pf.pictures.grid(x, DIGITS)
    assert (np.asarray(pf.pictures.grid(x)) == np.asarray(known)).all()
    assert (np.asarray(pf.pictures.grid(x / 16)) == np.asarray(known)).all(), "floats in 0 .. 1"
    assert (np.asarray(pf.pictures.grid(x.numpy())) == np.asarray(known)).all()
    assert shown_as_png(known).size == known.size
    coloured = torch.zeros(1, 3, 2, 2)
    coloured[:, 2] = 1
    assert (np.asarray(pf.pictures.grid(coloured, scale=1)) == [0, 0, 255]).all()


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (torch.zeros(5, 8, 8), r"\(n, channels, height, width\), not \(5, 8, 8\)"),
        (torch.zeros(0, 1, 8, 8), r"not \(0, 1, 8, 8\)"),
        (torch.full((1, 1, 2, 2), -1.0), "images are floats in 0 .. 1, not -1 .. -1"),
        (torch.full((1, 1, 2, 2), torch.nan), "floats in 0 .. 1, not nan"),
        (torch.full((1, 1, 2, 2), 300), "whole numbers in 0 .. 255, not 300"),
    ],
)
def test_what_is_no_image_is_refused(x, said):
    with pytest.raises(ValueError, match=said):
        pf.pictures.grid(x)


def test_points_are_dark_where_they_lie():
    drawn = np.asarray(pf.pictures.points(torch.tensor([[0.5, -0.5]]), reach=1.0).convert("L"))
    down, across = np.nonzero(drawn < 128)
    assert (down.mean(), across.mean()) == pytest.approx((225, 225), abs=1.5)
    assert len(down) == 9
    with pytest.raises(ValueError, match=r"of shape \(n, 2\), n at least 1, not \(4, 3\)"):
        pf.pictures.points(torch.zeros(4, 3))


def test_curves_are_what_the_reports_say(tmp_path):
    data = pf.data.moons(n=200)
    reports: list[pf.Report] = []
    pf.fit(pf.MADE(data.space, width=8), data, pf.Recipe(20), tmp_path, quiet=True, history=reports)
    (axis,) = pf.pictures.curves(reports).axes
    step, loss = axis.lines[0].get_data()
    assert list(step) == [r.step for r in reports]
    assert list(loss) == [r.loss for r in reports]
    held = [(r.step, r.validation_loss) for r in reports if r.validation]
    assert [tuple(pair) for pair in axis.lines[1].get_xydata()] == held
    from_log = pf.pictures.curves(tmp_path / "log.jsonl")
    assert (from_log.axes[0].lines[0].get_ydata() == loss).all()
    with pytest.raises(ValueError, match="0 reports hold no loss"):
        pf.pictures.curves([])


def test_a_panel_for_every_stage_and_player_and_a_line_for_every_term():
    def report(step, stage, terms):
        return pf.Report(step, 4, stage, 0.0, terms, None, 1.0, 1.0)

    game = {"critic/gap": 1.0, "critic/penalty": 2.0, "generator/gap": 5.0}
    reports = [report(1, "a", game), report(2, "a", game), report(3, "b", {"prior/nll": 7.0})]
    found = list(learning(reports))
    assert [(one.stage, one.player) for one in found] == [
        ("a", "critic"), ("a", "generator"), ("b", "prior"),
    ]  # fmt: skip
    assert found[0].train == [(1.0, 3.0), (2.0, 3.0)]
    assert found[0].terms == {"gap": [(1.0, 1.0), (2.0, 1.0)], "penalty": [(1.0, 2.0), (2.0, 2.0)]}
    figure = pf.pictures.curves(reports)
    assert [axis.get_title() for axis in figure.axes] == ["a critic", "a generator", "b prior"]
    assert [len(axis.lines) for axis in figure.axes] == [3, 1, 1]


def test_a_density_is_that_of_the_model_and_sums_to_one():
    torch.manual_seed(0)
    model = pf.GMM(2, components=3).double()
    figure = pf.pictures.density(model, reach=12.0)
    (mesh,) = figure.axes[0].collections
    shade = np.asarray(mesh.get_array())
    assert shade.shape == (201, 201)
    assert shade.sum() * (24 / 200) ** 2 == pytest.approx(1, abs=1e-3)
    x = torch.tensor([[-12 + 0.12 * 90, -12 + 0.12 * 110]]).double()
    assert shade[110, 90] == pytest.approx(model.log_prob(x).exp().item())
    assert "GMM: p(x), exact" in figure.axes[0].get_title()
    assert shown_as_png(figure).width > 300


def test_data_are_shown_in_a_density_and_its_ends_hold_them():
    data = pf.data.moons()
    figure = pf.pictures.density(pf.GMM(2, components=2), data)
    axis = figure.axes[0]
    places = np.asarray(axis.collections[-1].get_offsets())
    assert (places == data.test.tensors[0][:500].numpy()).all()
    (left, right), (low, high) = axis.get_xlim(), axis.get_ylim()
    inside = (places > [left, low]) & (places < [right, high])
    assert inside.mean() > 0.99
    assert right - left == pytest.approx(high - low)


def test_a_bound_is_drawn_as_a_bound():
    from pushforward.models.latent.ppca import PPCA

    class Halved(pf.Bounded):
        def __init__(self):
            super().__init__(pf.Reals((2,)))
            self.exact = PPCA(2, 1)

        def sample(self, n):
            return self.exact.sample(n)

        def elbo(self, x, *conditions, samples=1):
            return self.exact.log_prob(x) - 1

    model = Halved()
    bound = np.asarray(pf.pictures.density(model, reach=2.0).axes[0].collections[0].get_array())
    exact = pf.pictures.density(model.exact, reach=2.0).axes[0].collections[0].get_array()
    np.testing.assert_allclose(bound, np.asarray(exact) / np.e, rtol=1e-5)
    assert "lower bound" in pf.pictures.density(model, reach=2.0).axes[0].get_title()


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Still(3), r"drawn over Reals\(\(2,\)\), but Still is over Reals\(shape=\(3,\)\)"),
        (Still(2), r"Still has no density: pf.pictures.points\(model.sample\(5_000\)\)"),
    ],
)
def test_what_has_no_density_in_the_plane_is_refused(model, said):
    with pytest.raises(ValueError, match=said):
        pf.pictures.density(model)


def test_latents_are_the_means_of_the_encoder_by_label():
    model, data = vae(), pf.data.digits(labels=True)
    axis = pf.pictures.latents(model, data).axes[0]
    x, y = data.test.tensors
    with torch.no_grad():
        means = model.eval().encode(x).mean
    named = {line.get_label(): line.get_xydata() for line in axis.lines}
    assert set(named) == {"prior", *data.classes}
    np.testing.assert_allclose(named["3"], means[y == 3].numpy(), rtol=1e-5)
    assert len(named["prior"]) == len(x)


def test_two_of_many_latents_are_chosen():
    model, data = vae(5), pf.data.digits()
    axis = pf.pictures.latents(model, data, axes=(4, 1)).axes[0]
    with torch.no_grad():
        means = model.eval().encode(data.test.tensors[0]).mean[:, [4, 1]]
    (line,) = [line for line in axis.lines if line.get_label() == "data"]
    np.testing.assert_allclose(line.get_xydata(), means.numpy(), rtol=1e-5)
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("z4", "z1")
    for axes, said in (
        (None, r"VAE has 5 latents, not two: axes=\(0, 1\) draws the first two"),
        ((1, 1), r"two different latents of 0 .. 4, not \(1, 1\)"),
        ((0, 5), r"two different latents of 0 .. 4, not \(0, 5\)"),
    ):
        with pytest.raises(ValueError, match=said):
            pf.pictures.latents(model, data, axes)


def test_the_latents_of_a_flow_are_its_noise():
    data, model = pf.data.moons(n=100), pf.NICE(2, width=8)
    axis = pf.pictures.latents(model, data).axes[0]
    x = data.test.tensors[0]
    line = next(line for line in axis.lines if line.get_label() == "data")
    with torch.no_grad():
        back = model.push(torch.from_numpy(line.get_xydata()).float())
    torch.testing.assert_close(back, x, rtol=1e-4, atol=1e-4)


def test_models_and_data_without_a_plane_of_latents_are_refused():
    with pytest.raises(ValueError, match="Still has no latents that data are encoded to"):
        pf.pictures.latents(Still(), pf.data.moons(n=50))
    with pytest.raises(ValueError, match="moons is not of Pixels"):
        pf.pictures.latents(vae(), pf.data.moons(n=50))
    with pytest.raises(ValueError, match="VAE has 1 latent, not two: a plane needs two"):
        pf.pictures.latents(vae(1), pf.data.digits())


def test_a_receptive_field_is_blue_and_its_blind_spot_red():
    torch.manual_seed(0)
    space = pf.Pixels(1, 11, 11, 2)
    with_spot, without = (
        pf.pictures.receptive_field(kind(space, 32, 3, first=3), 6, 5)
        for kind in (PixelCNN, GatedPixelCNN)
    )
    red = np.asarray(with_spot.axes[0].images[1].get_array().filled(0)) > 0
    assert np.argwhere(red).tolist() == [[3, 9], [4, 8], [4, 9], [5, 7], [5, 8], [5, 9]]
    assert not (np.asarray(without.axes[0].images[1].get_array().filled(0)) > 0).any()
    corner = pf.pictures.receptive_field(PixelCNN(space, 32, 3, first=3), 0, 0)
    assert not np.asarray(corner.axes[0].images[0].get_array()).any(), "the first pixel sees none"
    with pytest.raises(ValueError, match=r"row must be in 0 \.\. 10, not 11"):
        pf.pictures.receptive_field(PixelCNN(space, 32, 3), 11, 0)
    with pytest.raises(ValueError, match="Still does not predict pixels by convolutions"):
        pf.pictures.receptive_field(Still())


@pytest.mark.parametrize("shuffled", [False, True])
def test_the_product_of_masks_is_what_the_gradient_sees(shuffled):
    torch.manual_seed(0)
    model = pf.MADE(pf.Reals((6,)), width=40, layers=2, masks=2, shuffled=shuffled, direct=True)
    model = model.double()
    for p in model.parameters():
        torch.nn.init.uniform_(p, 0.5, 1.5)  # nothing is cut off but by masks
    jacobian = torch.autograd.functional.jacobian(
        lambda x: model.conditionals(x, 1)[0].sum(1), torch.rand(1, 6).double()
    )
    seen = (jacobian[:, 0] != 0).double()
    assert torch.equal(dependencies(model.net, 1), seen)
    drawn = pf.pictures.masks(model, 1).axes[-1].images[0].get_array()
    assert (np.asarray(drawn) == seen.numpy()).all()
    assert len(pf.pictures.masks(model).axes) == 4
    with pytest.raises(ValueError, match=r"which must be 0 \.\. 1, not 2"):
        pf.pictures.masks(model, 2)
    with pytest.raises(ValueError, match="Still has no masked perceptron, as MADE has"):
        pf.pictures.masks(Still())


def test_a_walk_of_images_begins_and_ends_at_latents():
    model = vae()
    drawn = np.asarray(pf.pictures.walk(model, rows=2, steps=5))
    with looking(model), torch.no_grad():
        start = model.push(model.latents(2))
    tile = drawn[: 8 * 4, : 8 * 4, 0][::4, ::4]
    assert (tile == np.round(start[0, 0].numpy() / 16 * 255)).all()
    assert drawn.shape == ((2 * 9 - 1) * 4, (5 * 9 - 1) * 4, 3)


def test_a_walk_in_the_plane_is_a_path():
    figure = pf.pictures.walk(pf.NICE(2, width=8), rows=3, steps=6)
    assert [len(line.get_xdata()) for line in figure.axes[0].lines[1::2]] == [6, 6, 6]
    with pytest.raises(ValueError, match="Still has no latents to walk between"):
        pf.pictures.walk(Still())
    with pytest.raises(ValueError, match="not through Reals"):
        pf.pictures.walk(pf.NICE(4, width=8))


def test_a_film_shows_its_frames_in_one_brightness():
    frames = torch.arange(4).view(4, 1, 1, 1, 1).expand(4, 2, 1, 3, 3)
    film = pf.pictures.film(frames, scale=1, milliseconds=50)
    with Image.open(io.BytesIO(film.gif())) as image:
        assert (image.n_frames, image.info["duration"]) == (4, 50)
        shades = []
        for i in range(4):
            image.seek(i)
            shades.append(np.asarray(image.convert("L"))[0, 0])
    assert shades == [0, 85, 170, 255]
    page = film._repr_html_()
    content = base64.b64decode(re.search(r"base64,([^\"]+)", page)[1])
    assert content == film.gif()


def test_a_film_of_points_keeps_its_reach(tmp_path):
    frames = [torch.full((1, 2), 0.2), torch.full((1, 2), 1.0)]
    film = pf.pictures.film(frames)
    first, last = (np.argwhere(np.asarray(f.convert("L")) < 128).mean(0) for f in film.frames)
    assert first[1] - 150 == pytest.approx((last[1] - 150) / 5, abs=1.5)
    assert film.save(tmp_path / "a.gif").read_bytes()[:4] == b"GIF8"
    with pytest.raises(ValueError, match=r"must be of one shape, not \[\]"):
        pf.pictures.film([])
    with pytest.raises(ValueError, match=r"of one shape, not \[\(1, 2\), \(2, 2\)\]"):
        pf.pictures.film([torch.zeros(1, 2), torch.zeros(2, 2)])


def test_looking_leaves_modes_and_random_numbers_as_they_were():
    model = torch.nn.Sequential(torch.nn.Linear(1, 1), torch.nn.Dropout())
    model[1].eval()
    state = torch.get_rng_state()
    with looking(model):
        assert not any(part.training for part in model.modules())
        first = torch.randn(3)
    with looking(model):
        assert torch.equal(torch.randn(3), first)
    assert [part.training for part in model] == [True, False]
    assert torch.equal(torch.get_rng_state(), state)


def test_pictures_are_drawn_by_name():
    assert isinstance(pf.pictures.draw("line-fits")._repr_png_(), bytes)
    assert {"line-fits", "kl-directions"} <= pf.pictures.drawings().keys()
    with pytest.raises(ValueError, match="The nearest: line-fits"):
        pf.pictures.draw("line-fit")
    assert isinstance(pf.pictures.film([torch.zeros(1, 2)]), Film)


def test_matplotlib_is_imported_when_it_is_needed_and_pyplot_never():
    ask = """
import sys, torch, pushforward as pf
pf.pictures.drawings()
assert "matplotlib" not in sys.modules
pf.pictures.masks(pf.MADE(pf.Reals((2,)), width=4))._repr_png_()
assert "matplotlib" in sys.modules and "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", ask], check=True)


def test_what_a_model_is_told_is_told_to_its_pictures():
    from pushforward.models.flow.realnvp import VectorRealNVP

    torch.manual_seed(0)
    model = VectorRealNVP(2, 2, 8, classes=2).double()
    for p in model.parameters():
        torch.nn.init.normal_(p, std=0.3)
    shades = []
    for label in (0, torch.tensor(1)):
        figure = pf.pictures.density(model, reach=2.0, given=label)
        shade = np.asarray(figure.axes[0].collections[0].get_array())
        x, y = torch.full((1, 2), 1.0).double(), torch.as_tensor(label)[None]
        assert shade[150, 150] == pytest.approx(model.log_prob(x, y).exp().item())
        shades.append(shade)
    assert np.abs(shades[0] - shades[1]).max() > 1e-3
    assert len(pf.pictures.walk(model, rows=2, given=1).axes[0].lines) == 5
    for draw in (pf.pictures.density, pf.pictures.walk):
        with pytest.raises(ValueError, match="VectorRealNVP is told Labels"):
            draw(model)
    with pytest.raises(ValueError, match="NICE is told nothing"):
        pf.pictures.walk(pf.NICE(2, width=8), given=1)


def test_the_latents_of_a_conditional_model_are_those_of_the_examples_own_labels():
    from pushforward.models.flow.realnvp import VectorRealNVP

    torch.manual_seed(0)
    model = VectorRealNVP(2, 2, 8, classes=2)
    split = pf.Split((torch.randn(20, 2), torch.arange(20) % 2))
    data = pf.Dataset("two", model.space, split, split, split, classes=("even", "odd"))
    axis = pf.pictures.latents(model, data).axes[0]
    odd = next(line for line in axis.lines if line.get_label() == "odd")
    with torch.no_grad():
        z = model.noise(*split.tensors)[1::2]
    np.testing.assert_allclose(odd.get_xydata(), z.numpy(), rtol=1e-5)
