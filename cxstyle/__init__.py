"""Semantic style transfer by the Contextual loss.

    from cxstyle import StyleConfig, stylize
    stylize("source.jpg", "target.jpg", StyleConfig.preset("default")).save("result.png")

The names stand in the stub beside this file, as those of each room stand beside its own `__init__`. They are loaded
when they are first used, so that importing cxstyle does not import torch. What torch's threads must know before it is
loaded is set here; see `openmp`.
"""

import lazy_loader

from . import openmp as openmp

__version__ = "0.1.0"

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
