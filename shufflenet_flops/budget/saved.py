"""Locks and saved counts: whatever `diff` can set side by side."""

from __future__ import annotations

from shufflenet_flops.budget import lock
from shufflenet_flops.budget.block import Block, Lock, block_of
from shufflenet_flops.budget.layers import layer_of_row
from shufflenet_flops.counting import Convention, find_convention
from shufflenet_flops.counting.result import CountResult
from shufflenet_flops.errors import DataError, UnknownNameError, shown
from shufflenet_flops.files.json_lines import JsonFile
from shufflenet_flops.files.saved_file import load


def parse(file: str, text: str) -> Lock:
    """The models of a lock, or of JSON that `count` wrote.

    Raises ConfigError with the line of what is wrong.
    """
    json_file = JsonFile(file, text)
    data = json_file.data
    if not isinstance(data, dict) or "command" not in data:
        return lock.parse(file, text)
    if data["command"] != "count":
        raise json_file.error(
            ("command",),
            f"holds results of {shown(data['command'])}, and diff takes locks and those of count"
            + (": write `shufflenet-flops latency-diff`" if data["command"] == "latency" else ""),
        )
    try:
        saved = load(text, "")
        convention = find_convention(str(saved.convention))
        return tuple(_block(result, convention) for result in saved.typed(CountResult))
    except (DataError, UnknownNameError) as error:
        what = str(error).removeprefix(": ")
        raise json_file.error(
            ("results",), f"is not what `count --format json` writes: {what}"
        ) from None


def _block(result: CountResult, convention: Convention) -> Block:
    return block_of(
        result.model,
        result.inputs,
        convention.name,
        result.params,
        tuple(layer_of_row(row, convention) for row in result.table.rows),
        unknown_ops={unknown.op: unknown.calls for unknown in result.unknown_ops},
    )
