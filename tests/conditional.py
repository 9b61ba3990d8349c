"""The smallest class-conditional models of every kind: what laws of conditions are tried on."""

import torch

import pushforward as pf
from pushforward.models.flow.dequantized import of_images
from pushforward.probability.quantisation import VectorQuantiser
from pushforward.solvers.fixed import RungeKutta4
from pushforward.solvers.samplers import DDIM, HeunSampler

BARS = pf.Pixels(1, 2, 4, levels=2)
SQUARE = pf.Pixels(1, 4, 4, levels=2)
TWO = {"classes": 2}


def codes(prior):
    """A codec, and a prior over its codes that is told the class."""
    codec = pf.VQVAE(SQUARE, VectorQuantiser(8, 4), width=8, halvings=1, blocks=1)
    return pf.TwoStage(codec, prior(codec))


def latent_diffusion():
    codec = pf.GridCodec(SQUARE, features=2, width=16, halvings=1)
    net = pf.UNet(2, width=8, multipliers=(1,), blocks=1, attention=0, **TWO)
    return pf.LatentDiffusion(codec, pf.DDPM(codec.latent, net, steps=20, sampler=DDIM(5)))


def unet():
    return pf.UNet(1, width=8, multipliers=(1, 2), blocks=1, attention=0, **TWO)


SMALL = {
    "made": lambda: pf.MADE(BARS, width=32, **TWO),
    "pixelcnn": lambda: pf.PixelCNN(BARS, width=8, layers=1, first=3, **TWO),
    "gated_pixelcnn": lambda: pf.GatedPixelCNN(BARS, width=8, layers=1, first=3, **TWO),
    "pixelsnail": lambda: pf.PixelSNAIL(BARS, width=8, blocks=1, layers=1, keys=4, **TWO),
    "imagegpt": lambda: pf.ImageGPT(BARS, width=16, layers=1, heads=2, **TWO),
    "flow_of_vectors": lambda: of_images(pf.VectorRealNVP(8, 2, width=16, layers=1, **TWO), BARS),
    "maf": lambda: of_images(pf.MAF(8, 2, width=16, **TWO), BARS),
    "ffjord": lambda: pf.ImageFFJORD(
        BARS, width=8, layers=1, solver=RungeKutta4(2), adjoint=False, **TWO
    ),
}
LARGER = {
    "pixelcnn_pp": lambda: pf.PixelCNNpp(SQUARE, 8, 1, 2, halvings=1, dropout=0.0, **TWO),
    "realnvp": lambda: pf.RealNVP(SQUARE, couplings=1, width=8, blocks=1, **TWO),
    "glow": lambda: pf.Glow(SQUARE, scales=2, steps=2, width=16, **TWO),
    "flowpp": lambda: pf.FlowPP(
        SQUARE, width=8, blocks=1, components=2, noise_couplings=1, noise_blocks=1, **TWO
    ),
    "pixelcnn_of_codes": lambda: codes(
        lambda codec: pf.PixelCNN(pf.Tokens(codec.grid, 8), width=8, layers=1, first=3, **TWO)
    ),
    "gated_pixelcnn_of_codes": lambda: codes(
        lambda codec: pf.GatedPixelCNN(pf.Tokens(codec.grid, 8), width=8, layers=1, **TWO)
    ),
    "imagegpt_of_codes": lambda: codes(
        lambda codec: pf.ImageGPT(codec.tokens, width=16, layers=1, heads=2, **TWO)
    ),
    "ddpm": lambda: pf.DDPM(SQUARE, unet(), steps=16, sampler=DDIM(5)),
    "edm": lambda: pf.EDM(SQUARE, unet(), most=10.0, sampler=HeunSampler(5)),
    "flow_matching": lambda: pf.FlowMatching(SQUARE, unet(), DDIM(5)),
    "guided": lambda: pf.Guided(pf.FlowMatching(SQUARE, unet(), DDIM(5)), classes=2),
    "latent_diffusion": latent_diffusion,
}


def subjects():
    """Name, builder and the spec of its data, for each."""
    small = {name: (build, "bars?height=2&labels=True") for name, build in SMALL.items()}
    return small | {name: (build, "bars?labels=True") for name, build in LARGER.items()}


def with_context(n=512):
    """Points of the plane beside the vector and the label that they depend on."""
    generator = torch.Generator().manual_seed(0)
    y = torch.randint(3, (n,), generator=generator)
    c = torch.randn(n, 2, generator=generator)
    x = torch.randn(n, 2, generator=generator) * 0.3 + c + y[:, None]
    split = pf.Split((x, y, c))
    return pf.Dataset("told", pf.Reals((2,)), split, split.first(128), split)
