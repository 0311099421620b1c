"""Fuzzes the reader of settings, guided by the coverage of cxstyle and PyYAML.

    pip install -e '.[fuzz]'
    python tests/fuzz/fuzz_presets.py NEW_FOLDER tests/fuzz/corpus/presets -max_total_time=600 -max_len=4096 \
        -timeout=10 -dict=tests/fuzz/presets.dict
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parent.parent))
with atheris.instrument_imports(include=["cxstyle", "yaml"], enable_loader_override=False):
    import yaml  # noqa: F401 - cxstyle imports it where it is used, which is too late to instrument it

    from fuzz.readers import read_preset_bytes

warnings.simplefilter("error")

if __name__ == "__main__":
    atheris.Setup(sys.argv, read_preset_bytes)
    atheris.Fuzz()
