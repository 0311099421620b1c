"""The layout of the house: what stands at the top, how rooms are entered, what is small and documented.

Which room may import which is import-linter's to check; see pyproject.toml.
"""

from __future__ import annotations

import ast
import re
import subprocess
from pathlib import Path

import pytest

import cxstyle

PACKAGE = Path(cxstyle.__file__).parent
TOP = PACKAGE.parent
FILES = sorted(PACKAGE.rglob("*.py"))
ROOMS = {stub.parent.name for stub in PACKAGE.glob("*/__init__.pyi")}


def known(folder: Path) -> set[str]:
    """What git knows in a folder, not what lies about: README's first command leaves its picture at the top."""
    listed = subprocess.run(["git", "ls-files"], cwd=folder, capture_output=True, text=True, check=True).stdout
    return {path.split("/")[0] for path in listed.splitlines() if not path.startswith(".")}


def test_the_top_level_holds_what_it_should() -> None:
    assert known(TOP) == {"pyproject.toml", "README.md", "LICENSE", "cxstyle", "configs", "tests", "samples"}
    entries = known(PACKAGE) - {"__init__.py", "__init__.pyi", "__main__.py", "docs"}
    assert entries == {"errors.py", "checks.py", "files.py", "device.py", "batch", "cli", *ROOMS}
    assert len(entries) <= 14


def test_rooms_are_entered_by_their_names() -> None:
    for path in FILES:
        own = path.relative_to(PACKAGE).parts[0]
        for room in re.findall(r"^ *from \.{2,}(\w+)\.\w", path.read_text(), re.MULTILINE):
            assert room == own or room not in ROOMS, (path, room)


def test_functions_stay_small_and_files_and_classes_say_what_they_are() -> None:
    for path in FILES:
        tree = ast.parse(path.read_text())
        assert ast.get_docstring(tree), path
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and "click" not in ast.dump(ast.Module(node.decorator_list, [])):
                body = node.body[1:] if ast.get_docstring(node) else node.body
                assert not body or body[-1].end_lineno - body[0].lineno < 45, (path, node.name)
        for node in tree.body:
            assert not isinstance(node, ast.ClassDef) or ast.get_docstring(node), (path, node.name)


def test_public_names_exist_and_are_documented() -> None:
    for name in cxstyle.__all__:
        assert getattr(cxstyle, name).__doc__, name
    assert set(cxstyle.__all__) <= set(dir(cxstyle))
    with pytest.raises(AttributeError, match="stylise"):
        _ = cxstyle.stylise


@pytest.mark.parametrize("room", sorted(ROOMS))
def test_every_name_of_a_room_is_there(room: str) -> None:
    entered = __import__(f"cxstyle.{room}", fromlist=["__all__"])
    assert all(getattr(entered, name) is not None for name in entered.__all__)
