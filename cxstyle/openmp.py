"""How the threads of a CPU wait for each other: awake for a moment, then asleep.

The loop has thousands of parallel regions a second. OpenMP's threads spin at the end of each, LLVM's for up to 0.2 s,
which costs nothing alone, and beside another busy process takes the core that a late thread needs. Asleep at once they
are woken thousands of times, which costs up to a half where nothing else runs.

`import cxstyle` sets this in the environment, where each OpenMP reads it once, as torch is loaded.
"""

from __future__ import annotations

import os
import sys

POLICY = "OMP_WAIT_POLICY"
BOUNDS = {"GOMP_SPINCOUNT": "10000", "KMP_BLOCKTIME": "1"}
"""Turns of GNU's waiting loop, together a fraction of a millisecond; milliseconds, of LLVM's and Intel's."""
VARIABLES = (POLICY, *BOUNDS)
"""Environment variables that decide it, the first one above the others."""


def bound_waiting() -> bool:
    """Sets how threads wait, for this process and those that it starts, where the user has set nothing.

    Returns:
        Whether that came too late for this process: torch had been loaded without it.
    """
    if any(name in os.environ for name in VARIABLES):
        return False
    os.environ.update(BOUNDS)
    return "torch" in sys.modules


LATE = bound_waiting()


def waiting() -> tuple[str, str]:
    """How threads wait, as a shell would set it, and who decided that."""
    found = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    told = " ".join(f"{name}={value}" for name, value in found.items())
    if LATE:
        return "as their OpenMP does", f"torch was loaded before cxstyle; set {told} before Python starts"
    return told, "cxstyle's choice" if found == BOUNDS else "as the environment says"
