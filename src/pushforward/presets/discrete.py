"""Presets of the discrete and two-stage family."""

from __future__ import annotations

from ..core.catalogue import preset
from ..models.autoregressive.transformer import ImageGPT
from ..models.discrete.adversary import Adversary
from ..models.discrete.code_pyramid import CodePyramid, usual_priors
from ..models.discrete.dvae import DVAE
from ..models.discrete.gumbel_softmax import GumbelSoftmaxVAE
from ..models.discrete.two_stage import TwoStage
from ..models.discrete.vq_vae import VQVAE
from ..models.discrete.vq_vae2 import VQVAE2
from ..nn.patch_critic import PatchCritic
from ..probability.codebooks import FiniteScalarQuantiser
from ..probability.quantisation import VectorQuantiser
from ..training.experiment import Experiment
from ..training.recipe import Adam, Cosine, Recipe


@preset("vq-vae")
def vq_vae_digits(
    steps: int = 1_500, codes: int = 32, width: int = 64, classes: int = 0
) -> Experiment:
    """VQ-VAE on the 8x8 digits with 4x4 codes, then a small Transformer over the codes.

    pushforward train vq_vae_digits      (told the digit: --classes 10)
    """
    from ..data import digits

    data = digits(labels=classes > 0)
    codec = VQVAE(data.space, VectorQuantiser(codes, 16), width=32, halvings=1, blocks=1)
    prior = ImageGPT(codec.tokens, width, 2, classes=classes, dropout=0.2)
    model = TwoStage(codec, prior, codec_share=0.6)
    recipe = Recipe(steps, 64, Adam(2e-3), schedule=Cosine(), ema=0.99)
    return Experiment(model, data, recipe)


@preset("finite-scalar-quantisation")
def fsq_digits(steps: int = 1_500, width: int = 64, classes: int = 0) -> Experiment:
    """`vq_vae_digits` with two scalars of 6 and 5 levels in place of the codebook: 30 codes.

    pushforward train fsq_digits      (told the digit: --classes 10)
    """
    from ..data import digits

    data = digits(labels=classes > 0)
    codec = VQVAE(data.space, FiniteScalarQuantiser((6, 5)), width=32, halvings=1, blocks=1)
    prior = ImageGPT(codec.tokens, width, 2, classes=classes, dropout=0.2)
    model = TwoStage(codec, prior, codec_share=0.6)
    recipe = Recipe(steps, 64, Adam(2e-3), schedule=Cosine(), ema=0.99)
    return Experiment(model, data, recipe)


@preset("vqgan")
def vqgan_digits(
    steps: int = 3_000,
    codes: int = 32,
    width: int = 64,
    weight: float = 0.8,
    features: bool = True,
    classes: int = 0,
) -> Experiment:
    """`vq_vae_digits` against a critic of patches, and with features that should agree.

    pushforward train vqgan_digits      (told the digit: --classes 10)

    On images this small the game wins nothing: `vq_vae_digits` with as many steps has 2.21 bits/dim
    and a distance of 6.2.

    Args:
        weight: of the adversarial loss, once it is as strong as the others at the decoder.
        features: the loss of features too; these are of the classifier by which Frechet distances
            of digits are measured, so that the distance favours it.
    """
    from ..data import digits
    from ..metrics.small_classifiers import digits_classifier

    data = digits(labels=classes > 0)
    seen = digits_classifier().network if features else None
    codec = VQVAE(
        data.space,
        VectorQuantiser(codes, 16),
        width=32,
        halvings=1,
        blocks=1,
        adversary=Adversary(PatchCritic(1, 32, 1), seen, weight=weight),
    )
    prior = ImageGPT(codec.tokens, width, 2, classes=classes, dropout=0.2)
    critic = {"critic": Adam(1e-3, betas=(0.5, 0.9))}
    recipe = Recipe(steps, 64, Adam(2e-3), critic, schedule=Cosine(), ema=0.99)
    return Experiment(TwoStage(codec, prior, codec_share=0.6), data, recipe)


@preset("vq-vae")
def vq_vae_mnist(
    steps: int = 2_400, codes: int = 128, width: int = 32, layers: int = 2
) -> Experiment:
    """VQ-VAE on MNIST's 256 levels with 7x7 codes, then a small Transformer over the codes.

    pushforward train vq_vae_mnist      (a GPU has time for --steps 30000)

    Args:
        steps: of training: the codec has half of them.
        codes: of the codebook.
        width: channels of the codec; the Transformer has four times as many features.
        layers: of the Transformer.
    """
    from ..data import mnist

    data = mnist()
    codec = VQVAE(data.space, VectorQuantiser(codes, 16), width, blocks=1)
    prior = ImageGPT(codec.tokens, 4 * width, layers, dropout=0.1)
    recipe = Recipe(steps, 32, Adam(2e-3), schedule=Cosine(warmup=100), ema=0.995)
    return Experiment(TwoStage(codec, prior, codec_share=0.5), data, recipe)


@preset("vq-vae")
def vq_vae_cifar10(steps: int = 250_000, codes: int = 512, width: int = 256) -> Experiment:
    """VQ-VAE on CIFAR-10 with 8x8 codes of 512 (van den Oord et al., 2017, section 4.1).

    pushforward train vq_vae_cifar10 --device cuda      (a GPU preset: not run here)

    The paper: 250,000 steps of the codec with Adam(2e-4) and batches of 128, then a PixelCNN over
    the codes.
    """
    from ..data import cifar10

    data = cifar10()
    codec = VQVAE(data.space, VectorQuantiser(codes, 64), width)
    prior = ImageGPT(codec.tokens, width=512, layers=12, heads=8, dropout=0.1)
    recipe = Recipe(steps, 128, Adam(2e-4), schedule=Cosine(warmup=1_000), ema=0.9995)
    return Experiment(TwoStage(codec, prior), data, recipe)


@preset("vq-vae-2")
def vq_vae2_digits(
    steps: int = 3_000, codes: int = 32, width: int = 48, classes: int = 0
) -> Experiment:
    """VQ-VAE-2 on the 8x8 digits: 4x4 codes below 2x2, and a Gated PixelCNN over each.

    pushforward train vq_vae2_digits      (told the digit: --classes 10)
    """
    from ..data import digits

    data = digits(labels=classes > 0)
    books = VectorQuantiser(codes, 16), VectorQuantiser(codes, 16)
    codec = VQVAE2(data.space, books, width=width, halvings=(1, 1), blocks=1)
    model = CodePyramid(codec, usual_priors(codec, 32, 3, classes))
    recipe = Recipe(
        steps, 64, Adam(2e-3, weight_decay=0.1), schedule=Cosine(warmup=50), clip=50.0, ema=0.99
    )
    return Experiment(model, data, recipe)


@preset("vq-vae-2")
def vq_vae2_mnist(
    steps: int = 4_000, codes: int = 64, width: int = 32, layers: int = 4, classes: int = 0
) -> Experiment:
    """VQ-VAE-2 on MNIST's 256 levels: 14x14 codes below 7x7, and a Gated PixelCNN over each.

    pushforward train vq_vae2_mnist      (told the digit: --classes 10)
    """
    from ..data import mnist

    data = mnist(labels=classes > 0)
    books = VectorQuantiser(codes, 16), VectorQuantiser(codes, 16)
    codec = VQVAE2(data.space, books, width=width, halvings=(1, 1), blocks=1)
    model = CodePyramid(codec, usual_priors(codec, width, layers, classes))
    recipe = Recipe(steps, 32, Adam(1e-3), schedule=Cosine(warmup=100), clip=50.0, ema=0.995)
    return Experiment(model, data, recipe)


@preset("gumbel-softmax")
def gumbel_softmax_mnist(steps: int = 3_000, width: int = 32) -> Experiment:
    """Gumbel-softmax VAE with 30 variables of 10 classes on dynamically binarised MNIST.

    pushforward train gumbel_softmax_mnist      (a GPU has time for --steps 50000)
    """
    from ..data import mnist

    data = mnist(binarise="dynamic")
    recipe = Recipe(steps, 64, Adam(1e-3), schedule=Cosine(warmup=100), ema=0.995)
    return Experiment(GumbelSoftmaxVAE(data.space, 30, 10, width), data, recipe)


@preset("dvae")
def dvae_mnist(steps: int = 2_400, codes: int = 64, width: int = 32) -> Experiment:
    """dVAE on dynamically binarised MNIST with 7x7 codes, then a Transformer over the codes.

    pushforward train dvae_mnist      (a GPU has time for --steps 30000)
    """
    from ..data import mnist

    data = mnist(binarise="dynamic")
    codec = DVAE(data.space, codes, width, blocks=1)
    prior = ImageGPT(codec.tokens, width=4 * width, layers=2, dropout=0.1)
    recipe = Recipe(steps, 32, Adam(2e-3), schedule=Cosine(warmup=100), ema=0.995)
    return Experiment(TwoStage(codec, prior, codec_share=0.5), data, recipe)
