# Written by tools/stubs.py: run it again rather than change this.

from .adversarial.gan import critic_for as critic_for
from .adversarial.gan import generator_for as generator_for
from .adversarial.projection import project as project
from .autoregressive.raster import receptive_field as receptive_field
from .classification.perturbations import gradient_sign as gradient_sign
from .classification.perturbations import worst_of as worst_of
from .flow.dequantized import of_images as of_images
from .flow.flow import direction as direction
from .flow.standardised import standardised as standardised
from .latent.ar_decoder import with_autoregressive_decoder as with_autoregressive_decoder
from .latent.avb import dense_avb as dense_avb
from .latent.flow_posterior import with_posterior as with_posterior
from .latent.hvae import hvae as hvae
from .latent.mixture_posterior import with_mixture_posterior as with_mixture_posterior
from .latent.pixel_vae import pixel_vae as pixel_vae
from .latent.sentence_vae import interpolate as interpolate
from .latent.sentence_vae import recurrent_vae as recurrent_vae
from .latent.vae import decoder_for as decoder_for
from .latent.vae import dense as dense
from .latent.vae import encoder_for as encoder_for
from .latent.vlae import vlae as vlae
