"""What tests of several rooms share."""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch
from click.testing import CliRunner, Result

from cxstyle.cli import main
from cxstyle.features.layers import CONVOLUTIONS, kernel_shape, torchvision_indices

State = dict[str, torch.Tensor]
LONGEST = 600
"""Letters of a message, its file's name left out."""


def run_cli(*words: object, stdin: bytes | None = None) -> Result:
    """A command in this process; anything but an exit is a failure of the test."""
    done = CliRunner().invoke(main, [str(word) for word in words], input=stdin)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def ended(args: Sequence[str]) -> tuple[int, str]:
    """Exit status, and what was written to stderr."""
    started = time.perf_counter()
    result = run_cli(*args)
    assert time.perf_counter() - started < 5, args
    assert result.stdout == ""
    return result.exit_code, result.stderr


def refused(args: Sequence[str], says: Sequence[str], status: int = 2) -> None:
    """Makes sure that a command ends in one line of letters that has some words."""
    code, line = ended(args)
    assert code == status, line
    assert line.startswith("cxstyle")
    assert line.endswith("\n")
    assert line[:-1].isprintable(), line
    assert len(line) < LONGEST + len(" ".join(args)), line[:1000]
    for words in says:
        assert words in line, line


def true_layout(network: str, deepest: str = "conv4_2") -> State:
    """Random weights by the paper's names, in the true shapes, float16 to keep the files small."""
    generator = torch.Generator().manual_seed(3)
    names = CONVOLUTIONS[network]
    state = {}
    for name in names[: names.index(deepest) + 1]:
        state[f"{name}.weight"] = (torch.randn(kernel_shape(name), generator=generator) * 0.05).half()
        state[f"{name}.bias"] = torch.randn(kernel_shape(name)[0], generator=generator).half()
    return state


def in_torchvision_layout(state: State, network: str, prefix: str) -> State:
    renamed = {}
    for index, name in torchvision_indices(network).items():
        for kind in ("weight", "bias"):
            if f"{name}.{kind}" in state:
                renamed[f"{prefix}{index}.{kind}"] = state[f"{name}.{kind}"]
    return renamed
