"""What tests of several rooms share: the command line, and small pictures."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import click
import torch
from click.testing import CliRunner, Result
from PIL import Image

from cxstyle.cli import main
from cxstyle.features.layers import CONVOLUTIONS, kernel_shape, torchvision_indices

State = dict[str, torch.Tensor]
QUICK = Path(__file__).parent / "quick.yaml"
"""Settings of a run of a moment."""
LONGEST = 600
"""Letters of a message, its file's name left out."""


def run_cli(*words: object, stdin: bytes | None = None) -> Result:
    """A command in this process; anything but an exit is a failure of the test."""
    done = CliRunner().invoke(main, [str(word) for word in words], input=stdin)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def done(*words: object, stdin: bytes | None = None) -> Result:
    """A command that ends well."""
    result = run_cli(*words, stdin=stdin)
    assert result.exit_code == 0, result.output
    return result


def refused(status: int, says: str | Sequence[str], *words: object) -> None:
    """Makes sure that a command soon ends with this status and one line of letters on stderr that has these words."""
    began = time.process_time()  # whoever else is at work
    result = run_cli(*words)
    assert time.process_time() - began < 10, words
    assert (result.exit_code, result.stdout) == (status, ""), (words, result.output)
    line = result.stderr.removesuffix("\n")
    assert line.startswith("cxstyle")
    assert line.isprintable(), line
    assert len(line) < LONGEST + len(" ".join(map(str, words))), line[:1000]
    for said in [says] if isinstance(says, str) else says:
        assert said in line, (words, line)


def every_command(group: click.Group = main, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Each command with its words."""
    for name, command in group.commands.items():
        yield before + name, command
        if isinstance(command, click.Group):
            yield from every_command(command, f"{before}{name} ")


def python(code: str, *words: object, **variables: str) -> subprocess.CompletedProcess[str]:
    """A program in a process of its own, to its end."""
    command = [sys.executable, "-c", code, *map(str, words)]
    return subprocess.run(command, env=os.environ | variables, capture_output=True, text=True, check=False)


def started(*words: object, group: bool = False) -> subprocess.Popen[str]:
    """A command in a process of its own."""
    command = [sys.executable, "-m", "cxstyle", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=group)


def on_terminal(*words: object) -> str:
    """What a command that ends well shows on a terminal of 140 columns."""
    outer, inner = pty.openpty()
    termios.tcsetwinsize(inner, (24, 140))
    process = subprocess.Popen([sys.executable, "-m", "cxstyle", *map(str, words)], stdout=inner, stderr=inner)
    os.close(inner)
    shown = b""
    with contextlib.suppress(OSError):  # how a terminal says that the other side is gone
        while True:
            shown += os.read(outer, 4096)
    os.close(outer)
    assert process.wait(timeout=60) == 0
    return shown.decode()


def wait_until(condition: Callable[[], bool], seconds: float = 120) -> None:
    """And not forever."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert condition()


def wait_for(path: Path, seconds: float = 120) -> None:
    """Until something is at a path."""
    wait_until(path.exists, seconds)


def files_in(folder: Path) -> list[str]:
    """Paths of all files below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def size_of(path: str | Path) -> tuple[int, int]:
    """(width, height) of a picture."""
    with Image.open(path) as image:
        return image.size


def painted(path: Path, color: str | tuple[int, int, int] = "gray", size: tuple[int, int] = (40, 40)) -> Path:
    """A picture of one colour."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path)
    return path


def halves(path: Path, left: str, right: str, size: tuple[int, int] = (64, 64)) -> Path:
    """A picture, such as a mask, of two colours side by side."""
    image = Image.new("RGB", size, left)
    image.paste(right, (size[0] // 2, 0, *size))
    image.save(path)
    return path


def half_mask(height: int, width: int, right: tuple[float, ...] = (0.0, 0.0, 1.0)) -> torch.Tensor:
    """A mask (3, H, W), its left half red."""
    mask = torch.zeros(3, height, width)
    mask[0, :, : width // 2] = 1
    mask[:, :, width // 2 :] = torch.tensor(right)[:, None, None]
    return mask


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
