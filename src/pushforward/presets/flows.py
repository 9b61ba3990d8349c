"""Presets of the flow family."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..core.catalogue import preset
from ..models.flow.dequantized import Dequantized, of_images
from ..models.flow.distillation import Distillation
from ..models.flow.ffjord import FFJORD, ImageFFJORD
from ..models.flow.flow import Flow
from ..models.flow.flowpp import FlowPP
from ..models.flow.glow import Glow
from ..models.flow.iaf import IAF
from ..models.flow.maf import MAF
from ..models.flow.neural_ode import NeuralODE
from ..models.flow.nice import NICE
from ..models.flow.nsf import NSF
from ..models.flow.planar import PlanarFlow
from ..models.flow.realnvp import RealNVP, VectorRealNVP
from ..models.flow.sylvester import SylvesterFlow
from ..objectives.variational import Linear
from ..probability.energies import PlaneEnergy
from ..solvers.adaptive import DormandPrince
from ..solvers.fixed import RungeKutta4
from ..theory.reverse_fits import ReverseKL
from ..training.experiment import Experiment
from ..training.recipe import Adam, Cosine, Recipe
from . import targets


@preset("realnvp")
def realnvp_moons(couplings: int = 8, width: int = 64, steps: int = 2_000) -> Experiment:
    """Real NVP on two moons.

    pushforward train realnvp_moons
    """
    from ..data import moons

    data = moons()
    recipe = Recipe(steps, 256, Adam(2e-3), schedule=Cosine(warmup=50), ema=0.99)
    return Experiment(VectorRealNVP(data.space.dims, couplings, width), data, recipe)


@preset("realnvp", "uniform-dequantisation")
def realnvp_digits(
    width: int = 16, blocks: int = 1, steps: int = 500, classes: int = 0
) -> Experiment:
    """Real NVP on the 8x8 digits, where independent pixels have 2.425 bits/dim.

    pushforward train realnvp_digits      (told the digit: --classes 10)
    """
    from ..data import digits

    data = digits(labels=classes > 0)
    model = RealNVP(data.space, width=width, blocks=blocks, alpha=0.01, classes=classes)
    recipe = Recipe(steps, 64, Adam(3e-3), schedule=Cosine(warmup=20), ema=0.98, clip=50.0)
    return Experiment(model, data, recipe)


@preset("iw-dequantisation", "realnvp")
def iw_dequantised_digits(
    k: int = 8, width: int = 16, blocks: int = 1, steps: int = 500
) -> Experiment:
    """The same flow trained on the bound with k draws of noise for each image.

    pushforward train iw_dequantised_digits
    """
    asked = realnvp_digits(width, blocks, steps)
    flow = RealNVP(asked.data.space, width=width, blocks=blocks, alpha=0.01).flow
    return replace(asked, model=Dequantized(flow, asked.data.space, alpha=0.01, k=k))


@preset("realnvp", "uniform-dequantisation")
def realnvp_mnist(
    width: int = 32, blocks: int = 1, steps: int = 10_000, batch_size: int = 32
) -> Experiment:
    """Real NVP on 28x28 MNIST with 256 grey levels.

    pushforward train realnvp_mnist
    pushforward train realnvp_mnist --width 64 --blocks 4 --steps 100000 --batch-size 128
        --device cuda      (the paper's size: for a GPU, not measured)

    Its own paper has no figure for MNIST; that of FFJORD (Grathwohl et al., 2019, table 2) tells
    1.06 bits/dim.
    """
    from ..data import mnist

    data = mnist()
    model = RealNVP(data.space, width=width, blocks=blocks, alpha=1e-3)
    recipe = Recipe(
        steps, batch_size, Adam(1e-3), schedule=Cosine(warmup=200), ema=0.998, clip=100.0
    )
    return Experiment(model, data, recipe)


@preset("glow", "uniform-dequantisation")
def glow_digits(
    scales: int = 2, steps_per_scale: int = 4, width: int = 32, classes: int = 0, steps: int = 600
) -> Experiment:
    """Glow on the 8x8 digits; with `--classes 10` one that is told the digit.

    pushforward train glow_digits
    """
    from ..data import digits

    data = digits(labels=classes > 0)
    model = Glow(data.space, scales, steps_per_scale, width, classes, alpha=0.01)
    recipe = Recipe(steps, 64, Adam(3e-3), schedule=Cosine(warmup=20), ema=0.98, clip=50.0)
    return Experiment(model, data, recipe)


@preset("emerging-convolution", "glow")
def emerging_digits(
    scales: int = 2, steps_per_scale: int = 4, width: int = 32, classes: int = 0, steps: int = 600
) -> Experiment:
    """The same Glow, whose 1x1 convolutions are emerging ones of 5x5.

    pushforward train emerging_digits
    """
    asked = glow_digits(scales, steps_per_scale, width, classes, steps)
    model = Glow(
        asked.data.space, scales, steps_per_scale, width, classes, mixing="emerging", alpha=0.01
    )
    return replace(asked, model=model)


@preset("glow", "uniform-dequantisation")
def glow_mnist(
    scales: int = 2,
    steps_per_scale: int = 8,
    width: int = 64,
    steps: int = 10_000,
    batch_size: int = 32,
) -> Experiment:
    """Glow on 28x28 MNIST with 256 grey levels.

    pushforward train glow_mnist      (with --bf16, 10,000 steps likewise end at 1.188 bits/dim)
    pushforward train glow_mnist --steps-per-scale 32 --width 512 --steps 100000 --batch-size 128
        --device cuda      (the paper's size: for a GPU, not measured)

    Its own paper has no figure for MNIST; that of FFJORD (Grathwohl et al., 2019, table 2) tells
    1.05 bits/dim.
    """
    from ..data import mnist

    data = mnist()
    model = Glow(data.space, scales, steps_per_scale, width, alpha=1e-3)
    recipe = Recipe(
        steps, batch_size, Adam(1e-3), schedule=Cosine(warmup=200), ema=0.998, clip=100.0
    )
    return Experiment(model, data, recipe)


@preset("glow", "uniform-dequantisation")
def glow_cifar10(
    scales: int = 3,
    steps_per_scale: int = 32,
    width: int = 512,
    steps: int = 100_000,
    batch_size: int = 64,
) -> Experiment:
    """Glow on CIFAR-10 at the paper's size, for a GPU; it reports 3.35 bits/dim (table 2).

    pushforward train glow_cifar10 --device cuda
    """
    from ..data import cifar10

    data = cifar10()
    model = Glow(data.space, scales, steps_per_scale, width)
    recipe = Recipe(
        steps, batch_size, Adam(1e-3), schedule=Cosine(warmup=1_000), ema=0.9995, clip=100.0
    )
    return Experiment(model, data, recipe)


@preset("realnvp", "uniform-dequantisation")
def realnvp_cifar10(
    width: int = 64, blocks: int = 8, steps: int = 100_000, batch_size: int = 64
) -> Experiment:
    """Real NVP on CIFAR-10 at the paper's size, for a GPU; it reports 3.49 bits/dim (table 1).

    pushforward train realnvp_cifar10 --device cuda
    """
    from ..data import cifar10

    data = cifar10()
    recipe = Recipe(
        steps, batch_size, Adam(5e-4), schedule=Cosine(warmup=1_000), ema=0.9995, clip=100.0
    )
    return Experiment(RealNVP(data.space, width=width, blocks=blocks), data, recipe)


@preset("flow++", "variational-dequantisation")
def flowpp_digits(
    width: int = 16, blocks: int = 1, steps: int = 400, classes: int = 0
) -> Experiment:
    """Flow++ on the 8x8 digits.

    pushforward train flowpp_digits      (told the digit: --classes 10)
    """
    from ..data import digits

    data = digits(labels=classes > 0)
    model = FlowPP(data.space, width, blocks, 4, 2, 1, alpha=0.01, classes=classes)
    recipe = Recipe(steps, 64, Adam(3e-3), schedule=Cosine(warmup=20), ema=0.98, clip=10.0)
    return Experiment(model, data, recipe)


@preset("flow++", "variational-dequantisation")
def flowpp_mnist(
    width: int = 32, blocks: int = 1, components: int = 8, steps: int = 6_000, batch_size: int = 32
) -> Experiment:
    """Flow++ on 28x28 MNIST with 256 grey levels.

    pushforward train flowpp_mnist

    Its own paper has no figure for MNIST.
    """
    from ..data import mnist

    data = mnist()
    model = FlowPP(data.space, width, blocks, components, 2, 1, alpha=1e-3)
    recipe = Recipe(
        steps, batch_size, Adam(1e-3), schedule=Cosine(warmup=200), ema=0.998, clip=10.0
    )
    return Experiment(model, data, recipe)


@preset("flow++", "variational-dequantisation")
def flowpp_cifar10(
    width: int = 96, blocks: int = 10, steps: int = 200_000, batch_size: int = 64
) -> Experiment:
    """Flow++ on CIFAR-10 at the paper's size, for a GPU; it reports 3.08 bits/dim (table 1).

    pushforward train flowpp_cifar10 --device cuda
    """
    from ..data import cifar10

    data = cifar10()
    recipe = Recipe(
        steps, batch_size, Adam(1e-3), schedule=Cosine(warmup=2_000), ema=0.999, clip=1.0
    )
    return Experiment(FlowPP(data.space, width, blocks), data, recipe)


@preset("nice", "uniform-dequantisation")
def nice_digits(
    couplings: int = 6, width: int = 256, steps: int = 1_500, classes: int = 0
) -> Experiment:
    """NICE on the 8x8 digits, uniformly dequantised.

    pushforward train nice_digits      (told the digit: --classes 10)
    """
    return _vector_digits(lambda d: NICE(d, couplings, width, 3, classes=classes), steps)


@preset("maf", "uniform-dequantisation")
def maf_digits(
    couplings: int = 5, width: int = 256, steps: int = 1_000, classes: int = 0
) -> Experiment:
    """MAF on the 8x8 digits as vectors, uniformly dequantised.

    pushforward train maf_digits      (told the digit: --classes 10)
    """
    return _vector_digits(
        lambda d: MAF(d, couplings, width, normalised=True, classes=classes), steps
    )


@preset("ffjord", "uniform-dequantisation")
def ffjord_digits(
    width: int = 32, layers: int = 2, steps: int = 250, classes: int = 0
) -> Experiment:
    """FFJORD on the 8x8 digits: an ODE at each of two scales, in two steps of Runge-Kutta.

    pushforward train ffjord_digits      (told the digit: --classes 10)
    """
    from ..data import digits

    data = digits(labels=classes > 0)
    solver = RungeKutta4(2)
    model = ImageFFJORD(
        data.space, 2, width, layers, solver, adjoint=False, alpha=0.01, classes=classes
    )
    recipe = Recipe(steps, 64, Adam(1e-2), schedule=Cosine(warmup=20), ema=0.95, clip=50.0)
    return Experiment(model, data, recipe)


@preset("nice")
def nice_moons(couplings: int = 6, width: int = 64, steps: int = 2_000) -> Experiment:
    """NICE on two moons.

    pushforward train nice_moons
    """
    return _moons(lambda d: NICE(d, couplings, width, 2), steps)


@preset("maf")
def maf_moons(couplings: int = 6, width: int = 64, steps: int = 2_000) -> Experiment:
    """MAF on two moons.

    pushforward train maf_moons
    """
    return _moons(lambda d: MAF(d, couplings, width, 2), steps)


@preset("nsf")
def nsf_moons(couplings: int = 4, width: int = 64, steps: int = 2_000) -> Experiment:
    """A neural spline flow on two moons.

    pushforward train nsf_moons
    """
    return _moons(lambda d: NSF(d, couplings, width), steps)


@preset("density-distillation", "parallel-wavenet", "iaf", "maf")
def distillation_moons(width: int = 64, steps: int = 4_000) -> Experiment:
    """A MAF learns two moons, then an IAF learns from it without seeing data.

    pushforward train distillation_moons
    """
    return _moons(lambda d: Distillation(MAF(d, 6, width, 2), IAF(d, 6, width, 2)), steps)


@preset("neural-ode")
def neural_ode_moons(width: int = 64, steps: int = 1_000) -> Experiment:
    """A continuous flow with the exact trace on two moons.

    pushforward train neural_ode_moons
    """
    solver = DormandPrince(1e-4, 1e-4)
    return _moons(lambda d: NeuralODE(d, width, 3, solver, adjoint=False), steps)


@preset("ffjord")
def ffjord_moons(
    width: int = 64, kinetic: float = 0.01, jacobian: float = 0.01, steps: int = 1_000
) -> Experiment:
    """FFJORD with straightened paths on two moons.

    pushforward train ffjord_moons
    """
    solver = DormandPrince(1e-4, 1e-4)
    return _moons(lambda d: FFJORD(d, width, 3, solver, 1, kinetic, jacobian, adjoint=False), steps)


@preset("ffjord", "uniform-dequantisation")
def ffjord_mnist(
    width: int = 64, layers: int = 4, steps: int = 60_000, batch_size: int = 200
) -> Experiment:
    """FFJORD on 28x28 MNIST, two scales, for a GPU; the paper reports 0.99 bits/dim (table 2).

    pushforward train ffjord_mnist --device cuda
    """
    from ..data import mnist

    data = mnist()
    model = ImageFFJORD(data.space, 2, width, layers, DormandPrince(1e-4, 1e-4), alpha=1e-3)
    recipe = Recipe(steps, batch_size, Adam(1e-3), schedule=Cosine(warmup=1_000), ema=0.999)
    return Experiment(model, data, recipe)


@preset("planar", "reverse-kl")
def planar_energy(energy: int = 1, layers: int = 32, steps: int = 2_500) -> Experiment:
    """Planar flows fitted to an energy of the planar-flow paper by reverse KL, without data.

    pushforward train planar_energy --energy 3
    """
    model = ReverseKL(PlanarFlow(2, layers), PlaneEnergy(energy), Linear(0.8))
    recipe = Recipe(steps, 256, Adam(2e-2), schedule=Cosine(warmup=100), ema=0.99, clip=10.0)
    return Experiment(model, targets.energy(energy), recipe)


@preset("sylvester", "reverse-kl")
def sylvester_energy(energy: int = 1, layers: int = 16, steps: int = 5_000) -> Experiment:
    """Sylvester flows fitted to an energy of the planar-flow paper by reverse KL, without data.

    pushforward train sylvester_energy --energy 3
    """
    model = ReverseKL(SylvesterFlow(2, layers), PlaneEnergy(energy), Linear())
    recipe = Recipe(steps, 256, Adam(5e-3), schedule=Cosine(warmup=100), ema=0.99, clip=10.0)
    return Experiment(model, targets.energy(energy), recipe)


def _moons(build: Callable[[int], Flow | Distillation], steps: int) -> Experiment:
    from ..data import moons

    data = moons()
    recipe = Recipe(steps, 256, Adam(2e-3), schedule=Cosine(warmup=50), ema=0.99)
    return Experiment(build(data.space.dims), data, recipe)


def _vector_digits(build: Callable[[int], Flow], steps: int) -> Experiment:
    from ..data import digits

    flow = build(digits().space.dims)
    data = digits(labels=flow.given is not None)
    recipe = Recipe(steps, 64, Adam(1e-3), schedule=Cosine(warmup=50), ema=0.99, clip=50.0)
    return Experiment(of_images(flow, data.space, alpha=0.01), data, recipe)
