"""Fuzzes the reader of pictures or that of settings, guided by the coverage of cxstyle, Pillow and PyYAML.

    pip install -e '.[fuzz]'
    OMP_NUM_THREADS=1 python tests/fuzz/harness.py pictures NEW_FOLDER tests/fuzz/corpus/pictures -max_total_time=600 \
        -max_len=8192 -timeout=10 -rss_limit_mb=3000

What it finds is written beside NEW_FOLDER as crash-..., timeout-... or oom-...; mended, it belongs into the corpus,
which the tests read in every run.
"""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path

import atheris

os.environ["CXSTYLE_MAX_PIXELS"] = "1M"
sys.path.insert(0, str(Path(__file__).parent.parent))
with atheris.instrument_imports(include=["cxstyle", "PIL", "yaml"], enable_loader_override=False):
    import yaml  # noqa: F401 - cxstyle imports it where it is used, which is too late to instrument it

    from fuzz.readers import read_picture_bytes, read_preset_bytes

warnings.simplefilter("error")

if __name__ == "__main__":
    kind = sys.argv.pop(1)
    atheris.Setup(sys.argv, {"pictures": read_picture_bytes, "presets": read_preset_bytes}[kind])
    atheris.Fuzz()
