"""Fuzzes the picture reader, guided by the coverage of cxstyle and Pillow.

    pip install -e '.[fuzz]'
    OMP_NUM_THREADS=1 python tests/fuzz/fuzz_pictures.py NEW_FOLDER tests/fuzz/corpus/pictures -max_total_time=600 \
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
with atheris.instrument_imports(include=["cxstyle", "PIL"], enable_loader_override=False):
    from fuzz.readers import read_picture_bytes

warnings.simplefilter("error")

if __name__ == "__main__":
    atheris.Setup(sys.argv, read_picture_bytes)
    atheris.Fuzz()
