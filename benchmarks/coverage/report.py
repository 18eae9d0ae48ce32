"""reports/coverage.md: counts by status, every model that is not equal, ops without a rule."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from benchmarks.coverage.compared import MEANING, Result


@dataclass(frozen=True)
class Coverage:
    """The results on one library's models; `how` they were built and called."""

    title: str
    torch_version: str
    how: str
    results: tuple[Result, ...]


HEAD = """\
# Coverage: other people's models

Every model of four libraries, counted by our tracer and by `torch.utils.flop_counter`. torch's
counter is run with attention as the two matrix products that it is, because on CPU tensors it gives
a fused attention 0, and with a formula for grouped matrix products, for which it has none. What
torchvision prints of its own weights is compared as well, and so are training steps, forward and
back, and bytes at the peak of inference and of a step. Made by `python -m benchmarks.coverage`.

| status | meaning |
| :--- | :--- |
"""


def report(coverages: Iterable[Coverage]) -> str:
    """The Markdown report on the libraries that were counted."""
    counted = [coverage for coverage in coverages if coverage.results]
    statuses = "\n".join(f"| {status} | {text} |" for status, text in MEANING.items())
    return HEAD + statuses + "\n\n" + _summary(counted) + "\n".join(map(_section, counted))


def _summary(coverages: Iterable[Coverage]) -> str:
    lines = [
        "| models | counted | " + " | ".join(MEANING) + " | equal of those compared |",
        "| :--- |" + " ---: |" * (len(MEANING) + 2),
    ]
    for coverage in coverages:
        statuses = Counter(result.status for result in coverage.results)
        compared = sum(statuses[status] for status in ("equal", "differs", "not counted"))
        cells = [f"{statuses[status]:,}" for status in MEANING]
        share = f"{statuses['equal'] / compared:.2%}" if compared else "none"
        total = f"{len(coverage.results):,}"
        lines.append("| " + " | ".join([coverage.title, total, *cells, share]) + " |")
    return "\n".join(lines) + "\n\n"


def _section(coverage: Coverage) -> str:
    unknown: Counter[str] = Counter()
    for result in coverage.results:
        unknown.update(result.unknown_ops)
    ops = ", ".join(f"`{op}` ({calls:,} calls)" for op, calls in unknown.most_common())
    lines = [
        f"## {coverage.title}",
        "",
        f"With torch {coverage.torch_version}: {coverage.how}.",
        "",
        f"Ops without a rule: {ops or 'none'}.",
        "",
    ]
    rest = [result for result in coverage.results if result.status in ("differs", "not counted")]
    if rest:
        lines += [
            "| model | | ours | reference | reason |",
            "| :--- | :--- | ---: | ---: | :--- |",
            *map(_line, sorted(rest, key=lambda result: result.model)),
            "",
        ]
    others = _grouped(coverage.results)
    return "\n".join(lines + others)


def _line(result: Result) -> str:
    figures = (_figure(result.macs), _figure(result.reference))
    reason = result.reason.replace("|", "/")
    return f"| {result.model} | {result.status} | {figures[0]} | {figures[1]} | {reason} |"


def _grouped(results: Iterable[Result]) -> list[str]:
    """What was not compared, by name: nothing can be said of it."""
    lines = []
    for status in ("no reference", "not built"):
        names = sorted(result.model for result in results if result.status == status)
        if names:
            lines += [f"{status.capitalize()}: {', '.join(names)}.", ""]
    return lines


def _figure(macs: int | None) -> str:
    return "" if macs is None else f"{macs:,}"
