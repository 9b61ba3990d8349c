"""Pictures: what explains a model, for a notebook, for the docs and for the course.

The functions here return what a notebook shows where a cell ends with it: a figure of matplotlib
that is nobody else's, an image of Pillow, or a film. `draw` makes those of `pushforward draw NAME`,
each of which is a file in this room.
"""

from .densities import density
from .films import film
from .gallery import draw, drawings
from .grids import grid, points
from .latent_planes import latents
from .learning_curves import curves
from .made_masks import masks
from .receptive_fields import receptive_field
from .walks import walk
