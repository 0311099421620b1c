"""What is written down of a run: reports; what the file of its result says, and reading that again; what any file says,
for `cxstyle info`. For processes that don't run them, too: importing it loads no torch.

The record in a picture has no paths, hosts, users or times: a picture can be given away, and the same run gives the
same bytes.
"""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePath
from typing import Any

from .. import __version__, pictures
from ..checks import printable
from ..errors import ConfigError, PictureError
from ..files import is_marked, read_text, write_whole
from ..settings import INITS, StyleConfig

PACKAGES = ("cxstyle", "torch", "torchvision", "pillow", "numpy")
PRIVATE = ("device", "weights")
"""Settings that stay out: which device it was stands beside them, and a path of a file means nothing elsewhere."""
LARGEST_REPORT = 100_000_000
"""Bytes: more than a report of a million iterations needs no reading."""
LARGEST = 1_000_000
"""Letters of a record; those that are written have a few thousand."""


@dataclass(frozen=True)
class Record:
    """How a result was made, as its file says.

    Attributes:
        version: of cxstyle.
        settings: all, in the form of a preset; features and precision are those that were chosen.
        features: the network, such as vgg16.
        device: what it ran on, such as cpu or cuda (NVIDIA H100).
        precision: fp32 or bf16.
        status: complete, stopped, diverged or out of memory.
        iterations: that were done.
        files: what it was made from: by role (source, target...) name and sha256, one of them missing where unknown.
        target_weights: of several targets, where they were given, as shares.
    """

    version: str
    settings: dict[str, Any]
    features: str = ""
    device: str = ""
    precision: str = ""
    status: str = ""
    iterations: int = 0
    files: dict[str, dict[str, str]] = field(default_factory=dict)
    target_weights: list[float] = field(default_factory=list)

    @property
    def config(self) -> StyleConfig:
        """The settings, to repeat them.

        Raises:
            ConfigError: they hold what this version doesn't know.
        """
        return StyleConfig.parse(self.settings)

    def to_dict(self) -> dict[str, Any]:
        """As it stands in a file: what is empty isn't there."""
        return {name: value for name, value in asdict(self).items() if value or name == "iterations"}


def made_record(config: StyleConfig, details: Mapping[str, Any], status: str, iterations: int) -> Record:
    """The record of a run: its settings, the `details` and status of its `Result`, and the iterations that were done.
    Folders are left out."""
    settings = config.to_dict()
    if config.init not in INITS:
        settings["init"] = PurePath(config.init).name
    content = content_of(settings, details, version=__version__, status=status, iterations=iterations)
    return Record(**json.loads(json.dumps(content)))  # as JSON has it: lists for tuples


def content_of(settings: Mapping[str, Any], details: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """What a record holds, by the settings and details of a run, and more; all text in it printable."""
    chosen = {name: details[name] for name in ("features", "precision") if name in details}
    content = {
        "settings": {name: value for name, value in settings.items() if name not in PRIVATE} | chosen,
        "device": kind_of(str(details.get("device", ""))),
        "files": {file["role"]: named(file["path"], file["sha256"]) for file in details.get("files", ())},
        "target_weights": details.get("target_weights", []),
    }
    found: dict[str, Any] = cleaned({**more, **chosen, **content})
    return found


def kind_of(device: str) -> str:
    """cuda:1 (NVIDIA H100) as cuda (NVIDIA H100), cpu (2 threads) as cpu: neither number changes the pixels' meaning,
    and workers of one batch differ in them."""
    return re.sub(r" \(\d+ threads\)$", "", re.sub(r"^(\w+):\d+", r"\1", device))


def named(path: Any, digest: str) -> dict[str, str]:
    """A file by its name and hash, of which one may be unknown."""
    return {key: value for key, value in {"name": PurePath(path).name, "sha256": digest}.items() if value}


def cleaned(value: Any) -> Any:
    """Plain values, all text in it printable."""
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, Mapping):
        return {printable(str(key)): cleaned(item) for key, item in value.items()}
    return [cleaned(item) for item in value] if isinstance(value, list | tuple) else value


def as_text(record: Record) -> str:
    """A record for a file: JSON in ASCII."""
    content = record.to_dict()
    return json.dumps({"cxstyle": content.pop("version"), **content}, separators=(",", ":"))


@dataclass(frozen=True)
class About:
    """A file that was looked at."""

    path: Path  # of it
    tags: pictures.Tags | None  # what the picture is; None of a report, and of what can't be read
    record: Record | None  # how it was made; None where it doesn't say
    problem: str = ""  # why there is no record, or why the file can't be read; "" where there is one

    def to_dict(self) -> dict[str, Any]:
        """For programs: all text in it printable, and no record twice."""
        tags = asdict(self.tags) if self.tags else {}
        picture = cleaned({name: value for name, value in tags.items() if name != "record"})
        record = self.record.to_dict() if self.record else None
        found = {"file": str(self.path), "picture": picture, "record": record, "problem": cleaned(self.problem)}
        return {name: value for name, value in found.items() if value}


def read_record(path: str | os.PathLike[str]) -> Record:
    """How a result was made, from its picture or from the report of `cxstyle run --report`.

    `stylize(source, target, read_record("result.png").config)` repeats its settings.

    Raises:
        PictureError: the file can't be read, has no record, or one that is damaged.
    """
    found = about(Path(path))
    if found.record is None:
        raise PictureError(found.problem)
    return found.record


def about(path: Path) -> About:
    """What a picture, or a report of `cxstyle run`, says."""
    tags = None
    try:
        if is_marked(path, b"{", within=1):
            return About(path, None, from_report(path))
        tags = pictures.read_tags(path)
        return About(path, tags, from_tags(path, tags))
    except PictureError as error:
        return About(path, tags, None, str(error))


def from_tags(path: Path, tags: pictures.Tags) -> Record:
    """The record among what a file says; a PictureError where there is none, or a damaged one."""
    if not tags.record:
        raise PictureError(
            f"{path} has no record of how it was made: another program has written it, or --no-metadata was given"
        )
    if len(tags.record) > LARGEST:
        raise PictureError(f"{path}: its record is damaged: it has {len(tags.record)} letters")
    content = decoded(path, tags.record)
    return checked(path, {"version": content.pop("cxstyle", None), **content})


def from_report(path: Path) -> Record:
    """The same of a report."""
    try:
        content = decoded(path, read_text(path, LARGEST_REPORT))
        told = {"status": content.get("status", ""), "iterations": len(content.get("losses", ()))}
        version = content["versions"].get("cxstyle")
        found = content_of(content["settings"], content["details"], version=version, **told)
    except ConfigError as error:
        raise PictureError(str(error)) from error
    except (AttributeError, KeyError, TypeError) as error:
        raise PictureError(f"{path} is neither a picture nor a report of `cxstyle run`") from error
    return checked(path, found)


def decoded(path: Path, text: str) -> dict[str, Any]:
    """JSON as a dict; a PictureError where it is none."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise PictureError(f"{path}: its record is damaged: it is not JSON") from error
    if not isinstance(content, dict):
        raise PictureError(f"{path}: its record is damaged: it has no settings")
    return content


def checked(path: Path, content: dict[str, Any]) -> Record:
    """A record whose types are right, with settings that can be run, and without anything that a terminal obeys; a
    PictureError for something else."""
    import msgspec

    try:
        if cleaned(content) != content:
            raise PictureError(f"{path}: its record is damaged: it has characters that no name or setting has")
        record = msgspec.convert(content, Record)
        _ = record.config
    except (msgspec.ValidationError, ConfigError, RecursionError) as error:
        why = str(error).replace("`", "").replace(" - at $.", ": ")
        raise PictureError(f"{path}: its record is damaged or of another version: {why[:300]}") from error
    return record


# Reports


def versions(packages: Sequence[str] = PACKAGES) -> dict[str, str]:
    """Versions of Python and of packages, by themselves cxstyle and what decides its pixels; "unknown" for what is not
    there."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "unknown"
    return found


def run_record(
    paths: Mapping[str, Any],
    config: StyleConfig,
    details: Mapping[str, Any],
    status: str,
    seconds: Mapping[str, float],
    losses: Sequence[Mapping[str, float]],
) -> dict[str, Any]:
    """A run for JSON: paths of source, targets and result, its settings as resolved, and the rest as of `Result`."""
    return {
        "pictures": paths,
        "status": status,
        "settings": config.to_dict(),
        "details": details,
        "seconds": seconds,
        "versions": versions(),
        "losses": losses,
    }


def write_json(path: Path, content: Mapping[str, Any], *, replace: bool = True) -> None:
    """Indented, with a newline at its end, whole or not at all; the rest as of `write_whole`."""
    write_whole(path, (json.dumps(content, indent=1) + "\n").encode(), replace=replace)
