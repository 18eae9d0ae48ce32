"""Files changed at random: a count, or one line that says what is wrong, and nothing else."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import onnx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shufflenet_flops.errors import ShufflenetFlopsError
from shufflenet_flops.sources import resolve
from tests.sources.programs import Small, archive_of, description, export_onnx, exported

FUZZ = settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def check(path: Path, content: bytes) -> bool:
    """Whether the file can be counted; the only error is ours, on one line."""
    path.write_bytes(content)
    refusal = ""
    try:
        macs = resolve(str(path)).table.macs
    except ShufflenetFlopsError as error:
        refusal = str(error)
    else:
        assert macs >= 0
    assert "\n" not in refusal
    return not refusal


@cache
def small_onnx(directory: Path) -> bytes:
    import torch

    path = directory / "small.onnx"
    export_onnx(Small().eval(), (torch.zeros(1, 3, 8, 8),), str(path), fold=True)
    return path.read_bytes()


@pytest.fixture(scope="module")
def originals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """A small network in both formats."""
    return {".pt2": exported(), ".onnx": small_onnx(tmp_path_factory.mktemp("onnx"))}


EDITS = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),  # where, as a part of the whole
        st.integers(0, 8),  # how many bytes go
        st.binary(max_size=8),  # what comes in their place
    ),
    min_size=1,
    max_size=8,
)


def edited(content: bytes, edits: list[tuple[float, int, bytes]]) -> bytes:
    changed = bytearray(content)
    for where, removed, inserted in edits:
        start = int(where * len(changed))
        changed[start : start + removed] = inserted
    return bytes(changed)


@pytest.mark.parametrize("suffix", [".pt2", ".onnx"])
@given(edits=EDITS)
@FUZZ
def test_changed_bytes(
    tmp_path: Path, originals: dict[str, bytes], suffix: str, edits: list[tuple[float, int, bytes]]
) -> None:
    """Anywhere in the file."""
    check(tmp_path / f"model{suffix}", edited(originals[suffix], edits))


@pytest.mark.parametrize("suffix", [".pt2", ".onnx"])
@given(part=st.floats(0, 1, exclude_max=True))
@FUZZ
def test_truncated(tmp_path: Path, originals: dict[str, bytes], suffix: str, part: float) -> None:
    """After any byte: never taken for a model with a different count."""
    whole = originals[suffix]

    assert check(tmp_path / f"model{suffix}", whole)
    assert not check(tmp_path / f"model{suffix}", whole[: int(part * len(whole))])


@pytest.mark.parametrize("suffix", [".pt2", ".onnx"])
@given(content=st.binary(max_size=200))
@FUZZ
def test_noise(tmp_path: Path, suffix: str, content: bytes) -> None:
    """Bytes that never were a model."""
    assert not check(tmp_path / f"model{suffix}", content)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([2**31, 2**62, 2**63, 2**100, -(2**63)])
    | st.floats()
    | st.text(max_size=4)
    | st.sampled_from(
        [
            "torch.ops.aten.relu.default",
            "torch.ops.aten.cat.default",
            "torch.ops.aten.empty.memory_format",
            "torch.ops.aten.expand.default",
            "torch.os.system",
            "_operator.mul",
            "_operator.getitem",
            "x",
            "conv2d",
        ]
    )
)
VALUES = (
    SCALARS
    | st.lists(SCALARS, max_size=3)
    | st.dictionaries(
        st.sampled_from(["as_tensor", "as_int", "as_ints", "as_none", "as_graph", "name"]),
        SCALARS | st.fixed_dictionaries({"name": SCALARS}),
        max_size=2,
    )
)


def places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value within nested JSON."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield (*above, key)
        if isinstance(item, dict | list):
            yield from places(item, (*above, key))


@cache
def program_places() -> list[tuple[Any, ...]]:
    module = description(exported())["graph_module"]
    parts = {key: module[key] for key in ("graph", "signature")}
    return [("graph_module", *place) for place in places(parts)]


@pytest.mark.slow
@given(data=st.data())
@settings(FUZZ, max_examples=400)
def test_changed_graph(tmp_path: Path, data: st.DataObject) -> None:
    """Well-formed JSON with other values in it, or with values missing."""
    program = copy.deepcopy(description(exported()))
    for _ in range(data.draw(st.integers(1, 3))):
        *above, key = data.draw(st.sampled_from(program_places()))
        holder: Any = program
        try:
            for step in above:
                holder = holder[step]
            if data.draw(st.booleans()):
                holder[key] = data.draw(VALUES)
            else:
                del holder[key]
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took it away
    json.dumps(program)
    check(tmp_path / "model.pt2", archive_of(program))


@given(data=st.data())
@FUZZ
def test_changed_nodes(tmp_path: Path, originals: dict[str, bytes], data: st.DataObject) -> None:
    """An ONNX file that can be parsed, with other names, shapes and attributes."""
    model = onnx.ModelProto.FromString(originals[".onnx"])
    names = [name for node in model.graph.node for name in (*node.input, *node.output)]
    for _ in range(data.draw(st.integers(1, 3))):
        node = data.draw(st.sampled_from(list(model.graph.node)))
        change = data.draw(st.sampled_from(["op", "input", "output", "number", "shape", "dims"]))
        if change == "op":
            node.op_type = data.draw(st.sampled_from(["Conv", "Gemm", "Einsum", "LSTM", "If", "x"]))
        elif change == "input" and node.input:
            place = data.draw(st.integers(0, len(node.input) - 1))
            node.input[place] = data.draw(st.sampled_from([*names, "", "nowhere"]))
        elif change == "output":
            del node.output[:]
        elif change == "number" and node.attribute:
            attribute = data.draw(st.sampled_from(list(node.attribute)))
            attribute.i = data.draw(st.integers(-(2**63), 2**63 - 1))
            attribute.ints[:] = data.draw(st.lists(st.integers(-(2**63), 2**63 - 1), max_size=3))
        elif change == "shape":
            dims = model.graph.input[0].type.tensor_type.shape.dim
            dims[data.draw(st.integers(0, 3))].dim_value = data.draw(
                st.integers(-(2**63), 2**63 - 1)
            )
        else:
            weight = data.draw(st.sampled_from(list(model.graph.initializer)))
            weight.dims[:] = data.draw(st.lists(st.integers(-3, 2**63 - 1), max_size=5))
    check(tmp_path / "model.onnx", model.SerializeToString())
