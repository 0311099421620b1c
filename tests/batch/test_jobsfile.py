"""Files of jobs: defaults, each job's own options, the command line's above them, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from cxstyle import StyleConfig
from cxstyle.batch.jobsfile import KEYS, SETTINGS, read_jobs
from cxstyle.cli.run import run
from cxstyle.errors import ConfigError


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(name: str, text: str) -> Path:
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


JOBS = """
defaults: {preset: fast, size: 256, target: b.jpg}
jobs:
  - {source: a.jpg}
  - {source: sub/a.png, target: [b.jpg, c.jpg], target-weights: [2, 1], preset: faithful, seed: 3, name: sub/mine}
  - {source: /all/d.jpg, config: ../mine.yaml, init: start.png, weights: vgg.safetensors, size: 128}
  - {source: e.jpg, source_mask: e_mask.png, target_mask: [b_mask.png], init: noise, samples: 500}
"""


def test_a_yaml_file_has_defaults_below_each_jobs_own_options() -> None:
    written("mine.yaml", "terms: [{loss: contextual, compare: target, layers: [conv2_2]}]\niterations: 7")
    one, two, three, four = read_jobs(written("in/jobs.yaml", JOBS), {})
    assert (one.source, one.target, one.preset, one.config.size) == (Path("in/a.jpg"), (Path("in/b.jpg"),), "fast", 256)
    assert one.config == StyleConfig.preset("fast").override(size=256)
    assert two.config == StyleConfig.preset("faithful").override(size=256, seed=3)
    assert (two.target, two.weights) == ((Path("in/b.jpg"), Path("in/c.jpg")), (2, 1))
    assert (three.source, three.preset) == (Path("/all/d.jpg"), "mine")
    assert (three.config.iterations, three.config.size) == (7, 128)
    assert (three.config.init, three.config.weights) == ("in/start.png", "in/vgg.safetensors")
    assert (four.source_mask, four.target_mask) == (Path("in/e_mask.png"), (Path("in/b_mask.png"),))
    assert (four.config.init, four.config.terms[0].samples) == ("noise", 500)
    names = [job.output for job in (one, two, three, four)]
    assert names == ["a.jpg__b__fast.png", "sub/mine.png", "d__b__mine.png", "e__b__fast.png"]


def test_a_yaml_file_may_be_a_list_alone() -> None:
    jobs = read_jobs(
        written("jobs.yml", "- {source: a.jpg, target: b.jpg}\n- {source: a.jpg, target: [b.jpg, c.jpg]}"), {}
    )
    assert [job.output for job in jobs] == ["a__b__default.png", "a__b+c__default.png"]


CSV = """\ufeffsource,target,target-weights,preset,size,strength,enlarge,samples,content_weight,seed,name,
a.jpg,b.jpg;c.jpg,2; 1.5,fast,256,0.5,yes,all,2,,007,
"a, b.jpg",b.jpg,,,,,,64,,,,
,,,,,
c.jpg,b.jpg,,,,,no,,,1
"""


def test_a_csv_file_has_a_row_for_each_job_and_empty_cells_say_nothing() -> None:
    one, two, three = read_jobs(written("in/jobs.csv", CSV), {})
    assert one.config == StyleConfig.preset("fast").override(
        size=256, strength=0.5, enlarge=True, samples="all", content_weight=2
    )
    assert (one.target, one.weights) == ((Path("in/b.jpg"), Path("in/c.jpg")), (2, 1.5))
    assert two.config == StyleConfig.preset().override(samples=64)
    assert three.config == StyleConfig.preset().override(seed=1, enlarge=False)
    assert [job.output for job in (one, two, three)] == ["007.png", "a, b__b__default.png", "c__b__default.png"]


def test_options_of_the_command_line_are_above_all_and_count_from_the_current_folder() -> None:
    text = "defaults: {size: 64}\njobs: [{source: a.jpg, target: b.jpg, config: mine.yaml, seed: 5}]"
    above = {"preset": "paper", "size": 99, "seed": None, "init": "start.png", "source_mask": Path("m.png")}
    above |= {"target_mask": (Path("n.png"),), "iterations": None}
    (job,) = read_jobs(written("in/jobs.yaml", text), above)
    assert job.config == StyleConfig.preset("paper").override(size=99, seed=5, init="start.png")
    assert (job.source, job.source_mask, job.target_mask) == (Path("in/a.jpg"), Path("m.png"), (Path("n.png"),))


def test_every_setting_of_run_is_a_key_of_jobs() -> None:
    elsewhere = {"source", "targets", "target_masks", "output", "overwrite", "save_every", "report", "quiet", "verbose"}
    elsewhere |= {"checkpoint", "no_checkpoint", "checkpoint_every", "resume", "movie"}  # of a single run
    elsewhere |= {"kind", "like", "no_metadata", "max_pixels"}  # names, presets, `metadata` and the environment say
    assert {parameter.name for parameter in run.params} - elsewhere <= set(KEYS)
    assert set(SETTINGS) <= {parameter.name for parameter in run.params}


def test_only_jobs_that_differ_in_nothing_else_carry_their_seed() -> None:
    text = (
        "- {source: a.jpg, target: b.jpg}\n- {source: a.jpg, target: b.jpg, seed: 7}\n- {source: c.jpg, target: b.jpg}"
    )
    found = [job.output for job in read_jobs(written("jobs.yaml", text), {})]
    assert found == ["a__b__default__0.png", "a__b__default__7.png", "c__b__default.png"]


def test_pictures_of_one_name_from_several_folders_carry_a_digest_of_their_path_from_the_file() -> None:
    root = Path.cwd()
    text = f"- {{source: x/a.jpg, target: b.jpg}}\n- {{source: {root}/in/y/a.jpg, target: b.jpg}}"
    found = [job.output for job in read_jobs(written("in/jobs.yaml", text), {})]
    # printf x/a.jpg | sha256sum
    assert found == ["a-9734e212__b__default.png", "a-66aafdc2__b__default.png"]


def test_a_template_names_the_jobs_that_have_no_name() -> None:
    text = "- {source: a.jpg, target: b.jpg, name: 0002.jpg}\n- {source: c.jpg, target: b.jpg}"
    assert [job.output for job in read_jobs(written("jobs.yaml", text), {}, "{index}")] == ["0002.jpg", "0002.png"]


PAIR = "source: a.jpg, target: b.jpg"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"- {{{PAIR}, sized: 3}}", "jobs.yaml, job 1: sized is not a known key; did you mean size?"),
        (f"- {{{PAIR}, size: 8}}", "jobs.yaml, job 1: size: must be a number at least 32"),
        (f"- {{{PAIR}, size: big}}", "jobs.yaml, job 1: size: Expected int"),
        (f"- {{{PAIR}, memory: 4}}", "jobs.yaml, job 1: memory: Expected str"),
        (f"- {{{PAIR}, enlarge: 3}}", "jobs.yaml, job 1: enlarge: Expected bool"),
        (f"- {{{PAIR}, preset: fats}}", "jobs.yaml, job 1: preset: 'fats' is not known; did you mean fast?"),
        (f"- {{{PAIR}, preset: none.yaml}}", "jobs.yaml, job 1: can't read none.yaml"),
        (f"- {{{PAIR}, preset: fast, config: x.yaml}}", "job 1: preset and config exclude each other"),
        (f"- {{{PAIR}, samples: some}}", "jobs.yaml, job 1: samples: 'some' is not known"),
        (f"- {{{PAIR}, content_weight: -1}}", "jobs.yaml, job 1: content-weight: must be a number"),
        (f"- {{{PAIR}}}\n- {{source: a.jpg}}", "jobs.yaml, job 2: target is missing"),
        ("- {target: a.jpg}", "jobs.yaml, job 1: source is missing"),
        ("- {source: [a.jpg], target: b.jpg}", "jobs.yaml, job 1: source: Expected str"),
        ("- {source: a.jpg, target: [b.jpg, 3]}", "jobs.yaml, job 1: target[1]: Expected str"),
        ("- a.jpg", "jobs.yaml, job 1: expected options such as {source: a.jpg"),
        (f"- {{{PAIR}, target_weights: [1, 2]}}", "job 1: target-weights: one for each target is needed"),
        (f"- {{{PAIR}, target_weights: [.nan]}}", "job 1: target-weights: must be a number"),
        (f"- {{{PAIR}, target-mask: m.png}}", "job 1: target-mask: needs the source mask"),
        (f"- {{{PAIR}, target-mask: m.png, target_mask: m.png}}", "job 1: target_mask stands twice"),
        (f"- {{{PAIR}, name: ../x}}", "jobs.yaml, job 1: output: '../x' must be a file inside"),
        (f"- {{{PAIR}, name: x.gif}}", "jobs.yaml, job 1: name: 'x.gif': can't write .gif"),
        (f"- {{{PAIR}, name: {'x' * 121}}}", "is too long"),
        (f"- {{{PAIR}, name: x}}\n- {{{PAIR}, name: X.png}}", "job 1 and job 2 would both be x.png; give one of them"),
        (f"- {{{PAIR}}}\n- {{{PAIR}, size: 64}}", "jobs.yaml: job 1 and job 2 would both be a__b__default.png; give"),
        (f"defaults: {{size: x}}\njobs: [{{{PAIR}}}]", "jobs.yaml, defaults: size: Expected int"),
        (f"defaults: {{name: x}}\njobs: [{{{PAIR}}}]", "a name belongs to one job"),
        (f"default: {{}}\njobs: [{{{PAIR}}}]", "jobs.yaml: default is not a known key; did you mean defaults?"),
        ("jobs: []", "jobs.yaml: expected jobs"),
        ("", "jobs.yaml: expected jobs"),
        ("- {", "jobs.yaml line 1 is not YAML"),
    ],
)
def test_bad_jobs_are_refused_in_one_line_with_file_and_number(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_jobs(written("jobs.yaml", text), {})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("source,target,sized\na,b,3", "jobs.csv, header: sized is not a known key; did you mean size?"),
        ("source,target,size,size\na,b,3,4", "jobs.csv, header: size stands twice"),
        ("source,target,size\na,b,many", "jobs.csv, job 1: size: Expected int"),
        ("source,target\na,b\na,b,c", "jobs.csv, job 2: more cells than the header names"),
        ("source,target,target_weights\na,b;c,1;x", "jobs.csv, job 1: target_weights[1]: Expected float"),
        ("source,target,strength\na,b,nan", "jobs.csv, job 1: strength: must be a number"),
        ("source,target,enlarge\na,b,maybe", "jobs.csv, job 1: enlarge: Expected bool"),
        ("source,target\n", "jobs.csv: expected a header"),
    ],
)
def test_bad_rows_are_refused_in_one_line_with_file_and_number(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_jobs(written("jobs.csv", text), {})
    assert message in str(caught.value)


def test_jobs_of_another_kind_of_file_or_of_none_are_refused() -> None:
    Path("jobs.txt").touch()
    with pytest.raises(ConfigError, match=r"jobs\.txt: jobs are read from \.yaml or \.csv files"):
        read_jobs(Path("jobs.txt"), {})
    with pytest.raises(ConfigError, match=r"can't read none\.csv: No such file"):
        read_jobs(Path("none.csv"), {})
