"""CLIP: which caption goes with which image, by contrast with all others of the batch.

    s(x, text) = cos(f(x), g(text)) / tau
    loss = -1/2 sum_i [log softmax_j s(x_i, text_j) + log softmax_j s(x_j, text_i)]_{j = i}

Nothing is drawn pixel by pixel: it is enough to tell the right caption from wrong ones. At the
optimum s is log p(x | text) - log p(x) up to a constant, so that it turns draws of p(x) into draws
of p(x | text): that is how it samples, among the images of a gallery that it has kept, and why it
can rank what another model has drawn.

Learning Transferable Visual Models From Natural Language Supervision (Radford et al., 2021),
arXiv:2103.00020, figure 3, section 2.5. The loss: Representation Learning with Contrastive
Predictive Coding (van den Oord et al., 2018), arXiv:1807.03748, eqs. 4-5. Differs from the paper: a
small convolutional network reads images, and the gallery is ours.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.catalogue import example, system
from ...core.contract import Generative, Player, Terms
from ...core.spaces import Pixels, Tokens, count
from ...core.vocabulary import END
from ...nn.conv import ConvEncoder
from ...nn.transformer import CausalTransformer
from ...objectives.contrastive import info_nce

HOTTEST = math.log(100)  # of 1 / tau: section 2.5


class CLIP(Generative):
    """Images and captions as unit vectors that are near where they belong together.

    Args:
        space: images.
        text: Tokens(length, vocabulary), of which 0 ends a caption.
        features: length of the vectors.
        width: channels of the images' network, and features of the captions' Transformer.
        layers, heads: of that Transformer.
        gallery: images that are kept, the latest ones, for `sample`.
    """

    space: Pixels
    given: Tokens

    def __init__(
        self,
        space: Pixels,
        text: Tokens,
        features: int = 64,
        width: int = 32,
        layers: int = 2,
        heads: int = 2,
        gallery: int = 256,
    ):
        if not isinstance(space, Pixels) or not isinstance(text, Tokens):
            raise ValueError(f"CLIP is about images and captions, not {space} and {text}")
        super().__init__(space, text)
        self.encoders = Encoders(space, text, features, width, layers, heads)
        self.gallery = Gallery(space, count("gallery", gallery))

    def players(self) -> tuple[Player, ...]:
        """The encoders, by gradient; then the gallery, which takes in the batch."""
        return (
            Player("encoders", self.encoders, self.loss),
            Player("gallery", self.gallery, update=self.gallery.update),
        )

    def loss(self, x: Tensor, text: Tensor) -> Terms:
        """{"image to text", "text to image"} in nats, (batch,): half of each cross-entropy."""
        captions, images = info_nce(self.similarities(x, text) / self.temperature)
        return {"image to text": captions / 2, "text to image": images / 2}

    def diagnostics(self, x: Tensor, text: Tensor) -> Terms:
        """{"temperature", "accuracy"}: how often an image's own caption is the nearest."""
        if not len(x):
            return {"temperature": self.temperature}
        nearest = self.similarities(x, text).argmax(1).cpu()
        right = nearest == torch.arange(len(x))
        return {"temperature": self.temperature, "accuracy": right.to(self.dtype).mean()}

    @property
    def temperature(self) -> Tensor:
        """tau, (): at least 1/100."""
        return (-self.encoders.sharpness.clamp(max=HOTTEST)).exp()

    def image_features(self, x: Tensor) -> Tensor:
        """Unit vectors of images, (batch, features)."""
        seen = self.space.to_signed(self.space.check(x), self.dtype)
        return F.normalize(self.encoders.images(seen), dim=-1)

    def text_features(self, text: Tensor) -> Tensor:
        """Unit vectors of captions, (batch, features)."""
        return F.normalize(self.encoders.captions(self.given.check(text, "text")), dim=-1)

    def similarity(self, x: Tensor, text: Tensor) -> Tensor:
        """The cosine of every image and its caption, (batch,), in [-1, 1]."""
        return (self.image_features(x) * self.text_features(text)).sum(-1)

    def similarities(self, x: Tensor, text: Tensor) -> Tensor:
        """The cosine of every image and every caption, (images, captions)."""
        return self.image_features(x) @ self.text_features(text).T

    def sample(self, n: int, text: Tensor) -> Tensor:
        """`n` images of the gallery, drawn with probability softmax s(x, text).

        Before training has filled it, the gallery holds black images.
        """
        kept = self.gallery.kept
        logits = self.similarities(kept, text).T / self.temperature
        return kept[torch.multinomial(logits.softmax(1), 1)[:, 0]]


class Encoders(nn.Module):
    """Both networks and how sharp their similarity is: what the gradient moves."""

    def __init__(
        self, space: Pixels, text: Tokens, features: int, width: int, layers: int, heads: int
    ):
        super().__init__()
        self.images = ConvEncoder(space.shape, features, width)
        self.captions = CaptionEncoder(text, features, width, layers, heads)
        self.sharpness = nn.Parameter(torch.tensor(math.log(1 / 0.07)))


class CaptionEncoder(nn.Module):
    """Captions (batch, length) to vectors (batch, features): the Transformer's state at their end.

    What stands after the end is not seen.
    """

    def __init__(self, text: Tokens, features: int, width: int, layers: int, heads: int):
        super().__init__()
        self.words = nn.Embedding(text.vocabulary, width)
        self.places = nn.Parameter(torch.randn(text.length, width) * 0.02)
        self.body = CausalTransformer(width, layers, heads)
        self.leave = nn.Linear(width, features)
        nn.init.normal_(self.words.weight, std=0.02)

    def forward(self, text: Tensor) -> Tensor:
        """The vectors."""
        h = self.body(self.words(text) + self.places)
        last = ((text == END).cumsum(1) == 0).sum(1).clamp(max=text.shape[1] - 1)
        return self.leave(h[torch.arange(len(text), device=text.device), last])


class Gallery(nn.Module):
    """The latest images that came by, uint8 (images, *shape)."""

    kept: Tensor
    seen: Tensor
    filled: Tensor

    def __init__(self, space: Pixels, images: int):
        super().__init__()
        self.register_buffer("kept", torch.zeros(images, *space.shape, dtype=torch.uint8))
        self.register_buffer("seen", torch.zeros((), dtype=torch.int64))
        self.register_buffer("filled", torch.zeros(()), persistent=False)  # of the model's type

    def update(self, x: Tensor, text: Tensor) -> Terms:
        """Takes in a batch, in the place of the oldest: {"kept": how many there are, ()}."""
        n = min(len(x), len(self.kept))
        places = (self.seen + torch.arange(n, device=x.device)) % len(self.kept)
        self.kept[places] = x[:n]
        self.seen += n
        self.filled.copy_(self.seen.clamp(max=len(self.kept)))
        return {"kept": self.filled.clone()}


system("clip", lecture=12, title="Contrastive text-image model", paper="arXiv:2103.00020")


@example(data="captioned_sprites?size=8&colours=2&wordings=1")
def clip() -> CLIP:
    """The smallest instance."""
    space, text = Pixels(3, 8, 8), Tokens(24, 378)
    return CLIP(space, text, features=16, width=16, layers=1, gallery=64)
