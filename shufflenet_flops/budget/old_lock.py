"""Locks of the first form, which had a row for every op: still read, and never written."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from shufflenet_flops.budget.block import Block, block_of
from shufflenet_flops.budget.layers import Layer
from shufflenet_flops.budget.lock_fields import AGAIN, MOST, check_model, check_text
from shufflenet_flops.files.json_lines import JsonFile

SCHEMA = 1
_FIELDS = {"fingerprint": str, "params": int, "stages": dict, "layers": list}
_TYPES = tuple(str if field.type == "str" else int for field in fields(Layer))


def parse_block(json_file: JsonFile, i: int, data: Any) -> Block:
    """The block of the i-th model.

    Raises ConfigError where it is none, or where its totals are not those of its layers.
    """
    where = ("models", i)
    check_model(json_file, where, data, _FIELDS)
    layers = []
    for j, values in enumerate(data["layers"]):
        is_layer = isinstance(values, list) and tuple(map(type, values)) == _TYPES
        if not is_layer or not all(0 <= value < MOST for value in values[6:]):
            raise json_file.error((*where, "layers", j), f"is no layer: {AGAIN}")
        for text in values[:6]:
            check_text(json_file, (*where, "layers", j), text)
        layers.append(Layer(*values))
    block = block_of(
        data["model"],
        tuple(data["input"]),
        data["convention"],
        data["params"],
        tuple(layers),
        args=data["args"],
        unknown_ops=data["unknown_ops"],
    )
    _check_totals(json_file, i, data, block)
    return block


def _check_totals(json_file: JsonFile, i: int, data: dict[str, Any], block: Block) -> None:
    """Raise ConfigError where a total is not that of the layers: somebody changed the file."""
    totals = {
        "fingerprint": block.fingerprint,
        block.unit: block.count,
        "activations": block.activations,
        "memory_bytes": block.memory_bytes,
    }
    stages = {
        stage.name: {
            block.unit: stage.count,
            "params": stage.params,
            "activations": stage.activations,
            "memory_bytes": stage.memory_bytes,
        }
        for stage in block.stages
    }
    for key, total in {**totals, "stages": stages}.items():
        if data.get(key) != total:
            raise json_file.error(
                ("models", i, key),
                f"is not what the layers below add up to: was it edited or merged? {AGAIN}",
            )
