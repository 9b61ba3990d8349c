"""Presets of the autoregressive family."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..core.catalogue import preset
from ..models.autoregressive.gated_pixelcnn import GatedPixelCNN
from ..models.autoregressive.made import MADE
from ..models.autoregressive.pixelcnn import PixelCNN
from ..models.autoregressive.pixelcnn_pp import PixelCNNpp
from ..models.autoregressive.pixelsnail import PixelSNAIL
from ..models.autoregressive.transformer import ImageGPT
from ..models.autoregressive.wavenet import WaveNet
from ..models.autoregressive.window_mlp import WindowMLP
from ..training.experiment import Experiment
from ..training.recipe import Adam, Cosine, Decay, Recipe

if TYPE_CHECKING:
    import numpy as np


@preset("made")
def made_digits(
    width: int = 256, masks: int = 16, steps: int = 1_000, classes: int = 0
) -> Experiment:
    """MADE with 17-way softmax conditionals on the 8x8 digits, 16 orders and masks.

    pushforward train made_digits      (told the digit: --classes 10)
    """
    from ..data import digits

    data = digits(labels=classes > 0)
    adam = Adam(2e-3, weight_decay=0.3)
    recipe = Recipe(steps, 64, adam, schedule=Cosine(warmup=100), ema=0.99)
    model = MADE(data.space, width=width, masks=masks, shuffled=True, classes=classes)
    return Experiment(model, data, recipe)


@preset("made")
def made_mnist(
    width: int = 1_850, layers: int = 1, masks: int = 1, steps: int = 25_000
) -> Experiment:
    """MADE on dynamically binarised MNIST (Germain et al., 2015, section 6.2, smaller).

    pushforward train made_mnist --compile

    Two layers of 1,024 ended at 96 nats after 15,000 steps.
    """
    from ..data import mnist

    data = mnist(binarise="dynamic")
    recipe = Recipe(steps, 128, Adam(1e-3), schedule=Cosine(warmup=200), ema=0.999)
    return Experiment(MADE(data.space, width=width, layers=layers, masks=masks), data, recipe)


@preset("made")
def made_mnist_paper(
    width: int = 8_000, layers: int = 2, masks: int = 32, steps: int = 100_000
) -> Experiment:
    """MADE as the paper's best on binarised MNIST: 2 layers of 8,000 units and 32 masks.

    pushforward train made_mnist_paper --device cuda      (a GPU preset: not run here)

    Germain et al. (2015, table 6) report 86.64 nats on the fixed binarisation; this is the dynamic
    one.
    """
    from ..data import mnist

    data = mnist(binarise="dynamic")
    model = MADE(data.space, width=width, layers=layers, masks=masks, shuffled=True)
    recipe = Recipe(steps, 100, Adam(5e-4), schedule=Cosine(warmup=1_000), ema=0.9995)
    return Experiment(model, data, recipe)


@preset("made")
def made_picture(picture: str = "", bins: int = 60, steps: int = 2_000) -> Experiment:
    """A grey picture as a distribution over (column, row), two categorical variables.

    pushforward train made_picture --picture photo.png

    Without a picture, one that is drawn here: two moons, whose entropy is 7.041 nats. A photograph
    of a temple (scikit-learn's china.jpg, entropy 7.501 nats) ended at 7.512.
    """
    from ..data import picture as read

    data = read(picture or _moons(), n=100_000, bins=bins)
    recipe = Recipe(steps, 1_024, Adam(3e-3), schedule=Cosine(warmup=100))
    return Experiment(MADE(data.space, width=256, direct=True), data, recipe)


@preset("pixelcnn")
def pixelcnn_digits(
    width: int = 64, layers: int = 4, steps: int = 300, classes: int = 0
) -> Experiment:
    """PixelCNN with 17-way softmax on the 8x8 digits.

    pushforward train pixelcnn_digits      (told the digit: --classes 10)
    """
    from ..data import digits

    data = digits(labels=classes > 0)
    model = PixelCNN(data.space, width, layers, first=5, classes=classes)
    return Experiment(model, data, _short(steps, 2e-3))


@preset("gated-pixelcnn")
def gated_pixelcnn_digits(
    width: int = 24, layers: int = 3, labels: bool = False, steps: int = 300
) -> Experiment:
    """Gated PixelCNN with 17-way softmax on the 8x8 digits; with `labels`, given the digit.

    pushforward train gated_pixelcnn_digits
    """
    from ..data import digits

    data = digits(labels=labels)
    model = GatedPixelCNN(data.space, width, layers, first=5, classes=len(data.classes))
    return Experiment(model, data, _short(steps, 3e-3))


@preset("pixelcnn++")
def pixelcnn_pp_digits(
    width: int = 16, components: int = 5, steps: int = 250, classes: int = 0
) -> Experiment:
    """PixelCNN++ with mixtures of discretised logistics on the 8x8 digits, two resolutions.

    pushforward train pixelcnn_pp_digits      (told the digit: --classes 10)
    """
    from ..data import digits

    data = digits(labels=classes > 0)
    model = PixelCNNpp(data.space, width, 1, components, 1, classes, dropout=0.0)
    return Experiment(model, data, _short(steps, 3e-3))


@preset("pixelsnail")
def pixelsnail_digits(
    width: int = 48, blocks: int = 2, steps: int = 600, classes: int = 0
) -> Experiment:
    """PixelSNAIL with 17-way softmax on the 8x8 digits: two blocks of two residuals and attention.

    pushforward train pixelsnail_digits      (told the digit: --classes 10)
    """
    from ..data import digits

    data = digits(labels=classes > 0)
    model = PixelSNAIL(data.space, width, blocks, 2, classes=classes, dropout=0.3)
    return Experiment(model, data, _short(steps, 3e-3))


@preset("imagegpt")
def imagegpt_digits(
    width: int = 48, layers: int = 2, steps: int = 300, classes: int = 0
) -> Experiment:
    """A Transformer over the 64 pixels of the digits.

    pushforward train imagegpt_digits      (told the digit: --classes 10)
    """
    from ..data import digits

    data = digits(labels=classes > 0)
    model = ImageGPT(data.space, width, layers, heads=4, classes=classes)
    return Experiment(model, data, _short(steps, 3e-3))


@preset("window-mlp")
def window_mlp_digits(
    window: int = 20, width: int = 256, steps: int = 1_000, classes: int = 0
) -> Experiment:
    """A perceptron that sees the 20 pixels before each, two and a half rows of the 8x8 digits.

    pushforward train window_mlp_digits      (told the digit: --classes 10)

    Args:
        window: how many pixels are seen before each.
        width: units of the hidden layer.
        steps: of training.
        classes: labels that it is told; 0 is none.
    """
    from ..data import digits

    data = digits(labels=classes > 0)
    model = WindowMLP(data.space, window, width, classes=classes)
    return Experiment(model, data, _short(steps, 2e-3))


def _short(steps: int, lr: float) -> Recipe:
    """What the digits need: 1,200 examples are soon known by heart."""
    adam = Adam(lr, weight_decay=0.1)
    return Recipe(steps, 64, adam, schedule=Cosine(warmup=40), ema=0.98)


@preset("pixelcnn")
def pixelcnn_mnist(width: int = 64, layers: int = 10, steps: int = 16_000) -> Experiment:
    """PixelCNN on dynamically binarised MNIST (van den Oord et al., 2016, section 5.4, smaller).

    pushforward train pixelcnn_mnist

    Ten blocks of 5 after a first kernel of 15 see 27 rows above, which is all of an image. Five see
    17, and ended at 83.3 nats after as many steps; six of 3 after 7 see nine, and ended at 88.7.
    """
    from ..data import mnist

    data = mnist(binarise="dynamic")
    recipe = Recipe(steps, 16, Adam(2e-3), schedule=Cosine(warmup=200), ema=0.999, clip=1.0)
    return Experiment(PixelCNN(data.space, width, layers, kernel=5, first=15), data, recipe)


@preset("gated-pixelcnn")
def gated_pixelcnn_mnist(width: int = 32, layers: int = 8, steps: int = 5_000) -> Experiment:
    """Gated PixelCNN on dynamically binarised MNIST, given the digit.

    pushforward train gated_pixelcnn_mnist
    """
    from ..data import mnist

    data = mnist(binarise="dynamic", labels=True)
    recipe = Recipe(steps, 32, Adam(2e-3), schedule=Cosine(warmup=200), ema=0.999, clip=1.0)
    return Experiment(
        GatedPixelCNN(data.space, width, layers, classes=len(data.classes)), data, recipe
    )


@preset("pixelcnn")
def pixelcnn_mnist_paper(width: int = 128, layers: int = 12, steps: int = 100_000) -> Experiment:
    """PixelCNN at full width on dynamically binarised MNIST.

    pushforward train pixelcnn_mnist_paper --device cuda      (a GPU preset: not run here)

    Van den Oord et al. (2016, Pixel Recurrent Neural Networks, table 4) report 81.30 nats on the
    fixed binarisation; this is the dynamic one.
    """
    from ..data import mnist

    data = mnist(binarise="dynamic")
    recipe = Recipe(steps, 64, Adam(1e-3), schedule=Cosine(warmup=1_000), ema=0.9995, clip=1.0)
    return Experiment(PixelCNN(data.space, width, layers), data, recipe)


@preset("gated-pixelcnn")
def gated_pixelcnn_mnist_paper(
    width: int = 64, layers: int = 12, steps: int = 100_000
) -> Experiment:
    """Gated PixelCNN on dynamically binarised MNIST without labels; <= 81.5 nats is the aim.

    pushforward train gated_pixelcnn_mnist_paper --device cuda      (a GPU preset: not run here)
    """
    from ..data import mnist

    data = mnist(binarise="dynamic")
    recipe = Recipe(steps, 64, Adam(1e-3), schedule=Cosine(warmup=1_000), ema=0.9995, clip=1.0)
    return Experiment(GatedPixelCNN(data.space, width, layers), data, recipe)


@preset("pixelcnn++")
def pixelcnn_pp_cifar10(
    width: int = 160, layers: int = 5, batch_size: int = 64, steps: int = 400_000
) -> Experiment:
    """PixelCNN++ on CIFAR-10 with the paper's sizes (Salimans et al., 2017, section 3.1).

    pushforward train pixelcnn_pp_cifar10 --device cuda      (a GPU preset: not run here)

    The paper reports 2.92 bits/dim (table 1) on the lossless images; a copy through JPEG compares
    with none.
    """
    from ..data import cifar10

    data = cifar10()
    recipe = Recipe(steps, batch_size, Adam(1e-3), schedule=Decay(0.1), ema=0.9995, bf16=True)
    return Experiment(PixelCNNpp(data.space, width, layers), data, recipe)


@preset("imagegpt")
def imagegpt_mnist(
    width: int = 256, layers: int = 8, classes: bool = True, steps: int = 60_000
) -> Experiment:
    """A Transformer over the 784 pixels of dynamically binarised MNIST, given the digit.

    pushforward train imagegpt_mnist --device cuda      (a GPU preset: not run here)
    """
    from ..data import mnist

    data = mnist(binarise="dynamic", labels=classes)
    model = ImageGPT(data.space, width, layers, 8, classes=len(data.classes), dropout=0.1)
    adam = Adam(6e-4, (0.9, 0.95), weight_decay=0.1)
    recipe = Recipe(steps, 64, adam, schedule=Cosine(warmup=1_000), clip=1.0, bf16=True, ema=0.999)
    return Experiment(model, data, recipe)


@preset("wavenet")
def wavenet_vowels(width: int = 32, layers: int = 8, steps: int = 1_200) -> Experiment:
    """WaveNet on spoken vowels that are made here, given the vowel: 8 kHz, mu-law.

    pushforward train wavenet_vowels
    """
    from ..data import vowels

    data = vowels(labels=True)
    model = WaveNet(data.space, width, 64, layers, stacks=1, classes=len(data.classes))
    recipe = Recipe(steps, 8, Adam(2e-3), schedule=Cosine(warmup=100), ema=0.99, clip=1.0)
    return Experiment(model, data, recipe)


@preset("wavenet")
def wavenet_wav(
    path: str = "sounds", length: int = 8_192, width: int = 64, steps: int = 100_000
) -> Experiment:
    """WaveNet with three stacks of ten layers on a WAV file or a folder of them, at 16 kHz.

    pushforward train wavenet_wav --path FOLDER --device cuda      (a GPU preset: not run here)
    """
    from ..data import wav

    data = wav(path, length)
    recipe = Recipe(steps, 8, Adam(1e-3), schedule=Decay(0.1), ema=0.9995, clip=1.0)
    return Experiment(WaveNet(data.space, width, 256), data, recipe)


@preset("wavenet")
def wavenet_text(
    path: str = "sentences.txt", width: int = 64, layers: int = 6, steps: int = 2_000
) -> Experiment:
    """WaveNet on the lines of a text file, a character at a time.

    pushforward train wavenet_text --path FILE
    """
    from ..data import text

    data = text(path, unit="characters")
    model = WaveNet(data.space, width, 2 * width, layers, stacks=2)
    recipe = Recipe(steps, 32, Adam(2e-3), schedule=Cosine(warmup=100), ema=0.99, clip=1.0)
    return Experiment(model, data, recipe)


def _moons() -> np.ndarray:
    """A picture of two crescents, (120, 120) brightness from 0 (ink) to 1."""
    import numpy as np

    y, x = np.mgrid[-2:2:120j, -3:3:120j]
    arcs = [abs(np.hypot(x - s, y + s / 2) - 1.5) + 9 * (s * y < -0.5) for s in (-0.75, 0.75)]
    return 1 - np.exp(-((np.minimum(*arcs) / 0.25) ** 2))
