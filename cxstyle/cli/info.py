"""`cxstyle info`: what a picture is, and how it was made."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ..checks import one_line
from . import options as option

if TYPE_CHECKING:
    from ..pictures import Tags
    from ..transfer import About, Record


@click.command()
@click.argument("results", nargs=-1, required=True, type=option.PATH, metavar="RESULT...")
@click.option("--json", "as_json", is_flag=True, help="Write a JSON object for each file, one a line.")
@click.option("--settings", is_flag=True, help="Write the settings alone, as YAML for --config.")
@click.option("-v", "--verbose", is_flag=True, help="Also tell profile, orientation, hashes and all settings.")
@option.max_pixels
def info(results: tuple[Path, ...], as_json: bool, settings: bool, verbose: bool) -> None:
    """Tells how each RESULT was made, and what any other picture is. Reports of `cxstyle run --report` will do, too,
    and networks of `cxstyle train`.

    \b
    Try:  cxstyle info samples/astronaut_hopper.png --settings
    """
    if settings and (as_json or len(results) > 1):
        raise click.UsageError("--settings writes those of one file as YAML; leave the rest out")
    if verbose and (settings or as_json):
        option.refuse("is for people; --json has it all", "verbose")
    from ..transfer import about, read_record

    if any(path.suffix == ".safetensors" for path in results):
        for path in results:
            tell_network(path, as_json=as_json, settings=settings)
        return
    if settings:
        click.echo(yaml_of(read_record(results[0])), nl=False)
        return
    found = [about(path) for path in results]
    if as_json:
        click.echo("\n".join(json.dumps(each.to_dict()) for each in found))
    elif told := [in_words(each, verbose) for each in found if each.tags or each.record]:
        click.echo("\n\n".join(told))
    sys.stdout.flush()
    for each in found:
        if each.problem:
            click.echo(f"cxstyle: {one_line(each.problem)}", err=True)
    if any(each.problem for each in found):
        sys.exit(1)


def tell_network(path: Path, *, as_json: bool, settings: bool) -> None:
    """What a network of `cxstyle train` is."""
    import yaml

    from ..generators import read_model

    about = read_model(path)[0]
    chosen = str(yaml.safe_dump(about["settings"], sort_keys=False, default_flow_style=None, width=110))
    if as_json or settings:
        click.echo(json.dumps(about) if as_json else chosen, nl=as_json)
        return
    height, width = about["size"]
    lines = [f"{path}: network of cxstyle {about['version']} for {about['settings']['task']}, {width}x{height} px"]
    lines.append(f"{about['steps']} steps, {about['epochs']:.3g} epochs")
    if about["losses"]:
        lines.append("losses: " + ", ".join(f"{name} {value:.3g}" for name, value in about["losses"][-1].items()))
    for role in ("sources", "targets"):
        side = about[role]
        lines.append(f"{role}: {side['name']}, {side['count']} pictures, sha256 {side['sha256']}")
    click.echo("\n  ".join([*map(one_line, lines), "settings:", *(f"  {line}" for line in chosen.splitlines())]))


def in_words(about: About, verbose: bool) -> str:
    """For people: what most want to know, or all."""
    lines = [str(about.path)]
    if about.tags is not None:
        lines += picture_in_words(about.tags, verbose)
    if about.record is not None:
        lines += record_in_words(about.record, verbose)
    return "\n  ".join(one_line(line) if not line.startswith("  ") else line for line in lines)


def picture_in_words(tags: Tags, verbose: bool) -> list[str]:
    """Format, size, depth, who made it."""
    profile = f"profile {tags.profile}" if tags.profile else "no profile"
    more = f", {profile}, orientation {tags.orientation}" if verbose else ""
    found = [f"{tags.format}, {tags.size[0]}x{tags.size[1]} px, {tags.bits} bits{more}"]
    return found + [f"{name}: {getattr(tags, name)}" for name in ("author", "copyright") if getattr(tags, name)]


def record_in_words(record: Record, verbose: bool) -> list[str]:
    """How it was made."""
    where = " on ".join(filter(None, (record.precision, record.device)))
    how = [record.status, f"{record.iterations} iterations", record.features, where]
    found = [f"made by cxstyle {record.version}: {', '.join(filter(None, how))}"]
    for role, file in record.files.items():
        known = [file[name] for name in ("name", "sha256")[: 1 + verbose] if file.get(name)]
        if known:
            found.append(f"{role}: {', sha256 '.join(known)}")
    if record.target_weights:
        found.append("target weights: " + ", ".join(f"{weight:g}" for weight in record.target_weights))
    return [*found, "settings:", *(f"  {line}" for line in yaml_of(record).splitlines())] if verbose else found


def yaml_of(record: Record) -> str:
    """Settings as a preset has them."""
    import yaml

    return str(yaml.safe_dump(record.settings, sort_keys=False, default_flow_style=None, width=110))
