"""`flop-budget.lock`: what every model of the configuration counted, to the last integer."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from itertools import zip_longest
from typing import Any

from shufflenet_flops.budget import old_lock
from shufflenet_flops.budget.block import Block, Lock, Stage
from shufflenet_flops.budget.layer_line import FORM, parse_lines, render_lines
from shufflenet_flops.budget.layers import Costs, Layer
from shufflenet_flops.budget.lock_fields import AGAIN, check_fields, check_model
from shufflenet_flops.errors import ConfigError, Problem, shown
from shufflenet_flops.files.json_lines import JsonFile

SCHEMA = 2


def render(blocks: Lock) -> str:
    """The text of a lock: blocks sorted, a line for each stage and each layer that weighs."""
    models = ",\n".join(map(_render_block, sorted(blocks, key=lambda block: block.order)))
    return (
        f'{{\n"schema": {SCHEMA},\n"layers": {_compact(FORM)},\n"models": [{_lines(models)}]\n}}\n'
    )


def _render_block(block: Block) -> str:
    record = {
        "model": block.model,
        "args": dict(block.args),
        "input": list(block.inputs),
        "convention": block.convention,
        **({"reason": block.reason} if block.reason else {}),
        **({"traced_with": dict(block.traced_with)} if block.traced_with else {}),
        "fingerprint": block.fingerprint,
        "totals": _costs(block, block.unit),
        "unknown_ops": dict(sorted(block.unknown_ops.items())),
    }
    lines = [f"{_compact(key)}: {_compact(value)}" for key, value in record.items()]
    stages, before = [], ""
    for stage in block.stages:
        stages.append(_render_stage(stage, block.unit, before))
        before = stage.layers[-1].output if stage.layers else before
    stage_lines = ",\n".join(stages)
    lines.append(f'"stages": [{_lines(stage_lines)}]')
    return "{\n" + ",\n".join(lines) + "\n}"


def _render_stage(stage: Stage, unit: str, before: str) -> str:
    """A line with the stage's costs, and one for each layer."""
    head = {"stage": stage.name, **_costs(stage, unit), "hash": stage.hash}
    layers = ",\n".join(map(_compact, render_lines(stage.layers, before)))
    return f'{_compact(head)[:-1]}, "layers": [{_lines(layers)}]}}'


def _costs(costs: Costs, unit: str) -> dict[str, int]:
    return {
        unit: costs.count,
        "params": costs.params,
        "activations": costs.activations,
        "memory_bytes": costs.memory_bytes,
    }


def _lines(text: str) -> str:
    return f"\n{text}\n" if text else ""


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def parse(file: str, text: str) -> Lock:
    """The blocks of a lock's text, of this form or of the one before.

    Raises ConfigError with the line of the first thing that is no lock, or that is not as `render`
    writes it.
    """
    json_file = JsonFile(file, text)
    blocks = _blocks(json_file, {})
    if json_file.data["schema"] == SCHEMA:
        _check_form(file, text, blocks)
    starts = [i for i, line in enumerate(text.split("\n"), 1) if line.startswith('"model": ')]
    return tuple(
        replace(block, line=line)
        for block, line in zip_longest(blocks, starts[: len(blocks)], fillvalue=None)
        if block
    )


def parse_again(file: str, text: str, known: dict[str, Block]) -> Lock:
    """The blocks of one of many locks, however it is laid out.

    `known` has the blocks of those before, and is added to: most models are as they were.
    Raises ConfigError for what is no lock.
    """
    return _blocks(JsonFile(file, text), known)


def _blocks(json_file: JsonFile, known: dict[str, Block]) -> Lock:
    data = json_file.data
    if not isinstance(data, dict) or "models" not in data:
        raise json_file.error((), f"is no lock: {AGAIN}")
    schema = data.get("schema")
    if type(schema) is not int or schema not in (old_lock.SCHEMA, SCHEMA):
        raise json_file.error(
            ("schema",),
            f"not comparable: the lock has schema {shown(schema)}, and this version knows "
            f"{old_lock.SCHEMA} and {SCHEMA}: {AGAIN}",
        )
    if not isinstance(data["models"], list):
        raise json_file.error(("models",), f"must be an array: {AGAIN}")
    read = _parse_block if schema == SCHEMA else old_lock.parse_block
    blocks = []
    for i, model in enumerate(data["models"]):
        key = f"{schema} {json.dumps(model)}"
        if key not in known:
            known[key] = read(json_file, i, model)
        blocks.append(known[key])
    return tuple(blocks)


def relocked(before: Lock, now: Lock, models: Collection[str] = (), reason: str = "") -> Lock:
    """The lock after some models, or all where none are named, are locked as they are now.

    These have `reason`, or else the one that they had if their figures are the same. Of the others
    everything stays.
    """
    old = {block.order: block for block in before}

    def is_named(block: Block) -> bool:
        return not models or block.model in models or block.name in models

    kept = [block for block in before if not is_named(block)]
    for block in filter(is_named, now):
        was = old.get(block.order)
        kept.append(replace(block, reason=reason or (was.reason if was == block and was else "")))
    return tuple(sorted(kept, key=lambda block: block.order))


def _check_form(file: str, text: str, blocks: Lock) -> None:
    """Raise ConfigError unless the text is to the last sign what `lock` writes of these blocks.

    So totals that are not those of the layers, other orders, and keys of no meaning are found.
    """
    expected = render(blocks)
    if text == expected:
        return
    pairs = zip_longest(text.split("\n"), expected.split("\n"))
    line = next(i for i, (held, written) in enumerate(pairs, start=1) if held != written)
    raise ConfigError(
        Problem(
            file,
            min(line, text.count("\n") + 1),
            "",
            f"is not what `lock` writes: was it edited, merged or formatted? {AGAIN}",
        )
    )


_FIELDS = {"fingerprint": str, "totals": dict, "stages": list}
_TOTALS = {"params": int}
_STAGE_FIELDS = {"stage": str, "activations": int, "memory_bytes": int, "hash": str, "layers": list}


def _parse_block(json_file: JsonFile, i: int, data: Any) -> Block:
    where = ("models", i)
    check_model(json_file, where, data, _FIELDS)
    check_fields(json_file, (*where, "totals"), data["totals"], _TOTALS)
    stages: list[Stage] = []
    before = ""
    for j, stage in enumerate(data["stages"]):
        path = (*where, "stages", j)
        check_fields(json_file, path, stage, _STAGE_FIELDS)
        layers = _parse_layers(json_file, path, stage, before)
        before = layers[-1].output if layers else before
        costs = (stage["activations"], stage["memory_bytes"])
        stages.append(Stage(stage["stage"], layers, *costs, stage["hash"]))
    return Block(
        data["model"],
        tuple(data["input"]),
        data["convention"],
        data["totals"]["params"],
        tuple(stages),
        data["fingerprint"],
        data["args"],
        data["unknown_ops"],
        traced_with=data.get("traced_with", {}),
        reason=data.get("reason", ""),
    )


def _parse_layers(
    json_file: JsonFile, where: tuple[str | int, ...], stage: dict[str, Any], before: str
) -> tuple[Layer, ...]:
    lines = stage["layers"]
    for i, line in enumerate(lines):
        if not isinstance(line, str) or not line.isprintable():
            raise json_file.error((*where, "layers", i), f"cannot be {shown(line)}: {AGAIN}")
    layers = []
    for i, layer in enumerate(parse_lines(stage["stage"], lines, before)):
        if layer is None:
            raise json_file.error((*where, "layers", i), f"is no layer: {AGAIN}")
        layers.append(layer)
    return tuple(layers)
