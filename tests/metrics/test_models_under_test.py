"""Memorisation, path length, the classifier score, and the Inception network."""

from __future__ import annotations

import math

import pytest
import scipy.integrate
import scipy.stats
import torch

import pushforward as pf
from pushforward.metrics import inception_network
from pushforward.metrics.classifier import classification_accuracy_score
from pushforward.metrics.features import Extractor, features_as_given
from pushforward.metrics.inception_network import (
    InceptionV3,
    ResizeTF1,
    load,
    prepare,
    weights_file,
)
from pushforward.metrics.looking import extractor_for
from pushforward.metrics.memorisation import (
    closer,
    count_farther,
    mann_whitney_z,
    memorisation_test,
)
from pushforward.metrics.path_length import (
    lerp,
    path_for,
    path_lengths,
    perceptual_path_length,
    slerp,
    unit_slerp,
)


def normal(n: int, dims: int, seed: int) -> torch.Tensor:
    return torch.randn(n, dims, generator=torch.Generator().manual_seed(seed)).double()


def test_mann_whitney_equals_scipy():
    q, p = normal(40, 1, 0)[:, 0], normal(30, 1, 1)[:, 0] + 0.5
    test = scipy.stats.mannwhitneyu(q, p, method="asymptotic", use_continuity=False)
    z = mann_whitney_z(q, p)
    assert 2 * scipy.stats.norm.sf(abs(z)) == pytest.approx(test.pvalue, rel=1e-9)
    assert z < 0


def test_ties_count_half_as_in_scipy():
    q, p = (normal(n, 1, i)[:, 0].round(decimals=0) for i, n in enumerate((40, 30)))
    u = scipy.stats.mannwhitneyu(q, p).statistic
    assert count_farther(q, p) == u
    assert closer(q, p) == pytest.approx(1 - u / (40 * 30))
    assert len(q.unique()) < 10, "there are many ties"


@pytest.mark.parametrize("cells", [1, 3])
def test_memorisation(cells):
    train, held_out = normal(400, 4, 0), normal(200, 4, 1)
    copies = train[:200] + 0.01 * normal(200, 4, 2)
    found = memorisation_test(copies, train, held_out, cells=cells)
    assert found.c_t.value < -6
    assert found.share_closer.value > 0.99
    fresh = memorisation_test(normal(200, 4, 3), train, held_out, cells=cells)
    assert abs(fresh.c_t.value) < 3
    assert abs(fresh.share_closer.value - 0.5) < 0.1
    far = memorisation_test(3 * normal(200, 4, 4), train, held_out, cells=cells)
    assert far.c_t.value > 6


def test_memorisation_refuses():
    x = normal(20, 2, 0)
    with pytest.raises(ValueError, match="3 features and references 2"):
        memorisation_test(normal(5, 3, 0), x, x)
    with pytest.raises(ValueError, match="no cell holds both"):
        memorisation_test(x, x, x, least_share=1.5)
    with pytest.raises(ValueError, match="references"):
        memorisation_test(x, x, normal(5, 3, 0))


def ppl(matrix: torch.Tensor, latents, path=None, samples: int = 20_000):
    """Of G(z) = A z in float64, where rounding is far below a step of 1e-4."""
    return perceptual_path_length(
        lambda z: z @ matrix.T, latents, features_as_given, path, samples, batch=2_000, trim=0
    )


def gaussian(dims: int):
    return lambda n: torch.randn(n, dims).double()


def test_path_length_of_a_linear_generator_on_lines():
    """With lerp and G(z) = A z the length is |A (z2 - z1)|^2, of mean 2 |A|_F^2."""
    a = normal(6, 3, 0)
    found = ppl(a, gaussian(3), lerp)
    expected = 2 * a.square().sum().item()
    assert abs(found.value - expected) < 4 * found.stderr
    assert found.stderr < 0.02 * expected


def arc_between_normals(d: int) -> float:
    """E |d/dt slerp(a, b; t)|^2 for a, b ~ N(0, I), by quadrature over their angle w.

    d/dt = w (-cos((1 - t) w) a + cos(t w) b) / sin w. Norms are independent of the angle, whose
    density is sin^(d - 2) w; E |a|^2 = d, E |a| |b| = m^2, m the mean of chi; means over t:
    cos^2(t w): 1/2 + sin(2 w) / 4 w;    cos(t w) cos((1 - t) w): cos w / 2 + sin w / 2 w.
    """
    m = scipy.stats.chi(d).mean()

    def speed(w: float) -> float:
        same = 0.5 + math.sin(2 * w) / (4 * w)
        across = math.cos(w) / 2 + math.sin(w) / (2 * w)
        squares = 2 * same * d - 2 * across * m**2 * math.cos(w)
        return (w / math.sin(w)) ** 2 * squares * math.sin(w) ** (d - 2)

    mass = scipy.integrate.quad(lambda w: math.sin(w) ** (d - 2), 0, math.pi)[0]
    return scipy.integrate.quad(speed, 0, math.pi)[0] / mass


@pytest.mark.parametrize("dims", [8, 100])
def test_normal_latents_walk_on_arcs_at_their_own_norms(dims):
    """A linear generator: by symmetry every direction has the same share of the speed."""
    a = normal(5, dims, 0)
    found = ppl(a, gaussian(dims), samples=8_000)
    expected = arc_between_normals(dims) * a.square().sum().item() / dims
    assert abs(found.value - expected) < 4 * found.stderr
    assert found.stderr < 0.02 * expected
    assert found.settings == "slerp, step 0.0001, trim 0"
    # On the unit sphere it would be a hundredth, for 100 dimensions.
    unit = ppl(a, gaussian(dims), unit_slerp, samples=8_000)
    assert unit.value * dims == pytest.approx(found.value, rel=0.2)


def test_path_length_on_the_unit_circle():
    """Its angle is uniform on [0, pi], and walked at an even speed."""
    found = ppl(torch.eye(2).double(), gaussian(2), unit_slerp)
    assert found.settings == "unit_slerp, step 0.0001, trim 0"
    assert found.value == pytest.approx(math.pi**2 / 3, abs=4 * found.stderr)


def test_paths_are_those_of_the_latents_own_distribution():
    torch.manual_seed(0)
    mixed = normal(3, 3, 1)
    others = {
        "uniform": lambda n: torch.rand(n, 5) * 2 - 1,
        "shifted": lambda n: torch.randn(n, 5) + 0.2,
        "logistic": lambda n: torch.rand(n, 50).logit(),
        "of several scales": lambda n: torch.randn(n, 3) * torch.tensor([1.0, 2.0, 3.0]),
        "correlated": lambda n: torch.randn(n, 3).double() @ mixed,
        "of one norm": lambda n: torch.nn.functional.normalize(torch.randn(n, 9)),
        "of one dimension": lambda n: torch.randn(n, 1),
    }
    for name, draw in others.items():
        assert path_for(draw(2_000)) is lerp, name
    for dims, scale in ((2, 1.0), (100, 1.0), (3_072, 50.0)):
        assert path_for(scale * torch.randn(2_000, dims)) is slerp
    found = ppl(torch.eye(5).double(), lambda n: torch.rand(n, 5).double(), samples=2_000)
    assert found.settings.startswith("lerp")
    assert found.value == pytest.approx(5 / 6, abs=4 * found.stderr)  # E (u - v)^2 = 1/6


def test_latents_of_any_shape_are_walked():
    flat = ppl(torch.eye(12).double(), gaussian(12), samples=400)
    torch.manual_seed(0)
    shaped = perceptual_path_length(
        lambda z: z, lambda n: torch.randn(n, 3, 2, 2).double(), features_as_given, samples=400
    )
    assert shaped.settings.startswith("slerp")
    assert shaped.value == pytest.approx(flat.value, rel=0.2)


def test_arcs_end_where_they_should():
    a, b = normal(5, 4, 0), normal(5, 4, 1)
    for t, end in ((0.0, a), (1.0, b)):
        share = torch.full((5, 1), t).double()
        torch.testing.assert_close(slerp(a, b, share), end)
        torch.testing.assert_close(unit_slerp(a, b, share), end / end.norm(dim=1, keepdim=True))
    middle = unit_slerp(a, b, torch.full((5, 1), 0.3).double())
    torch.testing.assert_close(middle.norm(dim=1), torch.ones(5).double())
    third = torch.acos((middle * a).sum(1) / a.norm(dim=1))
    torch.testing.assert_close(third, 0.3 * torch.acos(torch.cosine_similarity(a, b)))
    torch.testing.assert_close(slerp(a, 2 * a, 0.5), 1.5 * a)  # no angle: a line


def blobs(n: int, seed: int, classes: int = 3) -> list[tuple[torch.Tensor, torch.Tensor]]:
    y = torch.arange(n) % classes
    x = normal(n, 2, seed) + 8 * torch.eye(3)[y][:, :2].double()
    return list(zip(x.split(16), y.split(16)))


def test_classification_accuracy_score():
    good = classification_accuracy_score(blobs(90, 0), blobs(60, 1))
    assert good.value > 0.95
    wrong = [(x, (y + 1) % 3) for x, y in blobs(90, 0)]
    assert classification_accuracy_score(wrong, blobs(60, 1)).value < 0.05
    dropped = classification_accuracy_score(blobs(90, 0, classes=2), blobs(60, 1))
    assert dropped.notes == ("classes never sampled: [2]",)
    assert dropped.value < 0.7
    constant = classification_accuracy_score(
        blobs(90, 0), blobs(60, 1), fit=lambda x, y: lambda new: torch.zeros(len(new))
    )
    assert constant.value == pytest.approx(1 / 3)
    assert constant.stderr == pytest.approx((2 / 9 / 60) ** 0.5)
    with pytest.raises(ValueError, match="at least 2 classes"):
        classification_accuracy_score(blobs(9, 0, classes=1), blobs(9, 1))
    with pytest.raises(ValueError, match=r"labels must be of shape \(4,\)"):
        classification_accuracy_score([(torch.zeros(4, 2), torch.zeros(4, 1))], blobs(9, 1))


@pytest.fixture(scope="module")
def network() -> InceptionV3:
    torch.manual_seed(0)
    return InceptionV3().eval()


def test_inception_layers(network):
    """23,834,568 parameters with 1,000 classes (as timm counts them), and 8 classes more."""
    assert sum(p.numel() for p in network.parameters()) == 23_834_568 + 8 * 2049
    convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(convolutions) == 94
    sizes: dict[str, tuple[int, ...]] = {}
    for name, module in network.named_children():
        module.register_forward_hook(
            lambda m, i, o, name=name: sizes.update({name: tuple(o.shape[1:])})
        )
    features = network(torch.zeros(1, 3, 299, 299))
    assert features.shape == (1, 2048)
    assert network.logits(features).shape == (1, 1008)
    # Szegedy et al., table 1
    assert sizes["Conv2d_1a_3x3"] == (32, 149, 149)
    assert sizes["Conv2d_2a_3x3"] == (32, 147, 147)
    assert sizes["Conv2d_2b_3x3"] == (64, 147, 147)
    assert sizes["Conv2d_4a_3x3"] == (192, 71, 71)
    assert sizes["Mixed_5b"] == (256, 35, 35)
    assert sizes["Mixed_5d"] == (288, 35, 35)
    assert sizes["Mixed_6e"] == (768, 17, 17)
    assert sizes["Mixed_7a"] == (1280, 8, 8)
    assert sizes["Mixed_7c"] == (2048, 8, 8)


def test_inception_weights_by_name(network):
    weights = network.state_dict()
    for name, shape in {
        "Conv2d_1a_3x3.conv.weight": (32, 3, 3, 3),
        "Conv2d_1a_3x3.bn.running_var": (32,),
        "Mixed_5b.branch5x5_2.conv.weight": (64, 48, 5, 5),
        "Mixed_6a.branch3x3dbl_3.conv.weight": (96, 96, 3, 3),
        "Mixed_6c.branch7x7dbl_2.conv.weight": (160, 160, 7, 1),
        "Mixed_7a.branch7x7x3_4.conv.weight": (192, 192, 3, 3),
        "Mixed_7b.branch3x3dbl_3b.conv.weight": (384, 384, 3, 1),
        "Mixed_7c.branch3x3_2a.conv.weight": (384, 384, 1, 3),
        "fc.weight": (1008, 2048),
    }.items():
        assert tuple(weights[name].shape) == shape
    old = {k: v for k, v in weights.items() if not k.endswith("num_batches_tracked")}
    load(network, old)
    del old["fc.bias"]
    with pytest.raises(ValueError, match=r"1 names differ, as fc\.bias"):
        load(network, old)


def test_pooling_details(network):
    x = torch.arange(9.0).view(1, 1, 3, 3)
    first = network.Mixed_7b.pooling(x)
    assert first[0, 0, 0, 0] == (0 + 1 + 3 + 4) / 4  # the padding is not counted
    assert network.Mixed_7c.pooling(x)[0, 0, 0, 0] == 4


def test_tf1_resize_against_its_definition():
    x = torch.rand(2, 3, 5, 7)
    for height, width in ((11, 4), (5, 7), (3, 15)):
        found = ResizeTF1(height, width)(x)
        for i in range(height):
            for j in range(width):
                u, v = i * 5 / height, j * 7 / width
                a, b = int(u), int(v)
                c, d = min(a + 1, 4), min(b + 1, 6)
                top = x[..., a, b] + (x[..., a, d] - x[..., a, b]) * (v - b)
                low = x[..., c, b] + (x[..., c, d] - x[..., c, b]) * (v - b)
                torch.testing.assert_close(found[..., i, j], top + (low - top) * (u - a))


def test_inception_input(tmp_path, monkeypatch):
    grey = torch.tensor([0, 128, 255, 64], dtype=torch.uint8).view(1, 1, 2, 2)
    assert prepare(grey)[0, 2].flatten().tolist() == [-1, 0, 127 / 128, -0.5]
    with pytest.raises(ValueError, match="expected uint8"):
        prepare(grey.float())
    with pytest.raises(ValueError, match="1 or 3"):
        prepare(grey[0])
    with pytest.raises(FileNotFoundError, match="can be had from https"):
        weights_file(tmp_path / "absent.pth")
    (tmp_path / "wrong.pth").write_bytes(b"wrong")
    with pytest.raises(ValueError, match="not 6726825d"):
        weights_file(tmp_path / "wrong.pth")
    asked = []
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", lambda *a, **k: asked.append((a, k)))
    with pytest.raises(FileNotFoundError):
        weights_file()
    assert asked[0][0][0] == inception_network.URL
    assert asked[0][1] == {"hash_prefix": inception_network.SHA256}


WALKS = {"samples": 400, "step": 1e-2, "trim": 0}


class TestPathLengthsOfGames:
    def test_of_a_linear_generator(self):
        """|A dz / e|^2 by the very walk: the metric of the map itself, of the same draws."""
        net = torch.nn.Linear(3, 2)
        model = pf.GAN(pf.Reals((2,)), net, latent=3).eval()
        torch.manual_seed(0)
        (found,) = path_lengths(model, features_as_given, **WALKS).values()
        torch.manual_seed(0)
        expected = perceptual_path_length(
            net, lambda n: torch.randn(n, 3), features_as_given, **WALKS
        )
        assert found.value == pytest.approx(expected.value, rel=1e-5)

    def test_images_are_not_rounded(self):
        """With integers a step of 1e-2 in a nearly flat generator would move nothing at all."""
        net = torch.nn.Sequential(
            torch.nn.Linear(3, 4, bias=False), torch.nn.Unflatten(1, (1, 2, 2))
        )
        torch.nn.init.constant_(net[0].weight, 1e-3)
        model = pf.GAN(pf.Pixels(1, 2, 2), net, torch.nn.Flatten(), latent=3).eval()
        torch.manual_seed(0)
        found = path_lengths(model, features_as_given, **WALKS)["z"]
        torch.manual_seed(0)
        expected = perceptual_path_length(  # tanh of so little is the identity
            net,
            lambda n: torch.randn(n, 3),
            features_as_given,
            **WALKS,
        )
        assert found.value == pytest.approx(expected.value, rel=1e-2)

    def test_the_usual_extractors_look_at_floats(self):
        model = pf.GAN(pf.Pixels(1, 8, 8, levels=17), latent=3).eval()
        few = {"samples": 20, "step": 1e-2}
        for name in (None, "random"):
            look = extractor_for(pf.data.digits(), name)
            assert path_lengths(model, look, **few)["z"].extractor == str(look)
        halved = Extractor.of("halved", torch.nn.Flatten(), lambda x: x.float() / 2)
        with pytest.raises(ValueError, match=r"halved.* whole numbers alone"):
            path_lengths(model, halved, **few)

    def test_styles_are_walked_beside_noise(self):
        model = pf.StyleGAN2(pf.Pixels(1, 4, 4), 4, width=4, most=4, style=5, mapping=1).eval()
        found = path_lengths(model, features_as_given, samples=50, step=1e-2)
        assert list(found) == ["z", "w"]
        assert found["w"].settings.startswith("lerp")
        assert min(ppl.value for ppl in found.values()) > 0

    def test_what_is_told_something_is_refused(self):
        model = pf.GAN(pf.Reals((2,)), latent=3, given=pf.Labels(3))
        with pytest.raises(ValueError, match="told nothing"):
            path_lengths(model, features_as_given)
        with pytest.raises(ValueError, match="not of this MAF"):
            path_lengths(pf.MAF(2, 1, 4, 1), features_as_given)
