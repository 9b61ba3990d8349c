"""Data sets: tensors in, tuples out."""

from .arrays import array, tensors
from .audio import chirps, tones, vowels
from .binarisation import DynamicBinarisation, binarised
from .cache import cache_folder
from .companding import mu_law, mu_law_inverse
from .drawn_sprites import sprites
from .embedded import digits
from .folders import folder
from .grammar import grammatical, sentences
from .label_captions import captioned
from .names import find
from .pictures import picture
from .plane import (
    checkerboard,
    circles,
    gaussians8,
    gaussians25,
    moons,
    pinwheel,
    swiss_roll,
)
from .remote import hub
from .shard_files import shards
from .shipped_tables import breast_cancer, wine
from .sprite_captions import captioned_sprites
from .stacked import stacked_mnist
from .standard import cifar10, mnist
from .stripes import bars
from .tables import table
from .texts import text
from .two_kinds import unpaired
from .uci import bsds300, gas, hepmass, miniboone, power
from .waves import read_wav, wav, write_wav
