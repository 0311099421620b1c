"""What a run may take, what it will take, and how it keeps to that."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from helpers import python

from cxstyle import LossTerm, StyleConfig, stylize
from cxstyle.device import DTYPES, choose_precision, out_of_memory
from cxstyle.errors import MemoryLimitError
from cxstyle.features.vgg import VGGFeatures, resolve_network
from cxstyle.losses.objective import feature_layers
from cxstyle.transfer import memory as room
from cxstyle.transfer.memory import Need, free, plan

CPU = torch.device("cpu")
CONFIG = StyleConfig.preset("default")


@pytest.fixture
def small_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the tests before have left in this process doesn't count."""
    monkeypatch.setattr(room, "held", lambda *_: 1e9)


def need(edge: int, precision: torch.dtype = torch.float32, config: StyleConfig = CONFIG, target: int = 512) -> Need:
    network = VGGFeatures(resolve_network("vgg16"), feature_layers(config.terms), dtype=precision)
    return room.need(config.terms, network, (edge, edge), [(target, target)])


def test_what_is_needed_grows_with_size_and_precision_and_shrinks_with_tiles() -> None:
    assert need(512).whole() < need(1024).whole()
    assert need(1024, torch.bfloat16).whole() < need(1024).whole()
    large = need(2048)
    assert large.least() < large.cut(500_000) < large.whole()


@pytest.mark.usefixtures("small_process")
def test_tiles_are_cut_only_where_the_whole_does_not_fit() -> None:
    roomy, tight = (plan([need(2048)], budget, CPU, 0) for budget in (100e9, 6e9))
    assert (roomy.pixels, roomy.tiles) == ((None,), 1)
    assert tight.tiles > 1
    assert tight.estimate <= 6e9 < roomy.estimate


def test_a_container_s_limit_counts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text("3000000000\n")
    (tmp_path / "memory.current").write_text("1000000000\n")
    monkeypatch.setattr(room, "CGROUPS", tmp_path)
    assert free(CPU) <= 2e9
    (tmp_path / "memory.max").write_text("max\n")
    assert room.container_rest() == []


@pytest.mark.usefixtures("small_process")
def test_a_run_within_less_memory_ends_in_the_same_picture(pair: tuple[Path, Path]) -> None:
    terms = (LossTerm("gram", 1.0, "target", ("conv2_2",)),)
    settings = StyleConfig(terms, iterations=2, features="vgg16", precision="fp32", size=192, enlarge=True)
    whole = stylize(*pair, settings)
    budget = whole.details["memory"]["estimate"] - 10e6
    tiled = stylize(*pair, settings.override(memory=f"{budget / 1e6:.0f}MB"))
    assert whole.details["memory"]["tiles"] == 1
    assert tiled.details["memory"]["tiles"] > 1
    assert tiled.losses[0]["total"] == pytest.approx(whole.losses[0]["total"], rel=1e-5)
    # Adam's first steps go by the gradient's sign alone, so rounding can turn one here and there.
    assert (tiled.picture - whole.picture).abs().mean() < 1e-3


@pytest.mark.usefixtures("small_process")
def test_a_run_that_can_not_fit_says_what_would(pair: tuple[Path, Path]) -> None:
    huge = CONFIG.override(parametrization="pixels", size=8000, enlarge=True, memory="3GB")
    says = (
        r"8000x8000 px on cpu needs about \S+ GB of memory at least, and may take 3\.00 GB: use --size \d+ or less, or"
    )
    with pytest.raises(MemoryLimitError, match=says) as no:
        stylize(*pair, huge)
    edge = int(str(no.value).split("--size ")[1].split()[0])
    assert 512 <= edge < 8000
    assert plan([need(edge, DTYPES[choose_precision("auto", CPU)[0]], target=64)], 3e9, CPU, 0).estimate <= 3e9
    with pytest.raises(MemoryLimitError, match="no size fits, or allow more with --memory"):
        stylize(*pair, huge.override(memory="50MB"))


# On Linux the kernel's own account: what `resource` tells begins with what the process that started this one held.
PEAK = """
import pathlib, re, resource, sys
from cxstyle import Pyramid, StyleConfig, stylize
config = StyleConfig.preset().override(size=768, enlarge=True, iterations=1, pyramid=Pyramid(), memory=sys.argv[3])
result = stylize(sys.argv[1], sys.argv[2], config)
if sys.platform == "linux":
    peak = 1024 * int(re.search(r"VmHWM:\\s+(\\d+) kB", pathlib.Path("/proc/self/status").read_text())[1])
else:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(result.details["memory"]["estimate"], peak)
"""


@pytest.mark.slow
@pytest.mark.parametrize("memory", ["20GB", "1900MB"])
def test_the_estimate_is_what_a_run_takes(pair: tuple[Path, Path], memory: str) -> None:
    estimate, peak = map(float, python(PEAK, *pair, memory).stdout.split())
    assert 0.6 * estimate < peak < 1.15 * estimate


EXHAUST = """
import resource, sys
import psutil
from cxstyle import Pyramid, StyleConfig, stylize

def limit(progress):
    # From here on the process may take 150 MB more: the next scale has no room.
    if progress.iteration == progress.iterations:
        room = psutil.Process().memory_info().vms + 150_000_000
        resource.setrlimit(resource.RLIMIT_AS, (room, resource.RLIM_INFINITY))

config = StyleConfig.preset().override(parametrization="pixels", size=512, enlarge=True, iterations=4)
config = config.override(pyramid=Pyramid(64, 8), precision="fp32")
result = stylize(sys.argv[1], sys.argv[2], config, callback=limit)
print(result.status, len(result.losses), *result.picture.shape, bool(result.picture.isfinite().all()))
"""


@pytest.mark.slow
def test_where_memory_runs_out_the_picture_so_far_is_kept(pair: tuple[Path, Path]) -> None:
    done = python(EXHAUST, *pair)
    assert done.stdout.split() == ["out", "of", "memory", "2", "1", "3", "512", "512", "True"], done.stderr


def test_out_of_memory_is_told_from_other_errors() -> None:
    with pytest.raises(RuntimeError) as refused:
        torch.empty(1 << 60)
    cuda, dnn = torch.OutOfMemoryError("Tried to allocate 2 GiB"), RuntimeError("could not create a primitive")
    others = RuntimeError("shapes do not match"), ValueError("out of memory")
    assert all(map(out_of_memory, (refused.value, MemoryError(), cuda, dnn)))
    assert not any(map(out_of_memory, others))
