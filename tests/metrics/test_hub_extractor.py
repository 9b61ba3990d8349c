"""Extractors by name, with a stand-in for the transformers package; no network."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from urllib.error import URLError

import pytest
import torch
from torch import nn

from pushforward.metrics.frechet import frechet_distance
from pushforward.metrics.hub_network import hub_extractor
from pushforward.metrics.inception_network import weights_file

RULE = {
    "size": {"shortest_edge": 12},
    "crop_size": {"height": 8, "width": 8},
    "image_mean": [0.5, 0.25, 0.0],
    "image_std": [0.5, 0.5, 0.25],
}


class Vision(nn.Module):
    """The means of channels, as tokens and, where asked, pooled."""

    def __init__(self, pooled: bool, dims: int = 3):
        super().__init__()
        self.pooled, self.dims = pooled, dims

    def forward(self, pixel_values):
        means = pixel_values.mean((2, 3))
        tokens = means[:, None].expand(-1, 4, -1)
        last = tokens if self.dims == 3 else means[..., None, None].expand(-1, -1, 2, 2)
        pooled = 2 * means[..., None, None] if self.pooled else None
        return SimpleNamespace(pooler_output=pooled, last_hidden_state=last)


def install(monkeypatch, network, rule=None):
    fake, asked = ModuleType("transformers"), []

    def given(result):
        def from_pretrained(name, revision):
            asked.append((name, revision))
            return result

        return SimpleNamespace(from_pretrained=from_pretrained)

    fake.AutoImageProcessor = given(SimpleNamespace(**(RULE if rule is None else rule)))
    fake.AutoModel = given(network)
    monkeypatch.setitem(sys.modules, "transformers", fake)
    return asked


@pytest.mark.parametrize(("pooled", "dims"), [(True, 3), (False, 3), (False, 4)])
def test_a_model_by_its_name(monkeypatch, pooled, dims):
    asked = install(monkeypatch, Vision(pooled, dims))
    look = hub_extractor("someone/vision", revision="v2")
    assert asked == [("someone/vision", "v2")] * 2
    x = torch.full((2, 1, 5, 7), 255, dtype=torch.uint8)
    expected = (2 if pooled else 1) * torch.tensor([1.0, 1.5, 4.0])
    torch.testing.assert_close(look(x), expected.expand(2, 3))
    found = frechet_distance(x, x, look)
    assert found.extractor.startswith("someone/vision@")
    assert found.resize == "bilinear, antialiased 8x8"
    with pytest.raises(ValueError, match="images must be uint8"):
        look(x.float())


def test_what_is_missing_is_said(monkeypatch):
    with pytest.raises(ValueError, match="named \"OWNER/NAME\", not 'vision'"):
        hub_extractor("vision")
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(ImportError, match=r"pip install \"pushforward\[hub\]\""):
        hub_extractor("someone/vision")
    install(monkeypatch, Vision(True), {**RULE, "size": None, "crop_size": None})
    with pytest.raises(ValueError, match="what size of images"):
        hub_extractor("someone/vision")
    install(monkeypatch, Vision(True), {**RULE, "image_mean": None})
    with pytest.raises(ValueError, match="image_mean None"):
        hub_extractor("someone/vision")


def test_inception_without_a_network_says_what_to_do(monkeypatch, tmp_path):
    def offline(*args, **named):
        raise URLError("no network")

    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    monkeypatch.setattr(torch.hub, "download_url_to_file", offline)
    with pytest.raises(OSError, match=r"no network.*: fetch https.* and put it at .*6726825d\.pth"):
        weights_file()
