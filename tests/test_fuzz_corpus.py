"""What the fuzz harness has found worth keeping ends as everything should; neither needs atheris."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from fuzz.readers import read_picture_bytes, read_preset_bytes

CORPUS = Path(__file__).parent / "fuzz" / "corpus"


def test_the_corpus_is_small() -> None:
    assert sum(path.stat().st_size for path in CORPUS.rglob("*")) < 300_000


def test_every_kept_picture_is_read_or_refused_in_one_line(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CXSTYLE_MAX_PIXELS", "1M")
    ends = Counter(read_picture_bytes(path.read_bytes()) for path in sorted((CORPUS / "pictures").iterdir()))
    assert min(ends["picture"], ends["refused"]) > 10
    assert capfd.readouterr() == ("", "")


def test_every_kept_preset_is_taken_or_refused_in_one_line() -> None:
    ends = Counter(read_preset_bytes(path.read_bytes()) for path in sorted((CORPUS / "presets").iterdir()))
    assert min(ends["settings"], ends["refused"]) > 10
