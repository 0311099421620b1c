"""The papers' equations, a file each; then terms bound to features, and the objective that sums them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
