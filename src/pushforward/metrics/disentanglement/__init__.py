"""Disentanglement: what single latents tell of single factors; a file for each paper."""

from .beta_vae import beta_vae_score
from .factor_vae import factor_vae_score
from .importances import DCI, completeness, dci, disentanglement
from .irs import interventional_robustness
from .mig import mutual_information_gap
from .modular import modularity
from .rankings import lasso, relative_strength, spearman, udr, unsupervised_ranking
from .sap import by_support_vectors, by_thresholds, separated_attribute_predictability
from .scores import (
    Disentanglement,
    disentanglement_scores,
    posterior_means,
    scores_if_known,
)
