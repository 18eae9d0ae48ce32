"""Node data for Google's Model Explorer: what each node of an exported program counts, in colour.

The schema is that of `GraphNodeData` in the package ai-edge-model-explorer 0.1.34. Its nodes are
those of torch.fx, and the adapter for exported programs names the one graph "graph".
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shufflenet_flops.errors import InputError
from shufflenet_flops.report.format.json import json_text
from shufflenet_flops.report.format.registry import RESULTS, renders

if TYPE_CHECKING:
    from shufflenet_flops.report.document import Document

# From nothing to the most of any node; black text is readable on all of them.
_COLOURS = {0: "#ffffff", 0.1: "#fee8c8", 0.5: "#fdbb84", 1: "#f97316"}


@renders(RESULTS, "model-explorer", ".model-explorer.json", rank=46, command="count")
def document_as_node_data(document: Document) -> str:
    """The count of each node under the document's convention.

    Raises InputError for results that are none of one forward pass.
    """
    from shufflenet_flops.counting import find_convention

    if document.nodes is None:
        raise InputError(
            "Model Explorer shows the nodes of one forward pass: count a model, without --training"
        )
    convention = find_convention(document.convention or "paper")
    graph = {
        "results": {name: {"value": count} for name, count in document.nodes().items()},
        "name": f"{convention.unit}s ({convention.name})",
        "gradient": [
            {"stop": stop, "bgColor": colour, "textColor": "#000000"}
            for stop, colour in _COLOURS.items()
        ],
    }
    return json_text({"graph": graph})
