"""Semantic style transfer by the Contextual loss.

    from cxstyle import StyleConfig, stylize
    stylize("source.jpg", "target.jpg", StyleConfig.preset("default")).save("result.png")

Names are loaded when they are first used, so that importing cxstyle does not import torch. What torch's threads must
know before it is loaded is set here; see `openmp`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from . import openmp as openmp

if TYPE_CHECKING:
    from .batch.jobs import Job as Job
    from .batch.run import BatchResult as BatchResult
    from .batch.run import run_batch as run_batch
    from .comparison import Comparison as Comparison
    from .comparison import compare as compare
    from .comparison import stylize_grid as stylize_grid
    from .config import Optimizer as Optimizer
    from .config import Pyramid as Pyramid
    from .config import StyleConfig as StyleConfig
    from .errors import CxStyleError as CxStyleError
    from .losses.contextual import ContextualLoss as ContextualLoss
    from .losses.contextual import contextual_loss as contextual_loss
    from .matching import Match as Match
    from .matching import match as match
    from .optimize import stylize as stylize
    from .pictures.formats import Writing as Writing
    from .pictures.metadata import Record as Record
    from .pictures.metadata import read_record as read_record
    from .progress import Progress as Progress
    from .progress import Result as Result
    from .scoring import Score as Score
    from .scoring import score as score
    from .terms import LossTerm as LossTerm

__version__ = "0.1.0"

_HOMES = {
    "BatchResult": "batch.run",
    "Comparison": "comparison",
    "ContextualLoss": "losses.contextual",
    "CxStyleError": "errors",
    "Job": "batch.jobs",
    "LossTerm": "terms",
    "Match": "matching",
    "Optimizer": "config",
    "Progress": "progress",
    "Pyramid": "config",
    "Record": "pictures.metadata",
    "Result": "progress",
    "Score": "scoring",
    "StyleConfig": "config",
    "Writing": "pictures.formats",
    "compare": "comparison",
    "contextual_loss": "losses.contextual",
    "match": "matching",
    "read_record": "pictures.metadata",
    "run_batch": "batch.run",
    "score": "scoring",
    "stylize": "optimize",
    "stylize_grid": "comparison",
}

__all__ = sorted(_HOMES)


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'cxstyle' has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
