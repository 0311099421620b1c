"""What tests of several rooms share: the command line, and small pictures."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from click.testing import CliRunner, Result
from PIL import Image

from cxstyle.cli import main


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


def refused(status: int, says: str, *words: object) -> None:
    """Makes sure that a command ends with this status and one line on stderr that has these words."""
    result = run_cli(*words)
    assert (result.exit_code, result.stdout) == (status, ""), (words, result.output)
    assert says in result.stderr, (words, result.stderr)
    assert result.stderr.count("\n") == 1, (words, result.stderr)


def started(*words: object, group: bool = False) -> subprocess.Popen[str]:
    """A command in a process of its own."""
    command = [sys.executable, "-m", "cxstyle", *map(str, words)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=group)


def wait_for(path: Path, seconds: float = 60) -> None:
    """Until something is at a path."""
    deadline = time.monotonic() + seconds
    while not path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert path.exists()


def files_in(folder: Path) -> list[str]:
    """Paths of all files below a folder."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def size_of(path: str | Path) -> tuple[int, int]:
    """(width, height) of a picture."""
    with Image.open(path) as image:
        return image.size


def painted(path: Path, color: str = "gray", size: tuple[int, int] = (40, 40)) -> Path:
    """A picture of one colour."""
    Image.new("RGB", size, color).save(path)
    return path


def halves(path: Path, left: str, right: str, size: tuple[int, int] = (64, 64)) -> Path:
    """A picture, such as a mask, of two colours side by side."""
    image = Image.new("RGB", size, left)
    image.paste(right, (size[0] // 2, 0, *size))
    image.save(path)
    return path
