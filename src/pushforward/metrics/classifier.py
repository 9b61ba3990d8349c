"""Classification accuracy score: how well does a classifier trained on samples do on real data?

    CAS = P( f_samples(x) = y )   for real (x, y), f_samples trained on (sample, its class) alone

Ravuri and Vinyals (2019), arXiv:1905.10887, section 3.1. It asks of a class-conditional model that
samples belong to their class and cover it. Beside it belongs the same classifier's accuracy when
trained on as many real examples: call the same function with these.

Differs from the paper: the classifier is whatever `fit` trains (logistic regression where nothing
is given), not a ResNet-50.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import torch
from torch import Tensor

from .bootstrap import bootstrap_mean
from .features import Features, extract, features_as_given, label
from .measurement import Measurement

Labelled = Iterable[tuple[Tensor, Tensor]]
Fit = Callable[[Tensor, Tensor], Callable[[Tensor], Tensor]]


def logistic_regression(x: Tensor, y: Tensor) -> Callable[[Tensor], Tensor]:
    """Fits features (n, d) and classes (n,); returns the function from features to classes."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
    model.fit(x.cpu().numpy(), y.cpu().numpy())
    return lambda new: torch.from_numpy(model.predict(new.cpu().numpy()))


def labelled(data: Labelled, extractor: Features) -> tuple[Tensor, Tensor]:
    """Features (n, d) and classes (n,); raises ValueError where there is nothing to learn from."""
    rows: list[Tensor] = []
    classes: list[Tensor] = []
    for x, y in data:
        if y.shape != (len(x),):
            raise ValueError(f"labels must be of shape ({len(x)},), not {tuple(y.shape)}")
        rows.extend(extract([x], extractor))
        classes.append(y)
    if not rows:
        raise ValueError("no labelled examples were given")
    return torch.cat(rows), torch.cat(classes)


def classification_accuracy_score(
    samples: Labelled,
    references: Labelled,
    extractor: Features = features_as_given,
    fit: Fit = logistic_regression,
) -> Measurement:
    """Accuracy on real (x, y) batches of a classifier fitted to sampled (x, y) batches.

    Raises ValueError for NaN, or samples of fewer than two classes. Classes that were never sampled
    are noted.
    """
    (x, y), (real_x, real_y) = (labelled(data, extractor) for data in (samples, references))
    if len(y.unique()) < 2:
        raise ValueError("samples must be of at least 2 classes")
    predicted = fit(x, y)(real_x).to(real_y.device)
    right = (predicted == real_y).double()
    value = right.mean().item()
    stderr = (value * (1 - value) / len(real_y)) ** 0.5
    missing = sorted(set(real_y.tolist()) - set(y.tolist()))
    notes = (f"classes never sampled: {missing}",) if missing else ()
    about = {**label(extractor), "settings": getattr(fit, "__name__", type(fit).__name__)}
    about["interval"] = bootstrap_mean(right) if len(right) > 1 else None
    counts = len(y), len(real_y)
    return Measurement("CAS", value, stderr, *counts, notes=notes, higher_is_better=True, **about)
