"""Integrators and samplers: plain functions with one signature."""

from .adjoint import solve_adjoint
from .diffusion import ancestral, ddim, heun, predictor_corrector
from .langevin_steps import annealed_langevin, langevin
from .multistep import dpm_solver_pp, unipc
from .single_step import adaptive_ode, dpm_sde
