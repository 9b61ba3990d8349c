"""A small homework and a folder of submissions of every kind, good and bad."""

import json
import zipfile

MASTER = '''"""{title}."""

# %% [markdown]
# # {title}
#
# <!-- pushforward-course homework {name} -->

# %% tags=["install"]
# !pip install pushforward

# %% tags=["hidden"]
from pushforward_course.practice.judges import Close
from pushforward_course.practice.tasks import Homework

homework = Homework("{name}", "{title}", (1,))

# %%
def {function}(x: float) -> float:
    """x, {factor} times."""
    # BEGIN SOLUTION
    return {factor} * x
    # END SOLUTION


# %% [markdown]
# **Answer to {function}**
#
# Adding x to itself as often as is asked for.

# %% tags=["hidden"]
@homework.task(
    "{function}", 9, Close(), "{function}", title="{title}", written=3, hints=("Add.", "Add.")
)
def inputs(draw):
    """Numbers."""
    for _ in range(3):
        yield (float(draw.uniform(1, 9)),)


# %%
def {function}_list(x: list) -> list:
    """Each x, {factor} times."""
    # BEGIN SOLUTION
    return [{factor} * item for item in x]
    # END SOLUTION


# %% tags=["hidden"]
@homework.task(
    "{function}_list", 4, Close(), "{function}_list", title="{title} lists", hints=("Add.",)
)
def list_inputs(draw):
    """Lists."""
    yield ([1.0, 2.0],)
    yield ([float(draw.uniform(1, 9))],)
'''

RIGHT = """# %% [markdown]
# **Answer to double**
#
# x + x is twice x, by counting.

# %%
def double(x):
    return 2 * x

# %%
def double_list(x):
    return [double(item) for item in x]
"""


def masters(folder):
    folder.mkdir(parents=True, exist_ok=True)
    for name, title, function, factor in (
        ("hw1", "Doubling", "double", 2),
        ("hw2", "Tripling", "triple", 3),
    ):
        text = MASTER.format(name=name, title=title, function=function, factor=factor)
        (folder / f"{name}.py").write_text(text)
    return folder


def submissions(folder):
    """Files by the student's name, and what each should be told (a part of it) and its points."""
    folder.mkdir(parents=True, exist_ok=True)
    notebook = {
        "cells": [
            {"cell_type": "code", "source": ["%matplotlib inline\n", *RIGHT.splitlines(True)]}
        ]
    }
    notebook["cells"].append(
        {"cell_type": "markdown", "source": "**Answer to double** x + x is 2 x"}
    )
    files = {
        "right.py": (RIGHT, "", 13),
        "notebook.ipynb": (json.dumps(notebook), "", 13),
        "without words.py": (RIGHT.replace("x + x is twice x, by counting.", ""), "", 4),
        "half.py": (RIGHT.replace("2 * x", "x + 1"), "", 0),
        "blank.py": ("def double(x):\n    raise NotImplementedError\n", "", 0),
        "syntax.py": (RIGHT.replace("return [double(item)", "return [double(item"), "", 9),
        "missing.py": (RIGHT.replace("def double_list", "def my_list"), "", 9),
        "two answers.py": (RIGHT + "\n# %%\ndef double_list(x):\n    return [4.0]\n", "", 9),
        "empty.py": ("", "is empty", 0),
        "huge.py": ("#" * (5 << 20), "more than 4 MB", 0),
        "not a notebook.ipynb": ("def double(x): return 2 * x", "is no notebook", 0),
        "deep.ipynb": ("[" * 100_000, "is no notebook", 0),
        "other homework.py": ("def triple(x):\n    return 3 * x\n", "looks like hw2", 0),
        "other ending.txt": (RIGHT, "neither .py nor .ipynb", 0),
        "hostile.py": (RIGHT + "\n# %%\nimport os\nos.kill(os.getpid(), 9)\n", "", 0),
        "=cmd|'calc'!A1.py": (RIGHT, "", 13),
        "<b>ünï ☃</b>".replace("/", "") + ".py": (RIGHT, "", 13),
        "hint.py": (RIGHT + "\n# %% [markdown]\n# pushforward-course hint double 2\n", "", 12),
        "twin.py": (RIGHT, "from one student", 0),
        "twin.ipynb": (json.dumps(notebook), "from one student", 0),
    }
    for name, (text, _, _) in files.items():
        (folder / name).write_text(text)
    (folder / "latin.py").write_bytes("# caf\xe9\n".encode("latin-1") + RIGHT.encode())
    with zipfile.ZipFile(folder / "zipped.zip", "w") as archive:
        archive.writestr("some/where/my.py", RIGHT)
        archive.writestr("__MACOSX/._my.py", "")
    (folder / "torn.zip").write_bytes((folder / "zipped.zip").read_bytes()[:60])
    (folder / "folder.py").mkdir()
    expected = {name: (told, points) for name, (_, told, points) in files.items()}
    return expected | {
        "latin.py": ("is not UTF-8", 0),
        "zipped.zip": ("", 13),
        "torn.zip": ("no whole zip", 0),
        "folder.py": ("link or no file", 0),
    }
