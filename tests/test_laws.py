"""The laws of DESIGN section 8 over every registered example."""

from functools import lru_cache

import pytest

from pushforward import data
from pushforward.core.catalogue import examples
from pushforward.laws import LAWS, NotApplicable, Subject

EXAMPLES = examples()


def marks(name):
    return [pytest.mark.slow] if EXAMPLES[name].slow else []


@lru_cache(maxsize=2)
def subject_of(name):
    return Subject(EXAMPLES[name].build, data.find(EXAMPLES[name].data))


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("name", [pytest.param(n, marks=marks(n)) for n in EXAMPLES])
def test_law(name, law):
    subject = subject_of(name)
    assert subject.model().space == subject.data.space, "an example's data are of its space"
    try:
        LAWS[law](subject)
    except NotApplicable as reason:
        pytest.skip(str(reason))
