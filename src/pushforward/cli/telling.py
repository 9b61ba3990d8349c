"""What `pushforward sample` tells a model: a label, or a caption and how it is followed."""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..core.catalogue import Usage

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import Tensor

    from ..core.contract import Generative
    from ..media.trained import Trained


@dataclass(frozen=True)
class Heed:
    """How samples follow what they are told: options of the model's own verbs, None where unasked.

    `rerank` is how many candidates are drawn, of which those that fit the caption best are kept.
    """

    guidance: float | None = None
    temperature: float | None = None
    top_k: int | None = None
    truncation: float | None = None
    rerank: int | None = None

    def options(self, model: Generative, verb: str = "sample") -> dict[str, Any]:
        """What was asked for. Raises Usage for options that the model's `verb` does not have."""
        asked = {
            name: value
            for name, value in vars(self).items()
            if value is not None and name != "rerank"
        }
        if not hasattr(model, verb):  # who completes nothing is told so where it is asked to
            return {}
        known = _options_of(model, verb)
        for name in asked:
            if name not in known:
                raise Usage(
                    f"{verb} of this {type(model).__name__} has no {name.replace('_', '-')}: "
                    f"leave --{name.replace('_', '-')} out"
                )
        if self.rerank is not None and verb != "sample":
            raise Usage("completions are not ranked: leave --rerank or --partial out")
        if self.rerank is not None and not hasattr(model, "best"):
            raise Usage(f"this {type(model).__name__} does not rank samples: leave --rerank out")
        return asked

    def drawn(
        self, model: Generative, n: int, told: tuple[Tensor, ...], size: int
    ) -> Iterator[Tensor]:
        """`n` samples in parts of at most `size`."""
        options = self.options(model)
        if self.rerank is None:
            yield from model.draws(n, *told, size=size, **options)
            return
        if self.rerank < n:
            raise Usage(f"--rerank {self.rerank} candidates are fewer than --n {n}: ask for more")
        best: Any = model
        yield best.best(n, told[0][:1], self.rerank, **options)


def _options_of(model: Generative, verb: str) -> set[str]:
    """What the model's `verb` may be asked for; what the noise may be, where that is passed on."""
    own = inspect.signature(getattr(model, verb)).parameters.values()
    found = {p.name for p in own}
    noise: Any = getattr(model, "starting_noise", None)
    if noise is not None and any(p.kind is p.VAR_KEYWORD for p in own):
        found |= set(inspect.signature(noise).parameters)
    return found


def told(trained: Trained, label: int | None, text: str | None, n: int) -> tuple[Tensor, ...]:
    """The conditions of `n` samples. Raises Usage where the model needs others, or knows none."""
    import torch

    from ..core.given import spaces_of
    from ..core.spaces import Labels, Pixels, Reals, Tokens

    model = trained.model
    wanted = spaces_of(model.given)
    name = f"this {type(model).__name__}"
    if any(isinstance(space, Pixels | Reals) for space in wanted):
        raise Usage(
            f"{name} is told {model.given} with each datum, which no flag can say: sample it in "
            "Python, pf.load(FILE).sample(n, given)"
        )
    if text is not None and not any(isinstance(space, Tokens) for space in wanted):
        raise Usage(f"{name} reads no text: leave --text out")
    if label is not None and not any(isinstance(space, Labels) for space in wanted):
        raise Usage(f"{name} knows no classes: leave --label out")
    if text is None and any(isinstance(space, Tokens) for space in wanted):
        raise Usage(f'{name} needs a text: give --text "..."')
    if label is None and any(isinstance(space, Labels) and not space.unknown for space in wanted):
        raise Usage(f"{name} needs a class: give --label")
    if text is not None:
        return model.told(n, _read(trained, text).expand(n, -1))
    return model.told(n, *([] if label is None else [torch.full((n,), label)]))


def _read(trained: Trained, text: str) -> Tensor:
    """A caption as tokens (1, length); words that nobody taught the model are told on stderr."""
    from ..data.captions import Captions

    captions = Captions.recorded(trained.about)
    if strange := captions.strange(text):
        said = ", ".join(map(repr, strange))
        print(
            f"pushforward: no caption of the training had {said}: what is drawn for it is a guess",
            file=sys.stderr,
        )
    return captions.encode([text])
