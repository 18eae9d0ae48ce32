"""ONNX graphs: the MACs of the network that was exported, from shapes alone."""

from __future__ import annotations

import sys
from math import prod
from pathlib import Path
from typing import Any

import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

from shufflenet_flops.errors import InputError
from shufflenet_flops.sources import Input, Options, Source, resolve
from shufflenet_flops.spec import OpClass
from tests.sources.programs import export_onnx

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64


def value(name: str, *shape: int | str | None) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, FLOAT, shape)


def weight(name: str, *shape: int, dtype: int = FLOAT) -> onnx.TensorProto:
    """An initializer without values, as if they lay in another file."""
    found = onnx.TensorProto(name=name, data_type=dtype, dims=shape)
    found.data_location = TensorProto.EXTERNAL
    found.external_data.add(key="location", value="weights.bin")
    return found


def model(
    nodes: list[onnx.NodeProto],
    inputs: list[onnx.ValueInfoProto],
    weights: tuple[onnx.TensorProto, ...] = (),
    *,
    output: str = "y",
) -> onnx.ModelProto:
    """A model whose one output has no declared shape."""
    y = helper.make_tensor_value_info(output, FLOAT, None)
    graph = helper.make_graph(nodes, "test", inputs, [y], list(weights))
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("custom", 1)]
    return helper.make_model(graph, opset_imports=opsets)


def source_of(directory: Path, built: onnx.ModelProto, *inputs: Input) -> Source:
    path = directory / "model.onnx"
    path.write_bytes(built.SerializeToString())
    return resolve(str(path), Options(inputs))


@pytest.mark.parametrize("fold", [True, False], ids=["folded", "as written"])
@pytest.mark.parametrize("name", ["shufflenet_v1@g=3,scale=0.25", "resnet18", "squeezenet1_1"])
def test_an_exported_network(tmp_path: Path, name: str, fold: bool) -> None:
    """The MACs of the spec, layer by layer, whether or not batch-norms were folded away."""
    zoo_source = resolve(name, Options((Input((1, 3, 64, 64)),)))
    path = str(tmp_path / "model.onnx")
    export_onnx(zoo_source.module(), zoo_source.example_inputs(), path, fold=fold)
    source = resolve(path)

    def macs(one: Source) -> list[tuple[str, int]]:
        return [(row.path, row.macs) for row in one.table.rows if row.macs]

    assert source.inputs == zoo_source.inputs
    assert macs(source) == macs(zoo_source)
    assert source.counted.unknown_ops == {}


class Everything(nn.Module):
    """Convolutions of every kind, attention by hand, a recurrence, and pools."""

    def __init__(self) -> None:
        super().__init__()
        self.up = nn.ConvTranspose2d(3, 8, 4, 2, groups=1)
        self.deep = nn.Conv2d(8, 8, 3, groups=8, padding=1, dilation=1)
        self.line = nn.Conv1d(8, 6, 5)
        self.lstm = nn.LSTM(6, 5, batch_first=True)
        self.fc = nn.Linear(5, 7)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.max_pool2d(torch.relu(self.deep(self.up(x))), 2)
        x = self.line(x.flatten(2)).transpose(1, 2)
        x = torch.softmax(x @ x.transpose(1, 2), -1) @ x
        x, _ = self.lstm(x)
        return self.fc(torch.einsum("nlc,nmc->nlc", x, x))


def test_every_kind_of_product(tmp_path: Path) -> None:
    """By class, as the trace of the module counts them; the einsum as its indices say."""
    module = Everything().eval()
    x = torch.zeros(2, 3, 6, 6)
    path = str(tmp_path / "model.onnx")
    export_onnx(module, (x,), path, fold=True)
    counts = resolve(path).table.counts
    length = 7 * 7 - 4

    assert counts[OpClass.CONV_MACS] == 2 * (3 * 36 * 8 * 16 + 8 * 14 * 14 * 9 + 6 * length * 8 * 5)
    assert counts[OpClass.LINEAR_MACS] == 2 * length * (4 * 5 * (6 + 5) + 5 * 7)
    assert counts[OpClass.MATMUL_MACS] == 2 * 2 * length**2 * 6
    # `m` stands in the second operand alone: torch sums it first, and multiplies elements.
    assert counts[OpClass.REDUCTION_INPUTS] == 2 * length * 5


NODE = helper.make_node


@pytest.mark.parametrize(
    ("nodes", "shape", "weights", "op_class", "amount"),
    [
        (
            [NODE("Gemm", ["x", "w", "b"], ["y"], transA=1)],
            (3, 2),
            [(3, 5), (5,)],
            "linear_macs",
            30,
        ),
        ([NODE("Gemm", ["x", "w"], ["y"], transB=1)], (2, 3), [(5, 3)], "linear_macs", 30),
        ([NODE("MatMul", ["x", "w"], ["y"])], (4, 2, 3), [(3, 5)], "linear_macs", 120),
        ([NODE("MatMul", ["x", "x"], ["y"])], (3, 3), [], "matmul_macs", 27),
        ([NODE("MatMul", ["x", "w"], ["y"])], (3,), [(3, 5)], "linear_macs", 15),
        (
            [NODE("Transpose", ["w"], ["t"]), NODE("MatMul", ["x", "t"], ["y"])],
            (2, 3),
            [(5, 3)],
            "linear_macs",
            30,
        ),
        (
            [NODE("Conv", ["x", "w"], ["y"], group=2)],
            (1, 4, 5, 5),
            [(6, 2, 3, 3)],
            "conv_macs",
            972,
        ),
        (
            [NODE("Conv", ["x", "w", "b"], ["y"])],
            (1, 1, 9),
            [(2, 1, 3), (2,)],
            "conv_bias_adds",
            14,
        ),
        ([NODE("ConvTranspose", ["x", "w"], ["y"])], (1, 2, 3), [(2, 4, 3)], "conv_macs", 72),
        (
            [NODE("MaxPool", ["x"], ["y"], kernel_shape=[2, 2])],
            (1, 1, 3, 3),
            [],
            "max_pool_windows",
            16,
        ),
        ([NODE("GlobalAveragePool", ["x"], ["y"])], (1, 2, 3, 3), [], "global_pool_inputs", 18),
        ([NODE("Softmax", ["x"], ["y"])], (2, 3), [], "softmax_elements", 6),
        ([NODE("Sum", ["x", "x", "x"], ["y"])], (2, 3), [], "add_elements", 12),
        ([NODE("Concat", ["x", "x"], ["y"], axis=0)], (2, 3), [], "moved_elements", 12),
    ],
    ids=lambda value: (
        "+".join(n.op_type for n in value)
        if isinstance(value, list) and value and hasattr(value[0], "op_type")
        else None
    ),
)
def test_rules(
    tmp_path: Path,
    nodes: list[onnx.NodeProto],
    shape: tuple[int, ...],
    weights: list[tuple[int, ...]],
    op_class: str,
    amount: int,
) -> None:
    """One operator at a time, worked out by hand."""
    made = tuple(weight(name, *size) for name, size in zip("wb", weights, strict=False))
    source = source_of(tmp_path, model(nodes, [value("x", *shape)], made))

    assert source.table.counts[OpClass(op_class)] == amount
    assert source.counted.params == sum(map(prod, weights))
    assert len(source.table.rows) == 1


def test_external_weights_stay_closed(tmp_path: Path) -> None:
    """There is no such file, and it is not missed."""
    nodes = [NODE("Conv", ["x", "w"], ["y"])]
    built = model(nodes, [value("x", 1, 3, 8, 8)], (weight("w", 4, 3, 3, 3),))
    source = source_of(tmp_path, built)

    assert source.table.macs == 36 * 108


@pytest.mark.parametrize(
    "location", ["../secret", "/etc/passwd", "a/../../b", "C:\\secret", "..\\secret", "\\\\host\\x"]
)
def test_external_weights_elsewhere(tmp_path: Path, location: str) -> None:
    """A location outside the file's directory is a sign of a hostile file."""
    outside = weight("w", 4, 3, 3, 3)
    outside.external_data[0].value = location
    built = model([NODE("Conv", ["x", "w"], ["y"])], [value("x", 1, 3, 8, 8)], (outside,))

    with pytest.raises(InputError, match="outside the directory of the file"):
        source_of(tmp_path, built).counted  # noqa: B018


def test_gigantic_shapes(tmp_path: Path) -> None:
    """A large one is only a number; one that cannot exist is refused."""
    node = NODE("MatMul", ["x", "w"], ["y"])

    def macs(size: int) -> int:
        weights = (weight("w", size, size),)
        return source_of(tmp_path, model([node], [value("x", 1, size)], weights)).table.macs

    assert macs(2**30) == 2**60
    for size in (2**32, 2**62):
        with pytest.raises(InputError, match="which cannot exist"):
            macs(size)
    with pytest.raises(InputError, match="give its sizes with --input"):
        macs(-1)


def test_sizes_without_a_number(tmp_path: Path) -> None:
    """A batch is 1 by default; other sizes are asked for; the same name is the same size."""
    nodes = [NODE("Add", ["x", "z"], ["s"]), NODE("Conv", ["s", "w"], ["y"])]
    inputs = [value("x", "n", 3, "h", "w"), value("z", "n", 3, "h", "w")]
    built = model(nodes, inputs, (weight("w", 4, 3, 1, 1),))
    image = Input((2, 3, 5, 6))

    assert source_of(tmp_path, built, image, image).table.macs == 2 * 30 * 12
    with pytest.raises(InputError, match="its input x is nx3xhxw: give its sizes with --input"):
        source_of(tmp_path, built)
    with pytest.raises(InputError, match="cannot take 2x3x5x7: its input z"):
        source_of(tmp_path, built, image, Input((2, 3, 5, 7)))
    batch = model([NODE("Relu", ["x"], ["y"])], [value("x", "n", 3)])
    assert source_of(tmp_path, batch).inputs == (Input((1, 3)),)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ([Input((1, 3, 8, 8))] * 2, "--input is given 2 times"),
        ([Input((1, 3, 9, 8))], "cannot take 1x3x9x8: its input x is 1x3x8x8:float32"),
        ([Input((1, 3, 8))], "cannot take 1x3x8"),
        ([Input((1, 3, 8, 8), "int64")], "cannot take 1x3x8x8:int64"),
    ],
)
def test_inputs_that_do_not_fit(tmp_path: Path, inputs: list[Input], message: str) -> None:
    """Against what the file says."""
    built = model([NODE("Relu", ["x"], ["y"])], [value("x", 1, 3, 8, 8)])

    with pytest.raises(InputError, match=message):
        source_of(tmp_path, built, *inputs)


def test_shapes_that_do_not_fit_each_other(tmp_path: Path) -> None:
    """The operator is named."""
    built = model([NODE("MatMul", ["x", "w"], ["y"])], [value("x", 2, 3)], (weight("w", 4, 5),))

    with pytest.raises(InputError, match=r"its shapes do not fit: .*MatMul"):
        source_of(tmp_path, built).counted  # noqa: B018


def _branch(size: int) -> onnx.GraphProto:
    return helper.make_graph([NODE("Relu", ["x"], ["r"])], f"branch{size}", [], [value("r", 3, 3)])


@pytest.mark.parametrize(
    ("nodes", "unknown"),
    [
        ([NODE("Relu", ["x"], ["y"], domain="custom")], "custom.Relu"),
        (
            [NODE("NoSuchOperator", ["x"], ["y"], domain="com.microsoft")],
            "com.microsoft.NoSuchOperator",
        ),
        (
            [
                NODE("NonZero", ["x"], ["i"]),
                NODE("Cast", ["i"], ["y"], to=FLOAT),
            ],
            "Cast on a shape that depends on values",
        ),
        (
            [
                NODE("ReduceMax", ["x"], ["c"], keepdims=0),
                NODE("Cast", ["c"], ["b"], to=TensorProto.BOOL),
                NODE("If", ["b"], ["y"], then_branch=_branch(1), else_branch=_branch(2)),
            ],
            "If",
        ),
    ],
    ids=["custom", "no rule", "shape", "branches"],
)
def test_unknown_is_not_zero(tmp_path: Path, nodes: list[Any], unknown: str) -> None:
    """Operators without a rule, of others, and with branches are listed."""
    source = source_of(tmp_path, model(nodes, [value("x", 3, 3)]))

    assert unknown in source.counted.unknown_ops


def test_functions_do_not_expand(tmp_path: Path) -> None:
    """Each calls the one before it twice, 2^40 operators in all: listed by name, in no time."""
    built = model([NODE("f40", ["x"], ["y"], domain="custom")], [value("x", 2, 3)])
    opsets = [helper.make_opsetid("", 20), helper.make_opsetid("custom", 1)]
    for i in range(41):
        calls = [
            NODE(f"f{i - 1}" if i else "Relu", [a], [b], domain="custom" if i else "")
            for a, b in (("a", "t"), ("t", "b"))
        ]
        built.functions.append(helper.make_function("custom", f"f{i}", ["a"], ["b"], calls, opsets))

    assert source_of(tmp_path, built).counted.unknown_ops == {"custom.f40": 1}


def test_running_statistics_are_no_parameters(tmp_path: Path) -> None:
    """Nor are whole numbers, and numbers without axes."""
    nodes = [
        NODE("BatchNormalization", ["x", "s", "b", "m", "v"], ["n"]),
        NODE("Mul", ["n", "half"], ["h"]),
        NODE("Gather", ["h", "i"], ["y"], axis=1),
    ]
    weights = (
        *(weight(name, 3) for name in "sbmv"),
        weight("half"),
        weight("i", 2, dtype=INT64),
    )
    source = source_of(tmp_path, model(nodes, [value("x", 1, 3, 2, 2)], weights))

    assert source.counted.params == 6
    assert [row.params for row in source.table.rows] == [6, 0, 0]


def test_it_cannot_run(tmp_path: Path) -> None:
    """Said in one line to whatever would."""
    source = source_of(tmp_path, model([NODE("Relu", ["x"], ["y"])], [value("x", 2, 3)]))

    assert not source.can_run
    for run in (source.module, source.trace):
        with pytest.raises(InputError, match="read for its shapes, and cannot be run"):
            run()
    with pytest.raises(InputError, match="--input-factory cannot be used"):
        resolve("model.onnx", Options(input_factory="a:b"))


@pytest.mark.parametrize(
    "content", [b"", b"\x00", b"no model", b"\x08\x0a"], ids=["empty", "zero", "text", "no graph"]
)
def test_files_that_are_no_graph(tmp_path: Path, content: bytes) -> None:
    """Before anything is inferred."""
    path = tmp_path / "model.onnx"
    path.write_bytes(content)

    with pytest.raises(InputError, match="truncated, or not an ONNX file"):
        resolve(str(path))


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra that installs it."""
    monkeypatch.setitem(sys.modules, "onnx", None)

    with pytest.raises(InputError, match=r"pip install .*\[onnx\]"):
        resolve("model.onnx")
