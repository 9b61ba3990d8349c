import pytest
import torch

from pushforward.core.spaces import Pixels
from pushforward.models.autoregressive.gated_pixelcnn import GatedPixelCNN
from pushforward.models.autoregressive.pixelcnn import PixelCNN
from pushforward.pictures.gallery import drawing_called
from pushforward.pictures.receptive_fields import seen_and_blind
from pushforward.pictures.shown import encoded


@pytest.mark.parametrize(
    ("name", "knobs"),
    [
        ("kl-directions", {"steps": 2}),
        ("posterior-narrowing", {"tosses": 20}),
        ("line-fits", {}),
        ("discrete-gradients", {"draws": 100}),
        ("receptive-fields", {"layers": 2, "size": 9}),
    ],
)
def test_is_drawn_by_name(name, knobs):
    assert encoded(drawing_called(name)(**knobs)).startswith(b"\x89PNG")


def test_only_the_pixelcnn_has_a_blind_spot():
    torch.manual_seed(0)
    space = Pixels(1, 11, 11, 2)
    _, blind = seen_and_blind(PixelCNN(space, 32, 3, first=3).double(), 6, 5)
    # Four layers of 3x3 see up to the diagonal: below it, to the right, are 3 + 2 + 1 pixels.
    assert blind.nonzero().tolist() == [[3, 9], [4, 8], [4, 9], [5, 7], [5, 8], [5, 9]]
    _, blind = seen_and_blind(GatedPixelCNN(space, 32, 3, first=3).double(), 6, 5)
    assert not blind.any()
