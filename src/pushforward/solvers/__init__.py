"""Integrators and samplers: plain functions with one signature."""

from .adjoint import solve_adjoint
from .diffusion import ancestral, ddim, dpm_solver_pp, heun, predictor_corrector
from .langevin_steps import annealed_langevin, langevin
