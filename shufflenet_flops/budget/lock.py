"""`flop-budget.lock`: what every model of the configuration counted, to the last integer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field
from functools import cached_property
from itertools import zip_longest
from typing import Any

from shufflenet_flops.budget.json_lines import Document
from shufflenet_flops.budget.layers import AMOUNTS, COLUMNS, Layer, fingerprint, layer
from shufflenet_flops.budget.quantity import shown
from shufflenet_flops.counting import CONVENTIONS, Convention
from shufflenet_flops.errors import ConfigError, Problem, UnknownNameError
from shufflenet_flops.sources import Counted, Input

SCHEMA = 1


@dataclass(frozen=True)
class Block:
    """One model on one input, counted under one convention.

    `params` counts every parameter once, used or not; those of the layers may add up to less.
    """

    model: str
    inputs: tuple[str, ...]
    convention: str
    params: int
    layers: tuple[Layer, ...]
    args: Mapping[str, Any] = field(default_factory=dict)
    unknown_ops: Mapping[str, int] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The model with its arguments, which make another model of it."""
        args = ", ".join(f"{key}={value!r}" for key, value in self.args.items())
        return f"{self.model}({args})" if args else self.model

    @property
    def order(self) -> tuple[str, ...]:
        """What the blocks of a lock are sorted by."""
        return (self.name, *self.inputs, self.convention)

    @property
    def unit(self) -> str:
        """`macs` or `flops`, which the convention counts."""
        return f"{CONVENTIONS[self.convention].unit.lower()}s"

    @cached_property
    def totals(self) -> dict[str, int]:
        """The model's AMOUNTS."""
        return {name: sum(getattr(one, name) for one in self.layers) for name in AMOUNTS} | {
            "params": self.params
        }

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the structure, without names."""
        return fingerprint(self.layers)

    def record(self) -> dict[str, Any]:
        """The block as the lock holds it, but for the layers."""
        stages: dict[str, dict[str, int]] = {}
        for one in self.layers:
            stage = stages.setdefault(one.stage, dict.fromkeys(AMOUNTS, 0))
            for name in AMOUNTS:
                stage[name] += getattr(one, name)
        return {
            "model": self.model,
            "args": dict(self.args),
            "input": list(self.inputs),
            "convention": self.convention,
            "fingerprint": self.fingerprint,
            **self._in_unit(self.totals),
            "unknown_ops": dict(sorted(self.unknown_ops.items())),
            "stages": {stage: self._in_unit(amounts) for stage, amounts in stages.items()},
        }

    def _in_unit(self, amounts: Mapping[str, int]) -> dict[str, int]:
        return {self.unit if key == "count" else key: value for key, value in amounts.items()}


def block(
    model: str,
    inputs: tuple[Input, ...],
    args: Mapping[str, Any],
    convention: Convention,
    counted: Counted,
) -> Block:
    """The block of a counted model."""
    return Block(
        model=model,
        inputs=tuple(map(str, inputs)),
        convention=convention.name,
        params=counted.params,
        layers=tuple(layer(row, convention) for row in counted.table.rows),
        # As JSON gives them back: a date of TOML as text.
        args=json.loads(json.dumps(dict(args), default=str, sort_keys=True)),
        unknown_ops=dict(counted.unknown_ops),
    )


Lock = tuple[Block, ...]


def render(blocks: Lock) -> str:
    """The text of a lock: blocks sorted, a line for each stage and each layer."""
    models = ",\n".join(map(_render_block, sorted(blocks, key=lambda one: one.order)))
    return (
        f'{{\n"schema": {SCHEMA},\n"columns": {_compact(COLUMNS)},\n'
        f'"models": [{_lines(models)}]\n}}\n'
    )


def line_of(one: Block, blocks: Lock) -> int:
    """The line with the name of one of the blocks, in the text that `render` gives of them."""
    text = render(blocks)
    return text.count("\n", 0, text.index(_render_block(one))) + 2  # a block begins with {


def _render_block(one: Block) -> str:
    record = one.record()
    stages = record.pop("stages")
    lines = [f"{_compact(key)}: {_compact(value)}" for key, value in record.items()]
    stage_lines = ",\n".join(f"{_compact(key)}: {_compact(stages[key])}" for key in stages)
    layer_lines = ",\n".join(_compact(astuple(one)) for one in one.layers)
    lines += [f'"stages": {{{_lines(stage_lines)}}}', f'"layers": [{_lines(layer_lines)}]']
    return "{\n" + ",\n".join(lines) + "\n}"


def _lines(text: str) -> str:
    return f"\n{text}\n" if text else ""


def _compact(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


_RECORD_TYPES: Mapping[str, type] = {
    "model": str,
    "args": dict,
    "input": list,
    "convention": str,
    "params": int,
    "unknown_ops": dict,
    "layers": list,
}
_COLUMN_TYPES = tuple(int if name in ("groups", *AMOUNTS) else str for name in COLUMNS)
_AGAIN = "run `shufflenet-flops lock` to write it anew"


def parse(file: str, text: str) -> Lock:
    """The blocks of a lock's text.

    Raises ConfigError with the line of the first thing that is no lock of this schema, or that is
    not as `render` writes it.
    """
    document = Document(file, text)
    data = document.data
    if not isinstance(data, dict) or "models" not in data:
        raise document.error((), f"is no lock: {_AGAIN}")
    if data.get("schema") != SCHEMA or isinstance(data.get("schema"), bool | float):
        raise document.error(
            ("schema",),
            f"not comparable: the lock has schema {shown(data.get('schema'))}, and this version "
            f"knows {SCHEMA}: {_AGAIN}",
        )
    if data.get("columns") != list(COLUMNS):
        raise document.error(("columns",), f"must be {', '.join(COLUMNS)}: {_AGAIN}")
    if not isinstance(data["models"], list):
        raise document.error(("models",), f"must be an array: {_AGAIN}")
    blocks = tuple(_parse_block(document, i, one) for i, one in enumerate(data["models"]))
    _check_form(file, text, blocks)
    return blocks


def _check_form(file: str, text: str, blocks: Lock) -> None:
    """Raise ConfigError unless the text is to the last sign what `lock` writes of these blocks.

    So totals that are not those of the layers, other orders, and keys of no meaning are found.
    """
    expected = render(blocks)
    if text == expected:
        return
    pairs = zip_longest(text.split("\n"), expected.split("\n"))
    line = next(i for i, (found, right) in enumerate(pairs, start=1) if found != right)
    raise ConfigError(
        Problem(
            file,
            min(line, text.count("\n") + 1),
            "",
            f"is not what `lock` writes: was it edited, merged or formatted? {_AGAIN}",
        )
    )


def _parse_block(document: Document, i: int, data: Any) -> Block:
    where = ("models", i)
    if not isinstance(data, dict):
        raise document.error(where, f"must be an object: {_AGAIN}")
    for key, kind in _RECORD_TYPES.items():
        if key not in data:
            raise document.error(where, f"has no {key}: {_AGAIN}")
        if type(data[key]) is not kind:
            raise document.error((*where, key), f"cannot be {shown(data[key])}: {_AGAIN}")
    _check_texts(document, where, data)
    if data["convention"] not in CONVENTIONS:
        unknown = UnknownNameError("convention", data["convention"], CONVENTIONS)
        raise document.error((*where, "convention"), f"not comparable: {unknown}")
    layers = []
    for j, values in enumerate(data["layers"]):
        if not isinstance(values, list) or tuple(map(type, values)) != _COLUMN_TYPES:
            raise document.error((*where, "layers", j), f"is no layer: {_AGAIN}")
        layers.append(Layer(*values))
    return Block(
        data["model"],
        tuple(data["input"]),
        data["convention"],
        data["params"],
        tuple(layers),
        data["args"],
        data["unknown_ops"],
    )


def _check_texts(document: Document, where: tuple[str | int, ...], data: Mapping[str, Any]) -> None:
    """Names that reach a terminal or a log must be printable; counts of unknown ops are counts."""
    texts = [("model", data["model"]), *(("input", one) for one in data["input"])]
    texts += [("unknown_ops", one) for one in data["unknown_ops"]]
    for key, text in texts:
        if not isinstance(text, str) or not text.isprintable():
            raise document.error((*where, key), f"cannot be {shown(text)}: {_AGAIN}")
    for values in data["layers"]:
        if isinstance(values, list) and not all(
            text.isprintable() for text in values if isinstance(text, str)
        ):
            raise document.error((*where, "layers"), f"holds what cannot be printed: {_AGAIN}")
    for calls in data["unknown_ops"].values():
        if type(calls) is not int:
            raise document.error((*where, "unknown_ops"), f"cannot be {shown(calls)}: {_AGAIN}")
