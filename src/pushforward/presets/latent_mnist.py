"""Presets of latent-variable models on dynamically binarised MNIST."""

from __future__ import annotations

import dataclasses
from typing import Literal

from ..core.catalogue import preset
from ..core.contract import Density
from ..core.spaces import Pixels
from ..models.flow.iaf import IAF
from ..models.flow.realnvp import VectorRealNVP
from ..models.latent.deep_vae import DeepVAE
from ..models.latent.flow_posterior import posterior
from ..models.latent.hvae import hvae
from ..models.latent.pixel_vae import pixel_vae
from ..models.latent.vae import VAE
from ..models.latent.vampprior import VampPrior
from ..nn.mlp import MLP, FlatMLP
from ..objectives.importance import DReG
from ..objectives.variational import ELBO, Linear, Objective
from ..probability.decoders import Decoder
from ..probability.posteriors import DiagonalGaussian, Encoder, PosteriorHead
from ..training.experiment import Experiment
from ..training.recipe import Adam, Cosine, Recipe


@preset("vae", "elbo")
def vae_mnist(latent: int = 40, width: int = 500, steps: int = 80_000) -> Experiment:
    """A VAE with two layers of perceptrons on dynamically binarised MNIST.

    pushforward train vae_mnist --compile
    """
    return _mnist(*_mnist_parts(DiagonalGaussian(latent), width), steps=steps)


@preset("iwae")
def iwae_mnist(
    latent: int = 40, width: int = 500, k: int = 50, after: float = 0.9, steps: int = 40_000
) -> Experiment:
    """The same trained on the bound with 50 draws, of which the first steps take one.

    pushforward train iwae_mnist --compile

    Burda et al. (2016) report 84.78 nats on the dynamic binarisation, as here (table 1), and 87.10
    on the fixed one (appendix D, table 3).
    """
    encoder, decoder = _mnist_parts(DiagonalGaussian(latent), width)
    return _mnist(encoder, decoder, objective=DReG(k, after), steps=steps)


@preset("iwae")
def iwae_mnist_paper(
    latent: int = 50, width: int = 200, k: int = 50, steps: int = 400_000
) -> Experiment:
    """The bound with 50 draws and the paper's network of one stochastic layer.

    pushforward train iwae_mnist_paper --device cuda      (a GPU preset)

    Burda et al. (2016, table 1) report 84.78 nats on the dynamic binarisation, as here.
    """
    encoder, decoder = _mnist_parts(DiagonalGaussian(latent), width)
    return _mnist(encoder, decoder, objective=DReG(k), steps=steps)


@preset("vampprior")
def vamp_mnist(
    latent: int = 40,
    width: int = 500,
    components: int = 500,
    binarise: Literal["dynamic", "fixed", "threshold"] = "dynamic",
    steps: int = 30_000,
) -> Experiment:
    """The same VAE with a VampPrior, on the dynamic binarisation or the fixed one.

    pushforward train vamp_mnist --compile

    Tomczak & Welling (2018, table 1) report 85.57 nats on the fixed binarisation of the literature,
    which is `mnist?binarise=larochelle`; "fixed" here is our own draw.
    """
    from ..data import mnist

    data = mnist(binarise=binarise)
    encoder, decoder = _mnist_parts(DiagonalGaussian(latent), width)
    images = data.train.at(slice(0, components))[0]  # or as many as there are
    prior = VampPrior(encoder, len(images)).start(images)
    return dataclasses.replace(_mnist(encoder, decoder, prior, steps=steps), data=data)


@preset("vampprior")
def hvae_vamp_mnist(
    latents: tuple[int, int] = (40, 40),
    width: int = 300,
    components: int = 500,
    steps: int = 400_000,
) -> Experiment:
    """Two levels with a VampPrior on top.

    pushforward train hvae_vamp_mnist --device cuda      (a GPU preset)

    Tomczak & Welling (2018, HVAE with L = 2) report 81.24 nats on the dynamic binarisation, as
    here, and 83.19 on the fixed one (table 1).
    """
    from ..data import mnist

    data = mnist(binarise="dynamic")
    recipe = Recipe(steps, 128, Adam(5e-4), schedule=Cosine(warmup=500), ema=0.9995)
    model = hvae(data.space, latents, width, components, layers=2)
    return Experiment(model, data, recipe)


@preset("iaf-posterior")
def iaf_mnist(latent: int = 40, width: int = 500, steps: int = 30_000) -> Experiment:
    """The same VAE with four inverse autoregressive steps in its posterior.

    pushforward train iaf_mnist --compile
    """
    head = posterior(IAF(latent, 4, width=320, context=100))
    return _mnist(*_mnist_parts(head, width), steps=steps)


@preset("flow-prior")
def flow_prior_mnist(latent: int = 40, width: int = 500, steps: int = 30_000) -> Experiment:
    """The same VAE with a RealNVP prior, trained along.

    pushforward train flow_prior_mnist
    """
    encoder, decoder = _mnist_parts(DiagonalGaussian(latent), width)
    return _mnist(encoder, decoder, VectorRealNVP(latent, 6, width=128), steps=steps)


@preset("deep-vae")
def deep_mnist(width: int = 128, latent: int = 8, steps: int = 200_000) -> Experiment:
    """A deep VAE of twelve groups at 7x7, 14x14 and 28x28 on dynamically binarised MNIST.

    pushforward train deep_mnist --device cuda      (a GPU preset)
    """
    from ..data import mnist

    data = mnist(binarise="dynamic")
    model = DeepVAE(data.space, (4, 4, 4), width, latent)
    recipe = Recipe(steps, 64, Adam(1e-3), schedule=Cosine(warmup=1_000), ema=0.9995, clip=100.0)
    return Experiment(model, data, recipe)


@preset("ar-decoder")
def pixelvae_mnist(
    latent: int = 64, width: int = 64, layers: int = 6, steps: int = 100_000
) -> Experiment:
    """A PixelVAE on dynamically binarised MNIST.

    pushforward train pixelvae_mnist --device cuda      (a GPU preset)

    Gulrajani et al. (2017, table 1) report an estimate of 79.02 nats by 1,000 importance weights,
    and a bound of 79.66, on the fixed binarisation.
    """
    from ..data import mnist

    data, objective = mnist(binarise="dynamic"), ELBO(beta=Linear(until=0.1))
    model = pixel_vae(data.space, latent, width, layers, features=32, objective=objective)
    recipe = Recipe(steps, 64, Adam(1e-3), schedule=Cosine(warmup=1_000), ema=0.9995, clip=1.0)
    return Experiment(model, data, recipe)


def _mnist_parts(head: PosteriorHead, width: int) -> tuple[Encoder, Decoder]:
    from ..data import mnist

    space: Pixels = mnist(binarise="dynamic").space
    encoder = Encoder(FlatMLP(space.dims, head.outputs, width, 2), space, head)
    return encoder, Decoder(MLP(head.latent, space.dims, width, 2), space)


def _mnist(
    encoder: Encoder,
    decoder: Decoder,
    prior: Density | None = None,
    objective: Objective | None = None,
    steps: int = 30_000,
) -> Experiment:
    from ..data import mnist

    recipe = Recipe(steps, 128, Adam(1e-3), schedule=Cosine(warmup=500), ema=0.999)
    model = VAE(encoder, decoder, prior, objective)
    return Experiment(model, mnist(binarise="dynamic"), recipe)
