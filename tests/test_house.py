"""The layout of the house: who may import whom, how large rooms may be, what stands at the top."""

from __future__ import annotations

import ast
import subprocess
from pathlib import Path

import pytest

import cxstyle

PACKAGE = Path(cxstyle.__file__).parent
TOP = PACKAGE.parent

# room -> what it may import of this package
TABLE = {
    "__init__": {"openmp"},
    "__main__": {"cli"},
    "errors": set(),
    "openmp": set(),
    "checks": {"errors"},
    "files": {"checks", "errors"},
    "plainyaml": {"errors", "checks"},
    "presets": {"errors", "checks", "files", "plainyaml"},
    "terms": {"errors", "checks", "weights.layout"},
    "config": {"errors", "checks", "presets", "terms", "weights.layout"},
    "image": {"config"},
    "pictures": {"checks", "config", "errors", "files", "image", "report"},
    "color": {"errors", "positions"},
    "inputs": {"checks", "errors", "image", "masks", "opacity", "pictures", "positions"},
    "opacity": {"errors", "positions"},
    "masks": {"errors", "image", "pictures"},
    "device": {"errors"},
    "weights": {"errors", "files"},
    "vgg": {"errors", "checks", "files", "weights"},
    "losses": {"losses"},
    "positions": {"image", "masks"},
    "binding": {"positions", "terms", "weights.layout"},
    "bound": {"binding", "image", "losses", "positions", "terms", "weights.layout"},
    "objective": {"binding", "bound", "positions", "terms", "weights.layout"},
    "places": {"losses"},
    "sheet": set(),
    "matching": {
        "checks",
        "color",
        "config",
        "correspondence",
        "device",
        "errors",
        "image",
        "pictures",
        "losses",
        "places",
        "positions",
        "sheet",
        "vgg",
        "weights.layout",
    },
    "tiles": {"vgg"},
    "memory": {"checks", "config", "errors", "losses", "terms", "tiles", "vgg", "weights.layout"},
    "decisions": {
        "config",
        "device",
        "inputs",
        "losses",
        "memory",
        "objective",
        "openmp",
        "terms",
        "tiles",
        "weights.store",
    },
    "progress": {"config", "image", "objective", "pictures"},
    "shared": {"binding", "tensorfile", "vgg", "weights.store"},
    "correspondence": {"color", "image", "losses", "masks", "places", "positions"},
    "parametrization": {"color", "config", "image"},
    "steps": {"config", "objective", "parametrization", "positions", "progress"},
    "start": {"config", "image", "pictures", "positions"},
    "tensorfile": {"errors", "files"},
    "checkpoint": {"errors", "tensorfile"},
    "movie": {"errors", "files", "image"},
    "optimize": {
        "checkpoint",
        "checks",
        "color",
        "config",
        "correspondence",
        "decisions",
        "device",
        "errors",
        "image",
        "pictures",
        "inputs",
        "memory",
        "objective",
        "parametrization",
        "positions",
        "progress",
        "shared",
        "start",
        "steps",
        "terms",
        "tiles",
        "weights.store",
    },
    "report": {"image", "files"},
    "measures": set(),
    "scoring": {
        "checks",
        "config",
        "device",
        "errors",
        "image",
        "inputs",
        "pictures",
        "losses",
        "masks",
        "measures",
        "vgg",
        "weights.store",
    },
    "comparison": {
        "config",
        "device",
        "errors",
        "files",
        "image",
        "pictures",
        "inputs",
        "masks",
        "optimize",
        "progress",
        "report",
        "sheet",
    },
    "meter": set(),
    "bench": {
        "checks",
        "config",
        "device",
        "image",
        "pictures",
        "losses",
        "memory",
        "meter",
        "objective",
        "optimize",
        "positions",
        "progress",
        "report",
        "terms",
        "vgg",
        "weights.store",
    },
    "diagnosis": {
        "checks",
        "config",
        "device",
        "errors",
        "files",
        "image",
        "pictures",
        "memory",
        "objective",
        "openmp",
        "report",
        "vgg",
        "weights.layout",
        "weights.store",
    },
    "batch": {
        "checks",
        "config",
        "device",
        "errors",
        "files",
        "image",
        "pictures",
        "inputs",
        "memory",
        "objective",
        "openmp",
        "optimize",
        "plainyaml",
        "presets",
        "progress",
        "report",
        "shared",
        "sheet",
        "steps",
        "weights.store",
    },
    "cli": {"*"},
}
FILES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def imports(path: Path) -> set[str]:
    """Modules of this package that a file imports when it runs, as dotted names below it."""
    package = path.relative_to(PACKAGE).parent.parts
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            node.body = []
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = package[: len(package) - node.level + 1]
            module = ".".join([*base, *([node.module] if node.module else [])])
            found |= {module} if module else {alias.name for alias in node.names}
    return found - {"__version__"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_rooms_import_what_the_table_allows(path: Path) -> None:
    allowed = TABLE[room(path)]
    for module in imports(path):
        inside = module.split(".")[0] == room(path)
        listed = any(module == name or module.startswith(f"{name}.") for name in allowed)
        assert inside or listed or allowed == {"*"}, f"{path.name} imports {module}"


def test_nobody_imports_the_command_line() -> None:
    for path in FILES:
        if room(path) not in ("cli", "__main__"):
            assert not any(module.split(".")[0] == "cli" for module in imports(path))


def test_losses_know_no_pictures_networks_or_settings() -> None:
    for path in (PACKAGE / "losses").glob("*.py"):
        assert all(module.startswith("losses") for module in imports(path))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_files_and_functions_stay_small(path: Path) -> None:
    text = path.read_text()
    assert text.count("\n") <= 360
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef) and "click" not in ast.dump(ast.Module(node.decorator_list, [])):
            body = node.body[1:] if ast.get_docstring(node) else node.body
            assert not body or body[-1].end_lineno - body[0].lineno < 45, node.name


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_every_public_function_and_class_says_what_it_is(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), path
    public = ("config", "optimize", "objective", "image", "vgg", "losses", "color")
    if room(path) in public:
        for node in tree.body:
            if isinstance(node, ast.ClassDef):
                assert ast.get_docstring(node), node.name


def test_public_names_exist_and_are_documented() -> None:
    for name in cxstyle.__all__:
        assert getattr(cxstyle, name).__doc__, name
    assert set(cxstyle.__all__) <= set(dir(cxstyle))
    with pytest.raises(AttributeError, match="has no attribute 'stylise'"):
        _ = cxstyle.stylise


def test_the_top_level_holds_what_it_should() -> None:
    # What git knows, not what lies about: README's first command leaves its picture here.
    listed = subprocess.run(["git", "ls-files"], cwd=TOP, capture_output=True, text=True, check=True).stdout
    names = {path.split("/")[0] for path in listed.splitlines() if not path.startswith(".")}
    wanted = {"pyproject.toml", "README.md", "LICENSE", "cxstyle", "configs", "tests", "samples"}
    assert names == wanted
