"""What was decided for a run, in words: a line each, what it is and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..checks import in_words

Details = dict[str, Any]


def explain(details: Details, targets: Sequence[str]) -> list[str]:
    """Lines "key: value, reason".

    Args:
        details: of a run; see `Result`.
        targets: what those that take part are called.
    """
    scales = ", ".join(f"{scale['long_edge']} px x {scale['iterations']}" for scale in details["scales"])
    return [
        *shares_of(details, targets),
        f"device: {details['device']}, {details['device_reason']}",
        f"threads: {details['threads']}, {details['threads_reason']}",
        f"waiting: {details['waiting']}, {details['waiting_reason']}",
        f"precision: {details['precision']}, {details['precision_reason']}",
        f"network: {details['features']}, {details['features_reason']}",
        f"weights: {details['weights']}, from {details['weights_source']}",
        f"source: {edges(details['source_size'])} px as read",
        *targets_of(details, targets),
        f"result: {edges(details['result_size'])} px, {details['result_size_reason']}",
        f"scales: {scales} iterations, {details['scales_reason']}",
        f"memory: {memory_in_words(details['memory'])}",
        f"colours: {details['colors']}, {details['colors_reason']}",
        *counterparts_of(details),
        *terms_of(details),
        *samples_of(details),
        f"seed: {details['seed']}{', only repeatable operations' if details['deterministic'] else ''}",
    ]


def edges(size: Sequence[int]) -> str:
    """(width, height) -> 640x480."""
    return f"{size[0]}x{size[1]}"


def shares_of(details: Details, targets: Sequence[str]) -> list[str]:
    """Weights of several targets, where they were given."""
    if "target_weights" not in details:
        return []
    pairs = zip(targets, details["target_weights"], strict=True)
    return ["targets: " + ", ".join(f"{target} {share:.0%}" for target, share in pairs)]


def targets_of(details: Details, targets: Sequence[str]) -> list[str]:
    """Size of each."""
    sizes = zip(targets, details["target_sizes"], details["targets_seen"], strict=True)
    return [f"target: {name}, {edges(read)} px as read, compared at {edges(seen)}" for name, read, seen in sizes]


def counterparts_of(details: Details) -> list[str]:
    """How much of the pictures has its like on the other side, where that was looked for."""
    if "counterparts" not in details:
        return []
    source, *targets = (f"{share:.0%}" for share in details["counterparts"])
    least = f"a place without its like counts {1 - details['quiet']:.0%}"
    return [f"counterparts: {source} of the source, {', '.join(targets)} of the target; {least}"]


def memory_in_words(memory: Details) -> str:
    """About 1.2 GB of 19.6 GB, the network in 6 tiles..."""
    cut = (
        f"the network in {memory['tiles']} tiles, since whole it would take {in_words(memory['whole'])}"
        if memory["tiles"] > 1
        else "the network whole, since it fits"
    )
    return f"about {in_words(memory['estimate'])} of {in_words(memory['budget'])} ({memory['budget_reason']}), {cut}"


def terms_of(details: Details) -> list[str]:
    """Those in force with their weights, and those left out with the reason."""
    held = "" if details["strength"] == 1 else f", at strength {details['strength']:g}"
    found = ", ".join(f"{term['name']} {weights_of(term['weight'])}" for term in details["terms"])
    lines = [f"terms and weights: {found or 'none'}{held}"]
    reasons: dict[str, list[str]] = {}
    for term in details["left_out"]:
        reasons.setdefault(term["reason"], []).append(term["name"])
    return lines + [f"left out: {', '.join(names)}, since {reason}" for reason, names in reasons.items()]


def weights_of(weight: float | Sequence[float]) -> str:
    """3, or 3/2/1 of the scales, coarse to fine."""
    return f"{weight:g}" if isinstance(weight, int | float) else "/".join(f"{each:g}" for each in weight)


def samples_of(details: Details) -> list[str]:
    """How many features take part in each iteration of the last scale."""
    if not details["samples"]:
        return []
    told = []
    for term in details["samples"]:
        (mine, all_mine), (others, all_others) = term["result"], term["other"]
        told.append(f"{term['name']} {mine} of {all_mine} against {others} of {all_others}")
    return [f"samples: {'; '.join(told)}, in each iteration of the last scale"]
