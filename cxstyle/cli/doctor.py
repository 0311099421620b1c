"""`cxstyle doctor`: what a bug report should tell of the machine."""

from __future__ import annotations

import json
import sys
from typing import Any

import click

from .. import analysis
from ..checks import in_words
from .text import aligned, example


@click.command(epilog=example("doctor"))
@click.option("--json", "as_json", is_flag=True, help="Print it as JSON, for programs; sizes are in bytes.")
def doctor(as_json: bool) -> None:
    """Tells what is on this machine and whether a run would work, ready to paste into a bug report.

    Names of users and hosts are left out, the home folder is shown as ~. Ends with status 1 where a run would not work.
    """
    found = analysis.diagnose()
    if as_json:
        click.echo(json.dumps(found.to_dict(), indent=1))
    else:
        rows = []
        for matter, facts in found.facts.items():
            told = [(name, in_text(value)) for name, value in facts.items() if value not in (None, "")]
            rows += [("" if i else matter, *pair) for i, pair in enumerate(told)]
        click.echo("\n".join(aligned(rows)))
        click.echo(f"verdict: {'a run works here' if found.problem is None else f'a run fails here: {found.problem}'}")
    sys.exit(0 if found.problem is None else 1)


def in_text(value: Any) -> str:
    """A value for people: sizes with their unit, true and false as yes and no."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} {in_text(each)}" for name, each in value.items())
    return in_words(value) if isinstance(value, int) and value >= 1e6 else str(value)
