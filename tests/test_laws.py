"""The laws of DESIGN section 8 over every registered example."""

import pytest

from pushforward import data
from pushforward.core.catalogue import examples
from pushforward.laws import LAWS, NotApplicable, Subject

EXAMPLES = examples()
NAMES = [
    pytest.param(name, marks=pytest.mark.slow) if example.slow else name
    for name, example in EXAMPLES.items()
]


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("name", NAMES)
def test_law(name, law):
    example = EXAMPLES[name]
    subject = Subject(example.build, data.find(example.data))
    assert subject.model().space == subject.data.space, "an example's data are of its space"
    try:
        LAWS[law](subject)
    except NotApplicable as reason:
        pytest.skip(str(reason))
