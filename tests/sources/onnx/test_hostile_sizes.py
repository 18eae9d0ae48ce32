"""Graphs of a few bytes that ask for a great deal: a result or one line, without the memory."""

from __future__ import annotations

import json
import resource
from pathlib import Path
from typing import Any

import onnx
import pytest
from onnx import TensorProto, helper

from tests.trust.program import program

WHOLE = TensorProto.INT64
HALF_A_GIBIBYTE = 2**29


def number(name: str, *values: int) -> Any:
    return helper.make_tensor(name, WHOLE, [len(values)] if len(values) != 1 else [], values)


def vector(name: str, *values: int) -> Any:
    return helper.make_tensor(name, WHOLE, [len(values)], values)


def doubling(times: int) -> list[Any]:
    return [helper.make_node("Concat", [f"x{i}"] * 2, [f"x{i + 1}"], axis=0) for i in range(times)]


RANGE = helper.make_node("Range", ["a", "b", "c"], ["x0"])
BOUNDS = [number("a", 0), number("b", 30_000_000), number("c", 1)]
BOMBS: dict[str, tuple[list[Any], str, list[Any]]] = {
    "range": ([RANGE], "x0", BOUNDS),
    "doubling": ([RANGE, *doubling(40)], "x40", [number("a", 0), number("b", 4), number("c", 1)]),
    "constant": (
        [helper.make_node("ConstantOfShape", ["s"], ["o"])],
        *("o", [vector("s", 10**5, 10**5)]),
    ),
    "expand": (
        [helper.make_node("Expand", ["v", "s"], ["o"])],
        *("o", [vector("v", 5), vector("s", 10**5, 10**5)]),
    ),
    "tile": (
        [helper.make_node("Tile", ["v", "s"], ["o"])],
        *("o", [vector("v", 5), vector("s", 10**9)]),
    ),
    "pad": (
        [helper.make_node("Pad", ["v", "s"], ["o"])],
        *("o", [vector("v", 5), vector("s", 10**9, 0)]),
    ),
    "power": (
        [helper.make_node("Pow", ["v", "s"], ["o"])],
        *("o", [vector("v", 5), vector("s", 10**9)]),
    ),
}


def limited() -> None:
    """What asks for more address space than a run without a model takes fails at once."""
    resource.setrlimit(resource.RLIMIT_DATA, (HALF_A_GIBIBYTE, HALF_A_GIBIBYTE))


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_takes_no_memory(tmp_path: Path, name: str) -> None:
    """And no time."""
    nodes, last, values = BOMBS[name]
    output = helper.make_tensor_value_info(last, TensorProto.INT64, None)
    graph = helper.make_graph(nodes, "bomb", [], [output], values)
    path = tmp_path / "bomb.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)]), path)
    done = program("count", str(path), "--format", "json", preexec_fn=limited, timeout=60)

    assert b"defect" not in done.stderr
    assert done.returncode in (0, 2)
    if done.returncode == 0:
        (result,) = json.loads(done.stdout)["results"]
        assert result["inputs"] == []
    else:
        assert done.stderr.startswith(b"error: ")
        assert b"memory for" not in done.stderr
