"""Broken and odd files of jobs, through the command line: one clear line that names the file, and the job."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from broken.jobs import broken_csv, broken_yaml
from helpers import refused


def test_the_corpus_has_more_than_60_cases() -> None:
    assert len(broken_yaml()) + len(broken_csv()) > 120


@pytest.mark.parametrize("suffix", ["yaml", "csv"])
def test_every_broken_file_of_jobs_ends_in_one_line_with_its_name(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cases = broken_yaml() if suffix == "yaml" else broken_csv()
    for name, (content, says) in cases.items():
        Path(f"mine.{suffix}").write_bytes(content)
        words = [f"mine.{suffix}", says, *(["job 2"] if ": " in name else [])]
        refused(2, words, "batch", "--jobs", f"mine.{suffix}", "-o", "out")
    assert os.listdir() == [f"mine.{suffix}"]  # noqa: PTH208 - nothing was written, and no code was run
