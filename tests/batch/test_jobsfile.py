"""Files of jobs: defaults, each job's own settings, the command line's above them, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from broken.presets import bomb

from cxstyle import StyleConfig, Writing
from cxstyle.batch.job_file import read_jobs
from cxstyle.errors import ConfigError

pytestmark = pytest.mark.usefixtures("own_folder")
PAIR = "source: a.jpg, target: b.jpg"


def written(name: str, text: str | bytes) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


JOBS = """
defaults: {preset: fast, target: b.jpg, settings: {size: 256, seed: 9}}
jobs:
  - {source: a.jpg}
  - {source: sub/a.png, target: [b.jpg, c.jpg], target-weights: [2, 1], preset: paper, settings: {seed: 3}, name: s/x}
  - {source: /all/d.jpg, preset: ../mine.yaml, settings: {init: start.png, weights: vgg.safetensors, size: 128}}
  - {source: e.jpg, source_mask: e_mask.png, target_mask: [m.png], settings: {init: noise, pyramid: {coarsest: 64}}}
"""


def test_a_yaml_file_has_defaults_below_each_jobs_own_settings() -> None:
    written("mine.yaml", "terms: [{loss: contextual, compare: target, layers: [conv2_2]}]\niterations: 7")
    one, two, three, four = read_jobs(written("in/jobs.yaml", JOBS))
    assert (one.source, one.target, one.preset) == (Path("in/a.jpg"), (Path("in/b.jpg"),), "fast")
    assert one.config == StyleConfig.preset("fast").override(size=256, seed=9)
    assert two.config == StyleConfig.preset("paper").override(size=256, seed=3)
    assert (two.target, two.weights) == ((Path("in/b.jpg"), Path("in/c.jpg")), (2, 1))
    assert (three.source, three.config.iterations, three.config.size) == (Path("/all/d.jpg"), 7, 128)
    assert (three.config.init, three.config.weights) == ("in/start.png", "in/vgg.safetensors")
    assert (four.source_mask, four.target_mask) == (Path("in/e_mask.png"), (Path("in/m.png"),))
    assert (four.config.init, four.config.pyramid.coarsest) == ("noise", 64)
    outputs = [job.output for job in (one, two, three, four)]
    assert outputs == ["a.jpg__b__fast.png", "s/x.png", "d__b__mine.png", "e__b__fast.png"]


CSV = """\ufeffsource,target,target-weights,preset,size,strength,enlarge,samples,tv-weight,seed,name,quality,metadata,
a.jpg,b.jpg;c.jpg,2; 1.5,fast,256,0.5,true,all,2,,007.jpg,70,no,
"a, b.jpg",b.jpg,,,,,,64,,,,,,
,,,,,
c.jpg,b.jpg,,,,,false,,,1
"""


def test_a_csv_file_has_a_row_for_each_job_and_empty_cells_say_nothing() -> None:
    one, two, three = read_jobs(written("in/jobs.csv", CSV))
    fast, default = StyleConfig.preset("fast"), StyleConfig.preset()
    assert one.config == fast.override(size=256, strength=0.5, enlarge=True, samples="all", tv_weight=2)
    assert (one.target, one.weights) == ((Path("in/b.jpg"), Path("in/c.jpg")), (2, 1.5))
    assert one.writing == Writing(quality=70, metadata=False)
    assert (two.config, three.config) == (default.override(samples=64), default.override(seed=1))
    assert [job.output for job in (one, two, three)] == ["007.jpg", "a, b__b__default.png", "c__b__default.png"]


def test_what_stands_above_the_file_counts_from_the_current_folder() -> None:
    text = f"defaults: {{settings: {{size: 64}}}}\njobs: [{{{PAIR}, preset: mine.yaml, settings: {{seed: 5}}}}]"
    settings = {"size": 99, "seed": None, "init": "start.png", "iterations": None}
    above = {"preset": "paper", "source_mask": Path("m.png"), "target_mask": Path("n.png"), "settings": settings}
    (job,) = read_jobs(written("in/jobs.yaml", text), above)
    assert job.config == StyleConfig.preset("paper").override(size=99, seed=5, init="start.png")
    assert (job.source, job.source_mask, job.target_mask) == (Path("in/a.jpg"), Path("m.png"), (Path("n.png"),))


@pytest.mark.parametrize(
    ("first", "second", "template", "expected"),
    [
        ("target: b.jpg", "target: [b.jpg, d.jpg]", None, "a__b__default.png a__b+d__default.png"),
        ("target: b.jpg", "target: b.jpg, settings: {seed: 7}", None, "a__b__default__0.png a__b__default__7.png"),
        ("target: x/b.jpg", "target: y/b.jpg", None, "a__x-b__default.png a__y-b__default.png"),
        ("target: b.jpg, name: 0002.jpg", "target: b.jpg", "{index}", "0002.jpg 0002.png"),
    ],
)
def test_jobs_are_called_by_what_tells_them_apart(first: str, second: str, template: str | None, expected: str) -> None:
    text = f"- {{source: a.jpg, {first}}}\n- {{source: a.jpg, {second}}}"
    assert [job.output for job in read_jobs(written("jobs.yml", text), {}, template)] == expected.split()


def refused(path: Path) -> str:
    """Why a file is, in one line that names it."""
    with pytest.raises(ConfigError) as caught:
        read_jobs(path)
    assert (str(path) in str(caught.value), "\n" in str(caught.value)) == (True, False)
    return str(caught.value)


JOB = f"- {{{PAIR}}}\n"
WRONG = {
    "source": ("5", "[a.png]", "{a: b}"),
    "target": ("5", "[5]", "[[a.png]]"),
    "source_mask": ("5", "[m.png]"),
    "target_mask": ("5", "[5]"),
    "target_weights": ("5", "[a]", "[1, 2]", "[0]", "[.nan]"),
    "preset": ("5", "papr", "../fast", "none.yaml", "."),
    "name": ("5", "../x", "/", ".", "a/../../b", "x.gif", '"a\\nb"', '"\\0"', "x" * 300),
    "quality": ("0", "x"),
    "bits": ("7", "[8]"),
    "metadata": ("1", "x"),
    "settings": (
        *("5", "x", "{sized: 3}", "{1: 2}", "{self: 1}", "{size: 8}", "{size: big}", "{samples: some}", "{init: [a]}"),
        *("{pyramid: {coarse: 3}}", "{terms: []}", "{strength: .nan}", "{tv-weight: 1, tv_weight: 1}"),
    ),
}


@pytest.mark.parametrize("key", WRONG)
def test_a_wrong_value_is_refused_in_one_line_with_the_number_of_its_job(key: str) -> None:
    for value in WRONG[key]:
        said = {"source": "a.png", "target": "b.png"} | {key: value}
        entry = ", ".join(f"{name}: {item}" for name, item in said.items())
        assert refused(written("jobs.yaml", f"{JOB}- {{{entry}}}\n")).startswith("jobs.yaml, job 2: "), value


HEAD = "source,target,size\n"
BROKEN = {
    "jobs.yaml": {
        "": "expected jobs, a list such as",
        "jobs: {source: a.png, target: b.png}": "expected jobs",
        JOB + "- a.png": "job 2: expected an entry such as",
        JOB + "- {}": "job 2: source is missing",
        JOB + "- ": "job 2: expected an entry",
        "- {source: a.png, target: []}": "job 1: target is missing",
        "job: []": "job is not a known key; did you mean jobs?",
        "- {source: a.png, traget: b.png}": "job 1: traget is not a known key; did you mean target?",
        "- {source: a.png, target: b.png, size: 64}": "job 1: size is a setting; write settings: {size: ...}",
        f"- {{{PAIR}, target-mask: m, target_mask: m}}": "target_mask stands twice",
        "- {source: a, source: b, target: c}": "key 'source' stands twice",
        f"defaults: [5]\njobs: [{{{PAIR}}}]": "jobs.yaml, defaults: expected an entry",
        f"- {{{PAIR}, target-mask: m.png}}": "job 1: target-mask: needs the source mask",
        "- {source: a, target: [b, c], source_mask: m, target_mask: [n]}": "target-mask: one for each",
        f"- {{{PAIR}, name: x}}\n- {{{PAIR}, name: X.png}}": "job 1 and job 2 would both be x.png; give one of them",
        f"{JOB}- {{{PAIR}, settings: {{size: 64}}}}": "job 1 and job 2 would both be a__b__default.png; add {index}",
        bomb(f"{{{PAIR}}}") + "jobs: *a8\n": "line ",
        "- !!python/object/apply:os.system [touch canary]": "tags are not taken",
        "- {": "line 1 is not YAML",
        JOB + "# \n" * 400_000: "at most 1 are read",
    },
    "jobs.csv": {
        "": "expected a header",
        HEAD + "\n,,\n": "expected a header",
        "source,traget\na,b\n": "job 1: traget is not a known key; did you mean",
        "source,source,target\na,b,c\n": "the header names a column twice",
        HEAD + "a,b,64,9\n": "job 1: more cells than the header names",
        HEAD + "a,b,64\na\n": "job 2: target is missing",
        HEAD + 'a,"b,64\n': "is not CSV",
        HEAD + "a,b,large\n": "job 1: size: Expected int, got str 'large'",
        HEAD + f"a,b,{'9' * 5000}\n": "job 1",
        HEAD + "a,b,{\n": "job 1",
        "source,target,target-weights\na,b;c,1;x\n": "job 1: target_weights[1]: Expected float",
        "source,target,target-weights\na,b;c,0;0\n": "at least one must be above 0",
        "source,target\n\udce4,b\n": "is not a UTF-8 text file",
        "source;target\na;b\n": "job 1",
        f"source,target\n{'a' * 200_000},b\n": "is not CSV",
    },
    "jobs.txt": {"": "jobs are read from .yaml or .csv files"},
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_file_is_refused_in_one_line_and_no_code_runs(name: str) -> None:
    for text, says in BROKEN[name].items():
        assert says in refused(written(name, text.encode(errors="surrogateescape"))), text[:40]
    assert [path.name for path in Path().iterdir()] == [name]
    assert "can't read none.csv: No such file" in refused(Path("none.csv"))
