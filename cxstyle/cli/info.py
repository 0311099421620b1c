"""`cxstyle info`: what a picture is, and how it was made."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from .. import generators, transfer
from ..checks import one_line
from ..errors import WeightsError
from . import options as option
from .outputs import tell
from .text import example


@click.command(epilog=example("info samples/astronaut_hopper.png --settings"))
@click.argument("results", nargs=-1, required=True, type=option.PATH, metavar="RESULT...")
@click.option("--json", "as_json", is_flag=True, help="Write a JSON object for each file, one a line.")
@click.option("--settings", is_flag=True, help="Write the settings alone, as YAML for --config.")
@click.option("-v", "--verbose", is_flag=True, help="Also tell profile, orientation, hashes and all settings.")
@option.max_pixels
def info(results: tuple[Path, ...], as_json: bool, settings: bool, verbose: bool) -> None:
    """Tells how each RESULT was made, and what any other picture is. Reports of `cxstyle run --report` will do, too,
    and networks of `cxstyle train`."""
    if settings and (as_json or len(results) > 1):
        raise click.UsageError("--settings writes those of one file as YAML; leave the rest out")
    if verbose and (settings or as_json):
        option.refuse("is for people; --json has it all", "verbose")
    told: list[str] = []
    problems: list[str] = []
    for path in results:
        if path.suffix == ".safetensors":
            try:
                network = generators.read_model(path)[0]
            except WeightsError as error:
                problems.append(str(error))
                continue
            words = as_yaml(network["settings"]) if settings else network_in_words(path, network)
            told.append(json.dumps(network) if as_json else words)
        elif settings:
            told.append(as_yaml(transfer.read_record(path).settings))
        else:
            found = transfer.about(path)
            if as_json or found.tags or found.record:
                told.append(json.dumps(found.to_dict()) if as_json else in_words(found, verbose))
            problems += filter(None, [found.problem])
    if told:
        click.echo(("\n" if as_json else "\n\n").join(told))
    sys.stdout.flush()
    for problem in problems:
        tell(one_line(problem))
    sys.exit(1 if problems else 0)


def network_in_words(path: Path, about: Mapping[str, Any]) -> str:
    height, width = about["size"]
    lines = [f"{path}: network of cxstyle {about['version']} for {about['settings']['task']}, {width}x{height} px"]
    lines.append(f"{about['steps']} steps, {about['epochs']:.3g} epochs")
    if about["losses"]:
        lines.append("losses: " + ", ".join(f"{name} {value:.3g}" for name, value in about["losses"][-1].items()))
    sides = ((role, about[role]) for role in ("sources", "targets"))
    lines += [f"{role}: {side['name']}, {side['count']} pictures, sha256 {side['sha256']}" for role, side in sides]
    return "\n  ".join([*map(one_line, lines), *settings_in_words(about["settings"])])


def in_words(about: transfer.About, verbose: bool) -> str:
    lines, tags = [str(about.path)], about.tags
    if tags is not None:
        profile = f"profile {tags.profile}" if tags.profile else "no profile"
        more = f", {profile}, orientation {tags.orientation}" if verbose else ""
        lines.append(f"{tags.format}, {tags.size[0]}x{tags.size[1]} px, {tags.bits} bits{more}")
        lines += [f"{name}: {getattr(tags, name)}" for name in ("author", "copyright") if getattr(tags, name)]
    if about.record is not None:
        lines += record_in_words(about.record, verbose)
    settings = settings_in_words(about.record.settings) if about.record is not None and verbose else []
    return "\n  ".join([*map(one_line, lines), *settings])


def record_in_words(record: transfer.Record, verbose: bool) -> list[str]:
    where = " on ".join(filter(None, (record.precision, record.device)))
    how = [record.status, f"{record.iterations} iterations", record.features, where]
    found = [f"made by cxstyle {record.version}: {', '.join(filter(None, how))}"]
    for role, file in record.files.items():
        known = [file[name] for name in ("name", "sha256")[: 1 + verbose] if file.get(name)]
        found += [f"{role}: {', sha256 '.join(known)}"] if known else []
    if record.target_weights:
        found.append("target weights: " + ", ".join(f"{weight:g}" for weight in record.target_weights))
    return found


def settings_in_words(settings: Mapping[str, Any]) -> list[str]:
    return ["settings:", *(f"  {line}" for line in as_yaml(settings).splitlines())]


def as_yaml(settings: Mapping[str, Any]) -> str:
    """As a preset has them."""
    import yaml

    return str(yaml.safe_dump(settings, sort_keys=False, default_flow_style=None, width=110)).rstrip()
