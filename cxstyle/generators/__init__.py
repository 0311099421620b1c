"""Feed-forward networks: trained once on the losses of a run, then applied to pictures and videos."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
