"""Presets of latent-variable models on small data."""

from __future__ import annotations

from ..core.catalogue import preset
from ..core.contract import Density
from ..core.dataset import Dataset
from ..core.given import told
from ..core.spaces import Pixels, count
from ..models.flow.dequantized import DequantizedDensity
from ..models.flow.iaf import IAF
from ..models.flow.maf import MAF
from ..models.flow.realnvp import VectorRealNVP
from ..models.latent.ar_decoder import with_autoregressive_decoder
from ..models.latent.avb import dense_avb
from ..models.latent.deep_vae import DeepVAE
from ..models.latent.flow_posterior import posterior
from ..models.latent.gmm import GMM
from ..models.latent.k_means import KMeans
from ..models.latent.ladder_vae import LadderVAE
from ..models.latent.pixel_vae import pixel_vae
from ..models.latent.ppca import PPCA
from ..models.latent.vae import VAE, TwoStageVAE, dense_encoder
from ..models.latent.vampprior import VampPrior
from ..models.latent.vlae import vlae
from ..nn.mlp import MLP
from ..objectives.disentangling import DIP, BetaTC
from ..objectives.importance import DReG
from ..objectives.variational import ELBO, Linear, Objective
from ..probability.covariances import DiagonalCovariance
from ..probability.decoders import Decoder
from ..probability.discretized import DiscretizedLogisticHead
from ..probability.implicit import MixturePosterior
from ..probability.posteriors import DiagonalGaussian, Encoder, PosteriorHead
from ..training.experiment import Experiment
from ..training.recipe import Adam, Cosine, Recipe


@preset("gmm", "em")
def gmm_moons(components: int = 16, steps: int = 50) -> Experiment:
    """A Gaussian mixture by EM on two moons.

    pushforward train gmm_moons
    """
    from ..data import moons

    data = moons()
    return Experiment(GMM(data.space.dims, components), data, Recipe(steps, batch_size=None))


@preset("gmm", "em")
def gmm_digits(components: int = 10, regularisation: float = 0.05, steps: int = 100) -> Experiment:
    """A Gaussian mixture with full covariances by EM on the logits of dequantised 8x8 digits.

    pushforward train gmm_digits

    Args:
        components: Gaussians.
        regularisation: variance added to every direction, in squared logits.
        steps: iterations of EM, each on new dequantisation noise.
    """
    from ..data import digits

    data = digits()
    mixture = GMM(data.space.shape, components, regularisation=regularisation)
    return Experiment(DequantizedDensity(mixture, data.space), data, Recipe(steps, None))


@preset("ppca", "em")
def ppca_digits(latent: int = 20, steps: int = 60) -> Experiment:
    """Probabilistic PCA by EM on the logits of dequantised 8x8 digits.

    pushforward train ppca_digits
    """
    from ..data import digits

    data = digits()
    model = DequantizedDensity(PPCA(data.space.shape, latent), data.space)
    return Experiment(model, data, Recipe(steps, None))


@preset("k-means")
def k_means_digits(clusters: int = 100, steps: int = 30) -> Experiment:
    """k-means on the logits of dequantised 8x8 digits: a mixture of balls of one width.

    pushforward train k_means_digits
    """
    from ..data import digits

    data = digits()
    model = DequantizedDensity(KMeans(data.space.shape, clusters), data.space)
    return Experiment(model, data, Recipe(steps, None))


@preset("vae", "elbo")
def vae_digits(latent: int = 16, width: int = 256, steps: int = 1_500) -> Experiment:
    """A VAE with discretised-logistic pixels on the 8x8 digits.

    pushforward train vae_digits
    """
    return _digits(*_digit_parts(DiagonalGaussian(latent), width), steps=steps)


@preset("conditional-vae")
def conditional_vae_digits(
    latent: int = 8, width: int = 256, steps: int = 4_000, classes: int = 10
) -> Experiment:
    """The same VAE, whose encoder and decoder are told which digit it is.

    pushforward train conditional_vae_digits
    """
    parts = _digit_parts(DiagonalGaussian(latent), width, count("classes", classes))
    return _digits(*parts, steps=steps)


@preset("vampprior")
def vamp_digits(
    latent: int = 16,
    width: int = 256,
    components: int = 100,
    steps: int = 1_500,
    classes: int = 0,
) -> Experiment:
    """The same VAE with a VampPrior, whose pseudo-inputs start on training images.

    pushforward train vamp_digits      (told the digit: --classes 10 --components 20)
    """
    encoder, decoder = _digit_parts(DiagonalGaussian(latent), width, classes)
    return _digits(encoder, decoder, _vamp(encoder, components), steps=steps)


@preset("iwae")
def iwae_digits(latent: int = 16, width: int = 256, k: int = 10, steps: int = 1_500) -> Experiment:
    """The same VAE trained on the importance-weighted bound by DReG.

    pushforward train iwae_digits
    """
    encoder, decoder = _digit_parts(DiagonalGaussian(latent), width)
    return _digits(encoder, decoder, objective=DReG(k), steps=steps)


@preset("flow-prior")
def flow_prior_digits(latent: int = 16, width: int = 256, steps: int = 1_500) -> Experiment:
    """The same VAE with a RealNVP prior, trained along.

    pushforward train flow_prior_digits
    """
    encoder, decoder = _digit_parts(DiagonalGaussian(latent), width)
    return _digits(encoder, decoder, VectorRealNVP(latent, 4, width=64), steps=steps)


@preset("autoregressive-prior")
def ar_prior_digits(latent: int = 16, width: int = 256, steps: int = 1_500) -> Experiment:
    """The same VAE with a masked autoregressive prior, trained along.

    pushforward train ar_prior_digits
    """
    encoder, decoder = _digit_parts(DiagonalGaussian(latent), width)
    return _digits(encoder, decoder, MAF(latent, 2, width=64), steps=steps)


@preset("implicit-reparametrisation")
def mixture_posterior_digits(
    latent: int = 16, width: int = 256, components: int = 3, steps: int = 1_500
) -> Experiment:
    """The same VAE whose posterior is a mixture of normals, by implicit gradients.

    pushforward train mixture_posterior_digits
    """
    return _digits(*_digit_parts(MixturePosterior(latent, components), width), steps=steps)


@preset("mixture-prior")
def mixture_prior_digits(
    latent: int = 16, width: int = 256, components: int = 30, steps: int = 3_000
) -> Experiment:
    """The same VAE; in the second half of the steps a mixture is fitted to its latents, by EM.

    pushforward train mixture_prior_digits
    """
    from ..data import digits

    data = digits()
    prior = GMM(latent, components, DiagonalCovariance(), regularisation=1e-3)
    model = TwoStageVAE(*_digit_parts(DiagonalGaussian(latent), width), prior)
    return Experiment(model, data, Recipe(steps, 1_000, Adam(2e-3), schedule=Cosine()))


@preset("iaf-posterior", "flow-posterior")
def iaf_digits(latent: int = 16, width: int = 256, steps: int = 1_500) -> Experiment:
    """The same VAE with two inverse autoregressive steps in its posterior.

    pushforward train iaf_digits
    """
    head = posterior(IAF(latent, 2, width=64, context=32))
    return _digits(*_digit_parts(head, width), steps=steps)


@preset("ar-decoder", "free-bits")
def ar_decoder_digits(
    latent: int = 8, width: int = 256, free_bits: float = 0.5, steps: int = 1_500
) -> Experiment:
    """A VAE with an autoregressive decoder on binarised digits; without free bits it collapses.

    pushforward train ar_decoder_digits
    pushforward train ar_decoder_digits --free-bits 0    (the rate goes to 0)
    """
    from ..data import digits

    data = digits(binarise="dynamic")
    objective = ELBO(free_bits=free_bits)
    model = with_autoregressive_decoder(data.space, latent, width, objective)
    return Experiment(model, data, Recipe(steps, 128, Adam(1e-3), schedule=Cosine(), ema=0.995))


@preset("ar-decoder")
def pixelvae_digits(
    latent: int = 16, width: int = 24, layers: int = 1, steps: int = 600, classes: int = 0
) -> Experiment:
    """A PixelVAE on the 8x8 digits: convolutions to z, a gated PixelCNN from it.

    pushforward train pixelvae_digits      (told the digit: --classes 10)

    Args:
        latent: length of z.
        width: channels of the convolutions.
        layers: gated layers after the first, whose kernel is 5.
        steps: of training.
        classes: labels that it is told; 0 is none.
    """
    from ..data import digits

    data, objective = digits(labels=classes > 0), ELBO(beta=Linear(until=0.3))
    model = pixel_vae(data.space, latent, width, layers, 5, objective=objective, classes=classes)
    adam = Adam(3e-3, weight_decay=0.1)
    recipe = Recipe(steps, 64, adam, schedule=Cosine(warmup=40), ema=0.98, clip=10.0)
    return Experiment(model, data, recipe)


@preset("vlae", "autoregressive-prior")
def vlae_digits(
    latent: int = 16, width: int = 24, window: int = 3, classes: int = 0, steps: int = 600
) -> Experiment:
    """A VLAE on the 8x8 digits: the decoder sees two rows above, z is left with the rest.

    pushforward train vlae_digits      (told the digit: --classes 10)

    Args:
        latent: length of z.
        width: channels of the convolutions.
        window: kernel of the decoder's first convolution, odd.
        classes: labels that it is told; 0 is none.
        steps: of training.
    """
    from ..data import digits

    data = digits(labels=classes > 0)
    model = vlae(data.space, latent, width, window, units=64, couplings=2, classes=classes)
    adam = Adam(3e-3, weight_decay=0.1)
    recipe = Recipe(steps, 64, adam, schedule=Cosine(warmup=40), ema=0.98, clip=10.0)
    return Experiment(model, data, recipe)


@preset("beta-vae", "kl-annealing")
def beta_digits(
    latent: int = 16, width: int = 256, beta: float = 4.0, steps: int = 1_500
) -> Experiment:
    """A beta-VAE whose weight grows linearly over the first half of the training.

    pushforward train beta_digits
    """
    parts = _digit_parts(DiagonalGaussian(latent), width)
    return _digits(*parts, objective=ELBO(beta=Linear(final=beta)), steps=steps)


@preset("tc-vae")
def tc_digits(
    latent: int = 16, width: int = 256, beta: float = 4.0, steps: int = 1_500
) -> Experiment:
    """A beta-TC-VAE: the weight is on the total correlation alone.

    pushforward train tc_digits
    """
    parts = _digit_parts(DiagonalGaussian(latent), width)
    return _digits(*parts, objective=BetaTC(beta), steps=steps)


@preset("dip-vae")
def dip_digits(
    latent: int = 16, width: int = 256, weight: float = 10.0, steps: int = 1_500
) -> Experiment:
    """A DIP-VAE II.

    pushforward train dip_digits
    """
    parts = _digit_parts(DiagonalGaussian(latent), width)
    return _digits(*parts, objective=DIP(weight, weight), steps=steps)


@preset("avb")
def avb_digits(latent: int = 8, width: int = 256, turns: int = 4, steps: int = 2_000) -> Experiment:
    """Adversarial variational Bayes on binarised digits.

    pushforward train avb_digits

    On the first 100 test digits distortion and rate, 18.3 + 4.4 by the critic, come to 22.7 nats
    where -log p(x) is 22.5 by annealing.

    Args:
        latent: length of z.
        width: units of all perceptrons.
        turns: of the critic in each step, at twice the model's rate. With one at the model's own
            (and 4,000 steps, noise of 16) they come to 18.9 nats where annealing says 27.4: the
            encoder goes where the critic is wrong.
        steps: of training.
    """
    from ..data import digits

    data = digits(binarise="dynamic")
    model = dense_avb(data.space, latent, width, noise=8, layers=2, turns=turns)
    model_rate, critic_rate = (Adam(lr, betas=(0.5, 0.999)) for lr in (5e-4, 1e-3))
    recipe = Recipe(
        steps, 128, model_rate, optimizers={"critic": critic_rate}, schedule=Cosine(), ema=0.995
    )
    return Experiment(model, data, recipe)


@preset("ladder-vae", "kl-annealing")
def ladder_digits(width: int = 256, steps: int = 2_000, classes: int = 0) -> Experiment:
    """A Ladder VAE of three levels, whose rate is annealed, on the 8x8 digits.

    pushforward train ladder_digits      (told the digit: --classes 10)
    """
    from ..data import digits

    data, objective = digits(labels=classes > 0), ELBO(beta=Linear(until=0.5))
    head = DiscretizedLogisticHead(data.space.levels)
    model = LadderVAE(data.space, (16, 8, 4), width, head, objective, classes)
    recipe = Recipe(steps, 128, Adam(1e-3), schedule=Cosine(), ema=0.995)
    return Experiment(model, data, recipe)


@preset("deep-vae")
def deep_digits(
    width: int = 32, latent: int = 4, steps: int = 1_500, classes: int = 0
) -> Experiment:
    """A deep VAE of six groups at 2x2, 4x4 and 8x8 on the 8x8 digits.

    pushforward train deep_digits      (told the digit: --classes 10)
    """
    from ..data import digits

    data = digits(labels=classes > 0)
    model = DeepVAE(data.space, (2, 2, 2), width, latent, classes=classes)
    recipe = Recipe(steps, 64, Adam(2e-3), schedule=Cosine(warmup=100), ema=0.995, clip=10.0)
    return Experiment(model, data, recipe)


def _digit_parts(head: PosteriorHead, width: int, classes: int = 0) -> tuple[Encoder, Decoder]:
    from ..data import digits

    space: Pixels = digits().space
    logistic, given = DiscretizedLogisticHead(space.levels), told(classes)
    encoder = dense_encoder(space, head, width, given=given)
    network = MLP(head.latent, space.dims * logistic.outputs, width, 1, classes)
    return encoder, Decoder(network, space, logistic, given)


def _digits(
    encoder: Encoder,
    decoder: Decoder,
    prior: Density | None = None,
    objective: Objective | None = None,
    steps: int = 1_500,
) -> Experiment:
    from ..data import digits

    recipe = Recipe(steps, 128, Adam(1e-3), schedule=Cosine(), ema=0.995)
    model = VAE(encoder, decoder, prior, objective)
    return Experiment(model, digits(labels=model.given is not None), recipe)


def _vamp(encoder: Encoder, components: int) -> VampPrior:
    from ..data import digits

    data: Dataset = digits(labels=encoder.given is not None)
    images, *beside = data.train.told(encoder.given).at(slice(None))
    return VampPrior(encoder, min(components, len(images))).start(images, *beside)
