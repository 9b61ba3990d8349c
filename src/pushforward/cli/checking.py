"""`pushforward check`: the laws over the user's own models."""

from __future__ import annotations

import json

from ..core.catalogue import Usage, examples
from .flags import JSON, load_file


def check(file: str, as_json: JSON = False) -> None:
    """Run the laws over the examples that your Python file registers with @pf.example.

    Args:
        file: the Python file.
    """
    from .. import data
    from ..laws import LAWS, NotApplicable, Subject

    before = examples()
    load_file(file)
    # One that is called like one of the library takes its place.
    mine = {name: e for name, e in examples().items() if before.get(name) is not e}
    if not mine:
        raise Usage(f"{file} registers no example: decorate a function with @pf.example(data=...)")
    broken, found = 0, []
    for name, example in mine.items():
        subject = Subject(example.build, data.find(example.data))
        for law in LAWS.values():
            said = "holds"
            try:
                law(subject)
            except NotApplicable as reason:
                said = f"does not apply: {reason}"
            except Exception as error:  # a broken law of the user's model, whatever it raised
                broken += 1
                said = f"BROKEN: {type(error).__name__}: {error}"
            found.append({"example": name, "law": law.__name__, "said": said})
            if not as_json:
                print(f"{name}: {law.__name__}: {said}")
    if as_json:
        print(json.dumps(found, indent=1))
    if broken:
        raise ValueError(f"{broken} law{' is' if broken == 1 else 's are'} broken")
