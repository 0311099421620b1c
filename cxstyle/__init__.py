"""Semantic style transfer by the Contextual loss.

    from cxstyle import StyleConfig, stylize
    stylize("source.jpg", "target.jpg", StyleConfig.preset("default")).save("result.png")

The names stand in the stub beside this file, as those of each room stand beside its own `__init__`. They are loaded
when they are first used, so that importing cxstyle does not import torch.
"""

import os
import sys

import lazy_loader

__version__ = "0.1.0"

# How the threads of a CPU wait for each other: awake for a moment, then asleep. The loop has thousands of parallel
# regions a second; OpenMP's threads spin at the end of each, LLVM's for up to 0.2 s, and beside another busy process
# take the core that a late thread needs, while those asleep at once cost up to a half. Each OpenMP reads this once, as
# torch is loaded: turns of GNU's waiting loop, some ten microseconds, and milliseconds of LLVM's and Intel's.
SPINNING = {"GOMP_SPINCOUNT": "1000", "KMP_BLOCKTIME": "1"}
WAITING = ("OMP_WAIT_POLICY", *SPINNING)
LATE = not any(name in os.environ for name in WAITING) and "torch" in sys.modules
if not any(name in os.environ for name in WAITING):
    os.environ.update(SPINNING)

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
