"""What a reader can touch: frames drawn when the page is built, and a slider over them."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Callable, Sequence
from typing import Any

from PIL import Image

COLOURS = 128  # of a frame: plots have few, and a frame then weighs about 10 kB


class Frames:
    """Pictures of one thing under a changing knob; a notebook shows them with a slider.

    Args:
        pictures: figures of matplotlib or images of Pillow, one for each label.
        labels: what the slider says at each.
        knob: what is changed.
        start: the frame that is seen first.
    """

    def __init__(self, pictures: Sequence[Any], labels: Sequence[str], knob: str, start: int = 0):
        if len(pictures) != len(labels) or len(pictures) < 2:
            raise ValueError(
                f"a slider needs a label for each of at least 2 frames, not {len(labels)} labels "
                f"for {len(pictures)}"
            )
        if not 0 <= start < len(pictures):
            raise ValueError(f"start must be one of {len(pictures)} frames, not {start}")
        self.sources = [_source(picture) for picture in pictures]
        self.labels, self.knob, self.start = list(labels), knob, start

    def _repr_html_(self) -> str:
        images = "".join(
            f'<img src="{source}" alt="{html.escape(f"{self.knob}: {label}")}" '
            f'data-label="{html.escape(label)}"{"" if n == self.start else " hidden"}>'
            for n, (source, label) in enumerate(zip(self.sources, self.labels))
        )
        knob = html.escape(self.knob)
        return (
            f'<figure class="frames">{images}<figcaption><label>{knob} '
            f'<input type="range" min="0" max="{len(self.sources) - 1}" value="{self.start}" '
            f'aria-label="{knob}"></label> <output>{html.escape(self.labels[self.start])}</output>'
            "</figcaption></figure>"
        )


def slider(
    draw: Callable[[Any], Any], values: Sequence[Any], knob: str, label: str = "{}", start: int = 0
) -> Frames:
    """A slider over `draw(value)` for each value, which `label` writes."""
    return Frames([draw(v) for v in values], [label.format(v) for v in values], knob, start)


def _source(picture: Any) -> str:
    image = picture if isinstance(picture, Image.Image) else _drawn(picture)
    few = image.convert("RGB").quantize(COLOURS)
    content = io.BytesIO()
    few.save(content, "png", optimize=True)
    return "data:image/png;base64," + base64.b64encode(content.getvalue()).decode()


def _drawn(figure: Any) -> Image.Image:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110)
    return Image.open(content)
