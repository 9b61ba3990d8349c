"""The tables that scikit-learn carries."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_breast_cancer, load_wine
from sklearn.mixture import GaussianMixture
from sklearn.preprocessing import StandardScaler

from pushforward.core.catalogue import presets
from pushforward.core.spaces import Reals
from pushforward.data import breast_cancer, find, wine
from pushforward.training.fit import fit

SOURCES = {"wine": load_wine, "breast_cancer": load_breast_cancer}
SIZES = {"wine": (101, 41, 36), "breast_cancer": (347, 115, 107)}


def parts(data, place=0):
    return [part.tensors[place] for part in (data.train, data.validation, data.test)]


@pytest.mark.parametrize("name", SOURCES)
def test_each_row_once_beside_its_label(name):
    data, source = find(f"{name}?labels=True"), SOURCES[name]()
    assert data.space == Reals((source.data.shape[1],))
    assert data.classes == tuple(source.target_names)
    assert tuple(map(len, parts(data))) == SIZES[name]
    x, y = (torch.cat(parts(data, place)).double().numpy() for place in (0, 1))
    ours, theirs = (StandardScaler().fit_transform(rows) for rows in (x, source.data))
    apart = np.abs(ours[:, None] - theirs[None]).max(-1)
    assert apart.min(1).max() < 1e-5
    assert sorted(apart.argmin(1)) == list(range(len(theirs)))
    assert (source.target[apart.argmin(1)] == y).all()


@pytest.mark.parametrize("name", SOURCES)
def test_what_trains_sets_the_scale(name):
    train = parts(find(name))[0].double()
    torch.testing.assert_close(train.mean(0), torch.zeros_like(train[0]), atol=1e-6, rtol=0)
    torch.testing.assert_close(train.std(0, correction=0), torch.ones_like(train[0]))


def test_without_labels_there_are_none():
    assert len(wine().train.tensors) == 1
    assert breast_cancer().classes == ()


def test_the_split_is_fixed_for_ever_and_known_by_content():
    told = find("wine").describe()
    assert (told["rule"], told["spec"]) == ("content", "wine")
    first = wine(labels=True).test.tensors[1][:12].tolist()
    assert first == [1, 2, 1, 1, 2, 2, 2, 1, 2, 1, 1, 1]


@pytest.mark.parametrize("name", ["gmm_tables", "maf_tables", "nsf_tables", "ffjord_tables"])
def test_presets_take_either_table_and_refuse_others(name):
    build = presets()[name].build
    assert build().data.name == "breast_cancer"
    assert build(table="wine").model.space == Reals((13,))
    with pytest.raises(ValueError, match="breast_cancer or wine, not 'diabetes'"):
        build(table="diabetes")


def test_a_mixture_of_one_is_scikit_learns():
    asked = presets()["gmm_tables"].build("wine", components=1, regularisation=0.01, steps=2)
    model = fit(asked.model, asked.data, asked.recipe, quiet=True)
    train, _, test = parts(asked.data)
    other = GaussianMixture(1, reg_covar=0.01).fit(train.double().numpy())
    with torch.no_grad():
        ours = model.log_prob(test).double().numpy()
    np.testing.assert_allclose(ours, other.score_samples(test.double().numpy()), rtol=1e-3)
