"""A bar and lines while something runs, and stopping that keeps what there is; for `run` and for several runs."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any, Self

from tqdm import tqdm

from .. import transfer
from .signals import handled


class Display(contextlib.ExitStack):
    """Shows the progress of some runs on stderr, and notices Ctrl-C and signals that mean the same, while entered."""

    stopping = "stopping after this iteration; asked again, at once"
    bar_format = "{desc} |{bar}| {percentage:3.0f}% [{elapsed}<{remaining}{postfix}]"

    def __init__(self, quiet: bool, runs: int = 1) -> None:
        super().__init__()
        self.quiet, self.runs = quiet, runs
        self.bar: tqdm[Any] | None = None
        self.told: set[str] = set()
        self.interrupted = False

    def __enter__(self) -> Self:
        self.enter_context(handled(self.interrupt))
        return self

    def interrupt(self, _number: int, _frame: FrameType | None) -> None:
        """Asked first: stop after this iteration. Asked again: at once."""
        if self.interrupted:
            raise KeyboardInterrupt
        self.interrupted = True
        self.note(self.stopping)

    def show(self, progress: transfer.Progress, name: str = "", index: int = 0) -> None:
        self.move(f"{name}{progress.place}", in_short(progress.losses), index + progress.done)

    def begin(self, **how: Any) -> tqdm[Any]:
        """A bar, hidden where stderr is not a terminal, which tqdm sees by itself."""
        return self.enter_context(tqdm(disable=True if self.quiet else None, dynamic_ncols=True, **how))

    def move(self, text: str, losses: str, done: float) -> None:
        """The bar, begun where there is none, to what is done."""
        if self.bar is None:
            # What was done before the bar began took none of its time.
            self.bar = self.begin(total=float(self.runs), initial=done, bar_format=self.bar_format)
        self.bar.set_description_str(text, refresh=False)
        self.bar.set_postfix_str(losses, refresh=False)
        self.bar.update(done - self.bar.n)

    def note(self, text: str) -> None:
        """A line on stderr that leaves the bar whole."""
        if not self.quiet:
            self.error(text)

    def note_once(self, text: str) -> None:
        """The same, unless it has been said."""
        if text not in self.told:
            self.told.add(text)
            self.note(text)

    def error(self, text: str) -> None:
        """As `note`, whether quiet or not."""
        with contextlib.suppress(OSError):  # a run doesn't end because nobody can be told how it goes
            tqdm.write(text, file=sys.stderr)


def used(targets: Sequence[Any], weights: Sequence[float] | None) -> list[str]:
    """Of the targets, or of their masks, those that take part: of a target whose weight is not 0."""
    return [str(path) for path, weight in zip(targets, weights or [1] * len(targets), strict=True) if weight > 0]


def in_short(losses: dict[str, float]) -> str:
    """One number for each kind of term that compares features: "style 3.58, content 0.0619"."""
    kinds: dict[str, float] = {}
    for name, value in losses.items():
        kind, *layers = name.split()
        if layers:
            kinds[kind] = kinds.get(kind, 0) + value
    return ", ".join(f"{kind} {value:.3g}" for kind, value in kinds.items())


def labels_in_words(details: transfer.RunDetails, *, shared: bool = False) -> list[str]:
    """What the masks have in common, where asked for, and what only one side has; nothing without masks."""
    labels = details.labels
    if labels is None:
        return []
    lines = [f"masks: {', '.join(labels['shared'])} are matched, each with its own"] if shared else []
    target = "target's mask" if len(details.target_sizes) == 1 else "targets' masks"
    lines += [f"mask: {name} is only in the source's mask; that part stays as it is" for name in labels["only_source"]]
    return lines + [f"mask: {name} is only in the {target}; nothing draws from there" for name in labels["only_target"]]
