"""Closed forms and theorems as functions."""

from .bayes import (
    BetaBernoulli,
    DirichletCategorical,
    LinearRegression,
    NormalInverseGamma,
    mle_map_gaps,
    narrowing,
)
from .best_discriminator import (
    jensen_shannon_from_value,
    optimal_discriminator,
    optimal_logit,
    optimal_value,
)
from .disjoint_supports import noisy_lines, parallel_lines, shifted_intervals
from .energies import contrastive_loss
from .entangling import entangled, full_turn
from .equal_moments import frechet_of_moments, sigma_points
from .flow_kl_duality import data_side, noise_side
from .fokker_planck import density_rate, same_marginals
from .forward_kl import moment_matching, moment_matching_on_line
from .gradient_estimators import reparametrised, score_function
from .gradient_signal import leading_ratios, signal_to_noise
from .histograms import histogram, squared_error_bound
from .importance_weighted import importance_bounds, resampled, resampled_log_prob
from .integer_couplings import integers_back, integers_moved
from .least_squares_game import (
    least_squares_critic,
    least_squares_optimum,
    least_squares_value,
    triangular_discrimination,
)
from .likelihood_and_samples import diluted, diluted_log_prob, memory_log_prob, memory_samples
from .linear_flow_in_time import carried_gaussian, carried_log_prob
from .lipschitz_constants import (
    convolution_norm,
    power_iteration,
    product_bound,
    reshaped_bounds,
)
from .mask_paths import degree_masks, path_counts
from .mean_field_updates import MeanField, mean_field
from .naive_evidence import information, relative_variance
from .order_of_topologies import ordered_distances
from .prior_as_posterior import weight_with_posterior, weight_with_prior
from .reverse_fits import reverse_fit_on_line
from .slopes_along_transport import best_critic, transport_lines
from .tables import factorised_table, full_table, seen_share, window_table
from .vanishing_gradients import gradients_at_optimum
from .water_filling import filled_error, filled_information, filled_scales
