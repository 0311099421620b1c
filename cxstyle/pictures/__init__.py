"""Pictures: files to tensors and back, and what is done to pixels; no settings, no networks."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
