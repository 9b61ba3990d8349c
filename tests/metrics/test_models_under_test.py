"""Memorisation, path length, the classifier score, and the Inception network."""

from __future__ import annotations

import math

import pytest
import scipy.stats
import torch

from pushforward.metrics import inception_network
from pushforward.metrics.classifier import classification_accuracy_score
from pushforward.metrics.features import features_as_given
from pushforward.metrics.inception_network import (
    InceptionV3,
    ResizeTF1,
    load,
    prepare,
    weights_file,
)
from pushforward.metrics.memorisation import mann_whitney_z, memorisation_test
from pushforward.metrics.path_length import lerp, perceptual_path_length, slerp


def normal(n: int, dims: int, seed: int) -> torch.Tensor:
    return torch.randn(n, dims, generator=torch.Generator().manual_seed(seed)).double()


def test_mann_whitney_equals_scipy():
    q, p = normal(40, 1, 0)[:, 0], normal(30, 1, 1)[:, 0] + 0.5
    test = scipy.stats.mannwhitneyu(q, p, method="asymptotic", use_continuity=False)
    z = mann_whitney_z(q, p)
    assert 2 * scipy.stats.norm.sf(abs(z)) == pytest.approx(test.pvalue, rel=1e-9)
    assert z < 0


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


def test_path_length_of_a_linear_generator():
    """With lerp and G(z) = A z the length is |A (z2 - z1)|^2, of mean 2 |A|_F^2."""
    torch.manual_seed(0)
    a = torch.randn(6, 3).double()
    found = perceptual_path_length(
        lambda z: z @ a.T,
        lambda n: torch.randn(n, 3).double(),
        features_as_given,
        lerp,
        samples=20_000,
        batch=3000,
        trim=0,
    )
    expected = 2 * a.square().sum().item()
    assert abs(found.value - expected) < 4 * found.stderr
    assert found.stderr < 0.02 * expected


def test_path_length_on_the_circle():
    """The great circle is walked at the speed of its angle, uniform on [0, pi] in the plane."""
    torch.manual_seed(0)
    found = perceptual_path_length(
        lambda z: z, lambda n: torch.randn(n, 2).double(), features_as_given, trim=0
    )
    assert found.settings == "slerp, step 0.0001, trim 0"
    assert found.value == pytest.approx(math.pi**2 / 3, abs=4 * found.stderr)


def test_slerp_ends_and_stays_on_the_sphere():
    a, b = normal(5, 4, 0), normal(5, 4, 1)
    for t, end in ((0.0, a), (1.0, b)):
        torch.testing.assert_close(
            slerp(a, b, torch.full((5, 1), t).double()), end / end.norm(dim=1, keepdim=True)
        )
    middle = slerp(a, b, torch.full((5, 1), 0.3).double())
    torch.testing.assert_close(middle.norm(dim=1), torch.ones(5).double())


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
