"""How threads wait: set before torch's OpenMP reads it, the user's word above ours; and what a run loads."""

from __future__ import annotations

from pathlib import Path

import pytest
from helpers import python

from cxstyle import SPINNING, WAITING

TELL = "from cxstyle.device import waiting; print(waiting(), flush=True)"


@pytest.fixture(autouse=True)
def nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in WAITING:
        monkeypatch.delenv(name, raising=False)


RUN = """
import sys
from cxstyle import StyleConfig, stylize
stylize(*sys.argv[1:], StyleConfig.preset().override(size=48, iterations=3))
sys.exit("torch._dynamo" in sys.modules)
"""


def test_the_openmp_of_a_run_has_read_it_and_torch_s_compiler_stays_out(pair: tuple[Path, Path]) -> None:
    ended = python(RUN, *pair, OMP_DISPLAY_ENV="VERBOSE")
    told = ended.stderr
    assert ended.returncode == 0, told
    assert any(f"{name} = '{value}'" in told or f"{name}='{value}'" in told for name, value in SPINNING.items())


@pytest.mark.slow
def test_so_have_the_processes_that_a_batch_starts() -> None:
    begin = "process, speak = b.start(1, 0.1, 'cpu', b.Worker)"
    code = f"import cxstyle.batch.local as b; {begin}; speak.close(); process.join(60)"
    told = python(code, OMP_DISPLAY_ENV="VERBOSE").stderr
    assert any(f"{name} = '{value}'" in told or f"{name}='{value}'" in told for name, value in SPINNING.items())


@pytest.mark.parametrize("name", WAITING)
def test_what_the_user_has_set_stays_alone(name: str) -> None:
    code = "import os, cxstyle; print(*(name for name in cxstyle.WAITING if name in os.environ))"
    assert python(code, **{name: "7"}).stdout == f"{name}\n"


def test_a_torch_that_was_loaded_before_is_told_of() -> None:
    told = python(f"import torch; {TELL}").stdout
    assert told.startswith("('as their OpenMP does', 'torch was loaded before cxstyle; set GOMP_SPINCOUNT=")
