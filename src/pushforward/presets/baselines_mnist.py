"""Presets that learn MNIST in a few minutes: baselines of Gaussians, and flows of vectors.

All are of the 256 levels, dequantised, on the logits (`DequantizedDensity`, alpha 1e-3), so that
their bits/dim compare with those of RealNVP and Glow, which know that pixels have neighbours.
"""

from __future__ import annotations

from ..core.catalogue import preset
from ..core.contract import Density
from ..core.dataset import Dataset
from ..models.flow.dequantized import DequantizedDensity, of_images
from ..models.flow.maf import MAF
from ..models.flow.nice import NICE
from ..models.latent.gmm import GMM
from ..models.latent.k_means import KMeans
from ..models.latent.ppca import PPCA
from ..training.experiment import Experiment
from ..training.recipe import Adam, Cosine, Recipe

ALPHA = 1e-3


@preset("ppca", "em")
def ppca_mnist(latent: int = 100, steps: int = 40) -> Experiment:
    """Probabilistic PCA by EM on the logits of dequantised MNIST.

    pushforward train ppca_mnist
    """
    data = _mnist()
    return _whole(PPCA(data.space.shape, latent), data, steps)


@preset("k-means")
def k_means_mnist(clusters: int = 200, steps: int = 25) -> Experiment:
    """k-means on the logits of dequantised MNIST: a mixture of balls of one width.

    pushforward train k_means_mnist
    """
    data = _mnist()
    return _whole(KMeans(data.space.shape, clusters), data, steps)


@preset("gmm", "em")
def gmm_mnist(components: int = 10, regularisation: float = 0.05, steps: int = 25) -> Experiment:
    """A Gaussian mixture with full covariances by EM on the logits of dequantised MNIST.

    pushforward train gmm_mnist

    Args:
        components: Gaussians.
        regularisation: variance added to every direction, in squared logits.
        steps: iterations of EM, each on new dequantisation noise.
    """
    data = _mnist()
    return _whole(GMM(data.space.shape, components, regularisation=regularisation), data, steps)


@preset("nice", "uniform-dequantisation")
def nice_mnist(couplings: int = 6, width: int = 256, steps: int = 10_000) -> Experiment:
    """NICE on MNIST as vectors, uniformly dequantised.

    pushforward train nice_mnist
    """
    data = _mnist()
    return _vectors(NICE(data.space.dims, couplings, width, 3), data, steps)


@preset("maf", "uniform-dequantisation")
def maf_mnist(couplings: int = 5, width: int = 192, steps: int = 8_000) -> Experiment:
    """MAF on MNIST as vectors, uniformly dequantised.

    pushforward train maf_mnist
    """
    data = _mnist()
    return _vectors(MAF(data.space.dims, couplings, width), data, steps)


def _mnist() -> Dataset:
    from ..data import mnist

    return mnist()


def _whole(density: Density, data: Dataset, steps: int) -> Experiment:
    """Closed-form iterations, each over all images."""
    return Experiment(
        DequantizedDensity(density, data.space, alpha=ALPHA), data, Recipe(steps, None)
    )


def _vectors(flow: NICE | MAF, data: Dataset, steps: int) -> Experiment:
    recipe = Recipe(steps, 64, Adam(1e-3), schedule=Cosine(warmup=200), ema=0.998, clip=100.0)
    return Experiment(of_images(flow, data.space, alpha=ALPHA), data, recipe)
