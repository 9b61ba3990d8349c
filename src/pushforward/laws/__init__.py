"""The laws that every model obeys, as functions: run by the tests over all registered examples,
and by `pushforward check FILE.py` over yours.

A law takes a `Subject` and raises AssertionError, with what it saw, where it is broken. A law that
does not apply to a model (it has no likelihood, its space is too large to sum over) raises
`NotApplicable`.
"""

from __future__ import annotations

from collections.abc import Callable

from . import agreeing, learning, likelihoods, speaking
from .subject import NotApplicable, Subject

LAWS: dict[str, Callable[[Subject], None]] = {
    law.__name__: law
    for law in (
        speaking.samples_are_data,
        speaking.terms_are_finite,
        learning.players_move_their_own,
        learning.training_helps,
        learning.checkpoints_are_faithful,
        learning.interruption_changes_nothing,
        likelihoods.density_is_normalised,
        likelihoods.bounds_are_bounds,
        likelihoods.weights_are_ratios_of_densities,
        speaking.bounds_are_not_called_log_prob,
        speaking.completions_agree,
        speaking.bad_input_is_refused,
        speaking.conditions_are_checked,
        speaking.conditions_are_heard,
        learning.looking_changes_nothing,
        learning.what_nobody_plays_stays,
        speaking.doubles,
        agreeing.none_and_one_are_numbers,
        agreeing.types_agree,
        agreeing.half_is_drawn_or_refused,
    )
}
