"""VQGAN: the codec of VQ-VAE, trained to fool a critic as well as to reconstruct.

    min_{E, G, Z} max_D  E [ L_VQ(E, G, Z) + lambda L_GAN(E, G, Z; D) ]                    (eq. 6)

It is no class of its own: `VQVAE(..., adversary=Adversary(critic, features))` has one player more,
the critic, and two terms more in the codec's loss, what features find and what the critic says. So
have `VQVAE2` and `DVAE`. Codes, bounds, priors (`TwoStage`, `CodePyramid`) and samples are those of
the codec without it.

Taming Transformers for High-Resolution Image Synthesis (Esser, Rombach and Ommer, 2021),
arXiv:2012.09841, section 3.1, eqs. 4-7. What differs is in `adversary.py`; the networks are the
residual ones of VQ-VAE, without attention, and the codebook is moved by averages.
"""

from __future__ import annotations

from ...core.catalogue import example, system
from ...core.spaces import Pixels
from ...nn.patch_critic import PatchCritic
from ...probability.quantisation import VectorQuantiser
from .adversary import Adversary
from .vq_vae import VQVAE

system("vqgan", lecture=12, title="VQGAN: a codec against a critic", paper="arXiv:2012.09841")


@example(data="bars")
def vqgan() -> VQVAE:
    """The smallest instance: its bound can be summed over all images."""
    adversary = Adversary(PatchCritic(1, 4, 1), start=0.0)
    return VQVAE(
        Pixels(1, 4, 4, levels=2),
        VectorQuantiser(8, 4),
        width=8,
        halvings=1,
        blocks=1,
        adversary=adversary,
    )
