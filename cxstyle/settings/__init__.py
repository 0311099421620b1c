"""What a run is made of: the configuration, its loss terms, presets and YAML."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
