"""The course's opening picture: the same digits, classified from p(x, y) and from p(y | x)."""

from __future__ import annotations

from dataclasses import replace

from torch import Tensor

from ..core.catalogue import preset
from ..core.dataset import Batch, Dataset, Split
from ..core.spaces import Tokens
from ..models.autoregressive.independent import Independent
from ..models.classification.discriminative_classifier import DiscriminativeClassifier
from ..models.classification.generative_classifier import GenerativeClassifier
from ..nn.mlp import MLP
from ..training.experiment import Experiment
from ..training.recipe import Adam, Recipe


def labels_given_data(data: Dataset) -> Dataset:
    """The data set turned round: batches (label (batch, 1), x), for models of p(y | x)."""

    def turned(split: Split) -> Split:
        def view(y: Tensor, x: Tensor) -> Batch:
            x, y = split.view(x, y[:, 0])
            return y[:, None], x

        x, y = split.tensors
        return Split((y[:, None], x), view)

    train, validation, test = (turned(s) for s in (data.train, data.validation, data.test))
    space = Tokens(1, len(data.classes))
    return replace(data, space=space, train=train, validation=validation, test=test)


@preset("generative-classifier")
def generative_digits(levels: int = 17, smoothing: float = 0.1) -> Experiment:
    """Independent pixels for each class of the 8x8 digits: naive Bayes, by counting once.

    pushforward train generative_digits
    """
    from ..data import digits

    data = digits(labels=True, levels=levels)
    model = GenerativeClassifier([Independent(data.space, smoothing) for _ in data.classes])
    return Experiment(model, data, Recipe(1, None))


@preset("generative-classifier")
def discriminative_digits(levels: int = 17, width: int = 128, steps: int = 1_000) -> Experiment:
    """A multilayer perceptron on the same digits, for comparison: p(y | x) and nothing of x.

    pushforward train discriminative_digits
    """
    from ..data import digits

    data = digits(labels=True, levels=levels)
    network = MLP(data.space.dims, len(data.classes), width)
    model = DiscriminativeClassifier(data.space, network, len(data.classes))
    return Experiment(model, labels_given_data(data), Recipe(steps, 128, Adam(1e-3)))
