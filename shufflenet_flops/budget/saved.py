"""Locks and saved counts: whatever `diff` can set side by side."""

from __future__ import annotations

from typing import Any

from shufflenet_flops.budget import lock
from shufflenet_flops.budget.block import Block, Lock, block_of
from shufflenet_flops.budget.json_lines import Document
from shufflenet_flops.budget.layers import ROOT, Layer
from shufflenet_flops.counting import CONVENTIONS, Convention
from shufflenet_flops.spec import OpClass, shape_text


def parse(file: str, text: str) -> Lock:
    """The models of a lock, or of JSON that `count` wrote.

    Raises ConfigError with the line of what is wrong.
    """
    document = Document(file, text)
    data = document.data
    if not isinstance(data, dict) or data.get("command") != "count":
        return lock.parse(file, text)
    try:
        return tuple(_block(data, result) for result in data["results"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise document.error(
            ("results",), f"is not what `count --format json` writes: {error!r}"
        ) from None


def _block(data: dict[str, Any], result: dict[str, Any]) -> Block:
    convention = CONVENTIONS[data["convention"]]
    return block_of(
        result["model"],
        tuple(result.get("inputs", [shape_text(result["input"])])),
        convention.name,
        result["params"],
        tuple(_layer(row, convention) for row in result["rows"]),
        unknown_ops={op["op"]: op["calls"] for op in result["unknown_ops"]},
    )


def _layer(row: dict[str, Any], convention: Convention) -> Layer:
    return Layer(
        path=row["path"] or ROOT,
        op=row["op"],
        inputs=", ".join(row["inputs"]),
        output=shape_text(row["output"]),
        kernel=shape_text(row["kernel"] or ()),
        stride=shape_text(row["stride"] or ()),
        groups=row["groups"] or 0,
        count=convention.total({OpClass(key): value for key, value in row["counts"].items()}),
        params=row["params"],
        activations=row["activations"],
        memory_bytes=row["read_bytes"] + row["write_bytes"],
    )
