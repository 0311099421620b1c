"""The errors that cxstyle raises on purpose.

Every message is one line that says what was expected, what came, and what to do about it.
"""

from __future__ import annotations

from pathlib import Path


class CxStyleError(Exception):
    """Base of all errors that cxstyle raises on purpose."""


class ConfigError(CxStyleError, ValueError):
    """A setting, a preset or a combination of options that can't be run."""


class PictureError(CxStyleError):
    """A picture that can't be read or used."""


class OutputError(CxStyleError):
    """A file that can't be written."""


class TakenError(OutputError):
    """A file whose place was taken meanwhile by one that is not to be replaced; it is whole, at `place`."""

    def __init__(self, path: Path, place: Path) -> None:
        super().__init__(f"{path} has come meanwhile and stays; the new one is {place}")
        self.place = place


class FormatError(OutputError):
    """A picture that can't be had in the format that was asked for; in another it can."""


class CheckpointError(CxStyleError):
    """A file that no run can go on from, or not this one."""


class WeightsError(CxStyleError):
    """Network weights that are missing, damaged or of an unknown layout."""


class DeviceError(CxStyleError):
    """A device that this machine doesn't have or that can't do what was asked."""


class MemoryLimitError(CxStyleError):
    """A run that needs more memory than it may take, or than there turned out to be."""


class ClusterError(CxStyleError):
    """A cluster that can't be reached, was lost, or can't do what was asked."""
