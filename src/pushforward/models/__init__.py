"""One paper, one file, in a folder for its family; here are the functions that build and ask."""

from ..core.names import found_later as _found_later

HOMES = {
    "critic_for": "adversarial.gan",
    "generator_for": "adversarial.gan",
    "project": "adversarial.projection",
    "receptive_field": "autoregressive.raster",
    "gradient_sign": "classification.perturbations",
    "worst_of": "classification.perturbations",
    "of_images": "flow.dequantized",
    "direction": "flow.flow",
    "standardised": "flow.standardised",
    "with_autoregressive_decoder": "latent.ar_decoder",
    "dense_avb": "latent.avb",
    "with_posterior": "latent.flow_posterior",
    "hvae": "latent.hvae",
    "with_mixture_posterior": "latent.mixture_posterior",
    "pixel_vae": "latent.pixel_vae",
    "interpolate": "latent.sentence_vae",
    "recurrent_vae": "latent.sentence_vae",
    "vlae": "latent.vlae",
    "decoder_for": "latent.vae",
    "dense": "latent.vae",
    "encoder_for": "latent.vae",
}
"""Functions by name, and the file of each; the classes are found as `pushforward.NAME`."""

__getattr__, __dir__ = _found_later(__name__, lambda: HOMES)
