"""Hypothesis strategies: valid configurations with their TOML, and locks."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import astuple
from typing import Any

from hypothesis import strategies as st

from shufflenet_flops.budget.block import Block, block_of
from shufflenet_flops.budget.config import Config, Entry
from shufflenet_flops.budget.layers import Costs, Layer
from shufflenet_flops.budget.limit import LIMITED, Limit, parse_limit
from shufflenet_flops.counting import find_convention
from shufflenet_flops.sources import Input, parse_input

PRINTABLE = st.text(
    st.characters(categories=["L", "N", "P", "S"], include_characters=" "), min_size=1, max_size=20
).filter(str.strip)

counts = st.integers(1, 10**13)
limits_of = {
    **{metric: st.builds(Limit, st.just(metric), counts) for metric in LIMITED[:-2]},
    "latency": st.one_of(
        st.decimals("0.001", "999", places=3).map(
            lambda value: parse_limit("latency", f"{value:f} ms")
        ),
        st.decimals("0.01", "99", places=2).map(
            lambda value: parse_limit("latency", f"{value:f} x resnet18")
        ),
    ),
    "time": st.decimals("0.001", "999", places=3).map(
        lambda value: parse_limit("time", f"{value:f} ms")
    ),
}
shapes = st.lists(st.integers(1, 512), min_size=1, max_size=4).map(
    lambda sizes: Input(tuple(sizes))
)
inputs = st.one_of(
    shapes.map(lambda one: (one,)),
    st.lists(
        st.tuples(shapes, st.sampled_from(["float32", "int64", "bool"])).map(
            lambda pair: Input(pair[0].shape, pair[1])
        ),
        min_size=1,
        max_size=3,
    ).map(tuple),
)


@st.composite
def entries(draw: st.DrawFn) -> Entry:
    """Any budget that can be written."""
    metrics = draw(st.lists(st.sampled_from(list(limits_of)), min_size=1, unique=True))
    return Entry(
        model=draw(PRINTABLE.filter(lambda text: not text.endswith((".onnx", ".pt2")))),
        limits=tuple(draw(limits_of[metric]) for metric in limits_of if metric in metrics),
        inputs=draw(st.one_of(st.just(()), inputs)),
        args=draw(st.dictionaries(st.from_regex("[a-z]{1,5}", fullmatch=True), counts, max_size=2)),
        convention=find_convention(draw(st.sampled_from(["paper", "paper-conv", "flops"]))),
        level=draw(st.sampled_from([None, "error", "warn", "off"])),
        reason=draw(st.one_of(st.just(""), PRINTABLE)),
    )


configs = st.lists(entries(), min_size=1, max_size=4).map(
    lambda found: Config("flop-budget.toml", tuple(found), engine=_engine(found))
)


def _engine(found: Iterable[Entry]) -> str:
    """What a predicted time is of."""
    limits = (limit for entry in found for limit in entry.limits)
    return "onnxruntime" if any(limit.metric == "time" for limit in limits) else ""


def to_toml(config: Config) -> str:
    """A configuration as a person would write it."""
    engine = [f"engine = {_text(config.engine)}"] if config.engine else []
    return "\n".join(["schema = 1", *engine, *map(_entry, config.entries)]) + "\n"


def _entry(entry: Entry) -> str:
    lines = ["", "[[budget]]", f"model = {_text(entry.model)}"]
    if entry.inputs:
        lines.append(f"input = {json.dumps([str(one) for one in entry.inputs])}")
    lines += [f"{limit.metric} = {_text(str(limit))}" for limit in entry.limits]
    lines.append(f'convention = "{entry.convention.name}"')
    if entry.level:
        lines.append(f'level = "{entry.level}"')
    if entry.reason:
        lines.append(f"reason = {_text(entry.reason)}")
    if entry.args:
        lines.append("[budget.args]")
        lines += [f"{key} = {value}" for key, value in entry.args.items()]
    return "\n".join(lines)


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


names = st.one_of(
    st.from_regex(r"[a-z]{1,4}(\.[a-z0-9]{1,3}){0,2}", fullmatch=True),
    # As graphs of other programs have them.
    st.sampled_from(["-", "a.-", "a.", ".", "a b.%20", "a.b c.%", "(model)", "/a/b.c > d", "k.g1"]),
)
small = st.integers(0, 1000)
sizes = st.sampled_from(["1x3x8x8", "1x8x8x8", "1x8x4x4", "", "1x3x8x8, 1x8x8x8"])
layers: st.SearchStrategy[Layer] = st.builds(
    Layer,
    path=names,
    op=st.sampled_from(["conv2d", "batch_norm", "relu", "k1", "an op", ""]),
    inputs=sizes,
    output=sizes,
    kernel=st.sampled_from(["", "1x1", "3x3"]),
    stride=st.sampled_from(["", "1x1", "2x2"]),
    groups=st.integers(0, 4),
    count=small,
    params=small,
    activations=small,
    memory_bytes=small,
)


def blocks(model: st.SearchStrategy[str] = names) -> st.SearchStrategy[Block]:
    """Any model of a lock."""
    return st.builds(
        block_of,
        model=model,
        inputs=st.just((str(parse_input("1x3x8x8")),)),
        convention=st.sampled_from(["paper", "flops"]),
        params=small,
        layers=st.lists(layers, min_size=1, max_size=6).map(tuple),
        args=st.dictionaries(names, small, max_size=1),
        unknown_ops=st.dictionaries(names, st.integers(1, 9), max_size=1),
    )


locks = st.lists(blocks(), max_size=3, unique_by=lambda one: one.order).map(tuple)


def old_form(blocks: Iterable[Block]) -> str:
    """The text of a lock as the first form had it: a row for every op."""
    rows = ("path", "op", "inputs", "output", "kernel", "stride", "groups", "count", "params")
    models = []
    for block in blocks:
        stages = {stage.name: _costs(stage, block.unit) for stage in block.stages}
        head = {
            "model": block.model,
            "args": dict(block.args),
            "input": list(block.inputs),
            "convention": block.convention,
            "fingerprint": block.fingerprint,
            **_costs(block, block.unit),
            "unknown_ops": dict(block.unknown_ops),
            "stages": stages,
        }
        lines = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in head.items()]
        layers = ",\n".join(json.dumps(astuple(layer)) for layer in block.all_layers)
        models.append("{\n" + ",\n".join([*lines, f'"layers": [\n{layers}\n]']) + "\n}")
    columns = json.dumps([*rows, "activations", "memory_bytes"])
    body = ",\n".join(models)
    return f'{{\n"schema": 1,\n"columns": {columns},\n"models": [\n{body}\n]\n}}\n'


def _costs(costs: Costs, unit: str) -> dict[str, int]:
    return {
        unit: costs.count,
        "params": costs.params,
        "activations": costs.activations,
        "memory_bytes": costs.memory_bytes,
    }


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The path of every value in JSON that holds no other."""
    if isinstance(value, dict) and value:
        return [leaf for key, item in value.items() for leaf in leaves(item, (*path, key))]
    if isinstance(value, list) and value:
        return [leaf for i, item in enumerate(value) for leaf in leaves(item, (*path, i))]
    return [path]
