"""Data sets: tensors in, tuples out."""

from .arrays import tensors
from .audio import chirps, tones, vowels
from .binarisation import DynamicBinarisation, binarised
from .cache import cache_folder
from .embedded import digits
from .folders import folder
from .grammar import grammatical, sentences
from .mu_law import mu_law, mu_law_inverse
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
from .sprites import sprites
from .standard import cifar10, mnist
from .stripes import bars
from .text import text
from .uci import bsds300, gas, hepmass, miniboone, power
from .wav import read_wav, wav, write_wav
