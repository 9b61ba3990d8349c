"""Metrics: one per file; they see what a model can do, never which class it is."""

from .acceptance import accepted
from .ais import ais_nats
from .bootstrap import bootstrap_mean, paired_difference
from .calibration import accuracy, calibration_error, reliability
from .classifier import classification_accuracy_score
from .critic_rate import CriticRate, rate_by_critic
from .detection import auroc
from .directions import attribute_direction
from .disentanglement import disentanglement_scores
from .draws import Draws
from .energy import energy_distance
from .features import Extractor, Resize, features_as_given, raw_pixels, weights_hash
from .frechet import distance_between, frechet_distance
from .hub_network import hub_extractor
from .inception import inception_score
from .inception_network import inception_extractor
from .kernel import kernel_distance
from .likelihood import bits_per_dim, nats
from .measurement import Measurement
from .memorisation import memorisation_test
from .mmd import gaussian_mmd
from .mode_counts import modes, modes_of_classes
from .neighbours import nearest
from .path_length import lerp, path_lengths, perceptual_path_length, slerp, unit_slerp
from .prd import precision_recall_curve
from .precision_recall import density_and_coverage, precision_and_recall
from .references import Seen, reference_features, reference_statistics
from .retrieval import retrieval_accuracy
from .reverse_divergence import reverse_kl
from .samples import sample_quality
from .sharing import shared_features, shared_statistics
from .small_classifiers import (
    SmallClassifier,
    cifar10_classifier,
    digits_classifier,
    mnist_classifier,
    small_classifier,
)
from .statistics import Statistics, feature_statistics
from .style_mixing import style_swaps
from .surgery import elbo_surgery, level_rates, rate_distortion
