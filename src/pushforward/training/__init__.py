"""The one trainer."""

from ..core import modules_of as _modules_of

__getattr__ = _modules_of(__name__)
