"""What a counter adds to the MACs, in sentences."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from operator import itemgetter
from typing import TYPE_CHECKING

from shufflenet_flops.counters import CounterReport
from shufflenet_flops.counting.row import MAC_CLASSES

if TYPE_CHECKING:
    from shufflenet_flops.counters.training import StepReport

# One unit of each class of work.
_CLASS_NAMES = {
    "norm_elements": "norm element",
    "activation_elements": "activation element",
    "softmax_elements": "softmax element",
    "add_elements": "element added",
    "mul_elements": "element multiplied",
    "interpolated_elements": "interpolated element",
    "max_pool_inputs": "element a max pool reads",
    "avg_pool_inputs": "element an average pool reads",
    "avg_pool_outputs": "average-pool output",
    "avg_pool_windows": "element an average pool looks at",
    "global_pool_inputs": "element a global pool reads",
    "global_pool_outputs": "global-pool output",
    "mean_outputs": "element of a mean",
    "conv_bias_adds": "convolution bias add",
    "linear_bias_adds": "linear bias add",
    "other_parameters": "parameter of a layer that is neither convolution nor linear",
    "size_products": "product of sizes in the model's code",
    "recurrent_elements": "sum and product of recurrent gates and states",
}
_MOST_NAMED = 8  # models of which each is told of in a note
# What a counter does not see of the work that ran.
_LEFT_OUT = {
    "text_padding": 'convolutions with padding="same" or "valid", which it knows no formula for',
    "unused_results": "what is computed and never used, which TorchScript drops",
}


def who(report: CounterReport | StepReport) -> str:
    """The counter with its version, and with its distribution where that has another name."""
    # A local label, as in 2.13.0+cpu, says how torch was built, not how it counts.
    release = f"{report.distribution} {report.version.partition('+')[0]}".rstrip()
    return release if report.name == report.distribution else f"{report.name} ({release})"


def counter_notes(reports: Mapping[str, CounterReport], norms: Collection[str]) -> list[str]:
    """What one counter adds to the MACs of each model, by model; what it cannot, or we cannot.

    `norms` are the kinds of norms that the models have.
    """
    first = next(iter(reports.values()))
    name = who(first)
    notes = []
    for model, report in reports.items():
        if report.status == "unavailable":
            notes.append(f"{name} is unavailable on {model}: {report.reason}")
        elif report.residual:
            notes.append(f"{name} on {model}: {report.residual:+,} not explained")
    available = {model: report for model, report in reports.items() if report.status == "ok"}
    if not available:
        return notes
    extras = _extras(available)
    names = _CLASS_NAMES
    if set(norms) == {"batch_norm"}:
        names = {**names, "norm_elements": "batch-norm element"}
    parts = []
    if first.unit == "FLOP":
        parts.append("counts 2 FLOP for each MAC")
    for op_class, by_model in extras.items():
        weights = {report.weights.get(op_class) for report in available.values()} - {None}
        weight = f"{weights.pop()} per" if len(weights) == 1 else "work for each"
        amounts = set(by_model.values())
        shown = (
            f"+{amounts.pop():,}" + (" each" if len(by_model) > 1 else "")
            if len(amounts) == 1 and len(by_model) == len(available)
            else of_models(by_model.items(), "+")
        )
        what = names.get(op_class, op_class.replace("_", " "))
        parts.append(f"adds {weight} {what}: {shown}")
    for term, why in _LEFT_OUT.items():
        left_out = {
            model: -report.terms[term]
            for model, report in available.items()
            if term in report.terms
        }
        if left_out:
            parts.append(f"leaves out {why}: {of_models(left_out.items(), '−')}")
    if parts:
        notes.append(f"{name} {'; '.join(parts)}")
    return notes


def of_models(amounts: Collection[tuple[str, int]], sign: str = "") -> str:
    """Each model with its amount, after a sign; of many the least and the most alone."""
    named = [f"{model} {sign}{amount:,}" for model, amount in sorted(amounts, key=itemgetter(1))]
    if len(named) > _MOST_NAMED:
        return f"of {len(named)} models, from {named[0]} to {named[-1]}"
    return ", ".join(f"{model} {sign}{amount:,}" for model, amount in amounts)


def _extras(reports: Mapping[str, CounterReport]) -> dict[str, dict[str, int]]:
    """Terms that are no MACs: op class to model to amount."""
    macs = {op_class.value for op_class in MAC_CLASSES}
    extras: dict[str, dict[str, int]] = {}
    for model, report in reports.items():
        for op_class, amount in report.terms.items():
            if op_class not in macs and op_class not in _LEFT_OUT:
                extras.setdefault(op_class, {})[model] = amount
    return extras
