"""`cxstyle doctor`: what a bug report should tell of the machine."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ..analysis import Diagnosis

Part = dict[str, Any]


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON, for programs; sizes are in bytes.")
def doctor(as_json: bool) -> None:
    """Tells what is on this machine and whether a run would work, ready to paste into a bug report.

    Names of users and hosts are left out, the home folder is shown as ~. Ends with status 1 where a run would not work.

    \b
    Try:  cxstyle doctor
    """
    from ..analysis import diagnose

    found = diagnose()
    click.echo(json.dumps(found.to_dict(), indent=1) if as_json else "\n".join(table(found)))
    sys.exit(0 if found.works else 1)


def table(found: Diagnosis) -> list[str]:
    """Aligned lines, the verdict last."""
    rows: list[tuple[str, str]] = []
    for name, part in found.parts.items():
        if "error" in part:
            told = "it would not work" if name == "run" else f"can't be told: {part['error']}"
            rows.append((NAMES[name], told))
        else:
            rows += [(NAMES[name], line) for line in LINES[name](part)]
    rows.append(("verdict", "a run works here" if found.works else f"a run fails here: {found.problem}"))
    width = max(len(name) for name, _ in rows)
    lines, before = [], ""
    for name, line in rows:
        lines.append(f"{name if name != before else '':{width}}  {line}")
        before = name
    return lines


def of_versions(part: Part) -> list[str]:
    """The system on a line of its own."""
    return [", ".join(f"{name} {found}" for name, found in part.items() if name != "platform"), part["platform"]]


def of_cpu(part: Part) -> list[str]:
    """Two cores may count as four threads."""
    return [f"{part['model']}, cores: {part['cores'] or 'unknown'}, threads of the hardware: {part['logical']}"]


def of_arithmetic(part: Part) -> list[str]:
    """What torch uses of the CPU."""
    has = ", ".join(
        f"{word} {'yes' if part[key] else 'no'}"
        for word, key in (("AMX", "amx"), ("AVX512-BF16", "avx512_bf16"), ("bf16 in hardware", "bf16"))
    )
    return [
        f"threads in use: {part['threads']}, {part['capability']}; {has}",
        f"threads wait by {part['waiting']}, {part['waiting_reason']}",
    ]


def of_gpus(part: Part) -> list[str]:
    """Each GPU, or that there is none."""
    build = f"torch built for CUDA {part['cuda_build']}" if part["cuda_build"] else "torch built without CUDA"
    lines = [f"cuda:{i} {of_gpu(gpu)}" for i, gpu in enumerate(part["cuda"])]
    return [*(lines or ["no CUDA GPU"]), f"{build}; mps {'yes' if part['mps'] else 'no'}"]


def of_gpu(part: Part) -> str:
    """One line."""
    if "error" in part:
        return f"can't be used: {part['error']}"
    memory = f"{size(part['free'])} free of {size(part['total'])}"
    precision = f"auto takes {part['precision']}: {part['precision_reason']}"
    return f"{part['name']}, compute capability {part['capability']}, {memory}; {precision}"


def of_memory(part: Part) -> list[str]:
    """The container's where it has a limit."""
    rest = part["container_rest"]
    limit = "no limit of a container" if rest is None else f"{size(rest)} left of the container's limit"
    return [f"{size(part['free'])} free of {size(part['total'])}; {limit}"]


def of_formats(part: Part) -> list[str]:
    """What can be done with each, and the library that does it."""
    ways = {(True, True): "", (True, False): " (reads only)", (False, True): " (writes only)", (False, False): " (no)"}
    return [", ".join(f"{name}{ways[kind['read'], kind['write']]}" for name, kind in part.items())]


def of_weights(part: Part) -> list[str]:
    """A line for each network."""
    return [f"{network} {of_network(entry)}" for network, entry in part.items()]


def of_network(entry: Part) -> str:
    """Ready, missing or damaged."""
    if "error" in entry:
        return f"not usable: {entry['error']}"
    if not entry["ready"]:
        return "not on this machine"
    where = f"{size(entry['size'])}, up to {entry['deepest']}, {entry['path']}"
    return f"ready, checksum verified; {where}; from {entry['source']}"


def of_cache(part: Part) -> list[str]:
    """Its folder."""
    state = "can be written" if part["writable"] else f"can't be written: {part['reason']}"
    return [f"{part['folder']}{', not made yet' if part['exists'] is False else ''}, {state}"]


def of_environment(part: Part) -> list[str]:
    """As a shell would set it."""
    return [" ".join(f"{name}={value}" for name, value in part.items()) or "nothing that matters is set"]


def of_run(part: Part) -> list[str]:
    """What auto comes to."""
    tiles = "the network whole" if part["tiles"] == 1 else f"the network in {part['tiles']} tiles"
    return [
        f"{part['device']}, network {part['features']}, precision {part['precision']}: {part['precision_reason']}",
        f"at {part['size']} px about {size(part['memory'])} of {size(part['memory_budget'])}, {tiles}",
    ]


def size(count: int) -> str:
    """1.53 GB, 640 MB."""
    return f"{count / 1e9:.2f} GB" if count >= 1e9 else f"{count / 1e6:.0f} MB"


NAMES = {
    "versions": "versions",
    "cpu": "CPU",
    "arithmetic": "arithmetic",
    "gpus": "GPU",
    "memory": "memory",
    "formats": "formats",
    "weights": "weights",
    "cache": "cache",
    "environment": "environment",
    "run": "a run takes",
}
LINES = {
    "versions": of_versions,
    "cpu": of_cpu,
    "arithmetic": of_arithmetic,
    "gpus": of_gpus,
    "memory": of_memory,
    "formats": of_formats,
    "weights": of_weights,
    "cache": of_cache,
    "environment": of_environment,
    "run": of_run,
}
