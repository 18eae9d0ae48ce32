"""What a model card says of a model's cost: a block of YAML for its head, and Markdown."""

from __future__ import annotations

import json
from importlib import metadata
from typing import TYPE_CHECKING

from shufflenet_flops.report.format.markdown import document_as_markdown, escape
from shufflenet_flops.report.format.registry import RESULTS, renders

if TYPE_CHECKING:
    from shufflenet_flops.report.document import Document


@renders(RESULTS, "card", ".card.md", rank=45)
def document_as_card(document: Document) -> str:
    """MACs, parameters, input, convention and tool of a forward pass; of other results tables."""
    from shufflenet_flops.counting import find_convention
    from shufflenet_flops.counting.result import CountResult

    result = document.results[0] if len(document.results) == 1 else None
    if not isinstance(result, CountResult) or result.training is not None:
        return document_as_markdown(document)
    convention = find_convention(document.convention or "paper")
    version = metadata.version("shufflenet-flops")
    figures = {
        "model": result.model,
        "input": " ".join(result.inputs),
        f"{convention.unit.lower()}s": result.total,
        "params": result.params,
        "activations": result.activations,
        "memory_bytes": result.memory_bytes,
        "convention": convention.name,
        "tool": f"shufflenet-flops {version}",
        "unknown_ops": len(result.unknown_ops),
    }
    # A text in JSON is one in YAML, whatever is in it.
    lines = [
        "---",
        "compute:",
        *(f"  {key}: {json.dumps(value)}" for key, value in figures.items()),
    ]
    unit, unknown = f"{convention.unit}s", len(result.unknown_ops)
    rows = {
        unit: f"{result.total:,}",
        "Parameters": f"{result.params:,}",
        "Activations": f"{result.activations:,}",
        "Memory access": f"{result.memory_bytes:,} bytes",
    }
    lines += [
        "---",
        "",
        f"{escape(result.model)} takes **{result.total:,} {unit}** and has **{result.params:,} "
        f"parameters**, for an input of {escape(' '.join(result.inputs))}.",
        "",
        "| cost | of one input |",
        "| :--- | ---: |",
        *(f"| {name} | {value} |" for name, value in rows.items()),
        "",
        f"Counted by shufflenet-flops {version} under its convention `{convention.name}`: "
        f"{escape(convention.meaning)}."
        + (f" Ops that are unknown, and not counted: {unknown}." if unknown else ""),
    ]
    return "\n".join(lines) + "\n"
