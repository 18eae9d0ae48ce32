"""Exported programs: the original's counts and paths, and nothing of the file is run."""

from __future__ import annotations

import copy
import io
import pickle
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import shufflenet_flops as sf
from shufflenet_flops.errors import InputError, ShufflenetFlopsError
from shufflenet_flops.sources import Input, Options, resolve
from shufflenet_flops.sources.pt2.archive import MAX_JSON_BYTES
from shufflenet_flops.sources.pt2.graph_ops import aten_op
from shufflenet_flops.trace.trace import trace
from tests.sources.programs import (
    SMALL_MACS,
    Small,
    archive,
    archive_of,
    description,
    exported,
    node,
    with_node,
)


def write(directory: Path, content: bytes) -> str:
    path = directory / "model.pt2"
    path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize(
    "make",
    [
        Small,
        lambda: resolve("shufflenet_v1@g=3,scale=0.25").module(),
        lambda: resolve("resnet18").module(),
        lambda: nn.TransformerEncoderLayer(16, 2, 32, batch_first=True),
    ],
    ids=["small", "shufflenet", "resnet", "transformer"],
)
def test_same_as_the_original(tmp_path: Path, make: Callable[[], nn.Module]) -> None:
    """Every op class, the parameters, and the path of every row that counts MACs."""
    model = make().eval()
    shape = (1, 5, 16) if isinstance(model, nn.TransformerEncoderLayer) else (1, 3, 64, 64)
    path = str(tmp_path / "model.pt2")
    torch.export.save(torch.export.export(model, (torch.zeros(shape),)), path)
    expected = trace(model, torch.zeros(shape))
    source = resolve(path)

    assert source.inputs == (Input(shape),)
    assert source.table.counts == expected.table.counts
    assert source.counted.params == expected.params
    assert source.counted.unknown_ops == expected.unknown_ops
    if not isinstance(model, nn.TransformerEncoderLayer):  # fused when it is not exported
        assert [(row.path, row.macs) for row in source.table.rows if row.macs] == [
            (row.path, row.macs) for row in expected.table.rows if row.macs
        ]


def test_it_runs(tmp_path: Path) -> None:
    """On noise for weights; also a copy, as counters make."""
    source = resolve(write(tmp_path, exported()))

    assert source.table.macs == SMALL_MACS
    (output,) = copy.deepcopy(source.module())(*source.example_inputs())
    assert output.shape == (1, 5)
    assert output.isfinite().all()


def test_a_batch_that_may_vary(tmp_path: Path) -> None:
    """Within the range it was exported for; other axes are fixed."""
    path = write(tmp_path, exported(batch=True))

    def macs(*shape: int) -> int:
        return resolve(path, Options((Input(shape),))).table.macs

    assert resolve(path).inputs == (Input((2, 3, 8, 8)),)
    assert macs(64, 3, 8, 8) == 64 * SMALL_MACS
    for shape in ((65, 3, 8, 8), (1, 3, 8, 8), (2, 3, 9, 8), (2, 3, 8)):
        with pytest.raises(InputError, match=r"exported for \[2..64\]x3x8x8:float32"):
            macs(*shape)


def test_the_hint_of_a_batch_is_one_that_it_was_exported_for(tmp_path: Path) -> None:
    """Counters take a batch of 1, which a program with a batch of its own does not."""
    module, x = nn.Linear(4, 3), torch.ones(2, 4)
    fixed = torch.export.export(module, (x,))
    varied = torch.export.export(
        module, (x,), dynamic_shapes=({0: torch.export.Dim("n", min=1, max=9)},)
    )
    for program, end in ((fixed, "the first size"), (varied, "the first size; write 1x4")):
        path = tmp_path / "model.pt2"
        torch.export.save(program, path)
        with pytest.raises(InputError) as raised:
            sf.explain(str(path), "2x4")
        assert str(raised.value).endswith(end)


def test_inputs_that_it_was_not_exported_for(tmp_path: Path) -> None:
    """Their number and their type."""
    path = write(tmp_path, exported())

    with pytest.raises(InputError, match="--input is given 2 times"):
        resolve(path, Options((Input((1, 3, 8, 8)),) * 2))
    with pytest.raises(InputError, match="cannot take 1x3x8x8:int64"):
        resolve(path, Options((Input((1, 3, 8, 8), "int64"),)))
    with pytest.raises(InputError, match="--arg cannot be used"):
        resolve(path, Options(args={"width": 3}))


class Bomb:
    """Unpickled, it leaves a mark."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


def test_nothing_is_unpickled(tmp_path: Path) -> None:
    """Every other member may be a bomb; torch's own loader sets it off."""
    mark = tmp_path / "mark"
    bomb = pickle.dumps(Bomb(mark))
    pickle.loads(bomb)
    assert mark.exists()
    mark.unlink()
    members: dict[str, str | bytes] = dict.fromkeys(
        [
            "model/data/weights/model_weights_config.json",
            "model/data/weights/weight_0",
            "model/data/constants/model_constants_config.json",
            "model/data/sample_inputs/model.pt",
            "model/extra/notes",
        ],
        bomb,
    )
    program = archive_of(description(exported()))
    members["model/models/model.json"] = _json_of(program)
    source = resolve(write(tmp_path, archive(members)))

    assert source.table.macs == SMALL_MACS
    source.module()(*source.example_inputs())
    assert not mark.exists()


def _json_of(content: bytes) -> bytes:
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(content)) as opened:
        return opened.read(opened.namelist()[0])


MARK = "mark-that-must-not-appear"


@pytest.mark.parametrize(
    ("one", "message"),
    [
        (node("torch.os.system", {"as_string": f"touch {MARK}"}), "torch's public ops"),
        (node("torch.ops.aten.relu.default.__class__"), "torch's public ops"),
        (node("_operator.pow", {"as_int": 10}, {"as_int": 10**9}), "torch's public ops"),
        (node("math.factorial", {"as_int": 10**9}), "torch's public ops"),
        (node("torch.ops.aten.save.default", {"as_string": MARK}), "torch's public ops"),
        (
            node(
                "torch.ops.aten.from_file.default",
                {"as_string": MARK},
                {"as_bool": True},
                {"as_int": 9},
            ),
            "torch's public ops",
        ),
        (node("torch.ops.torchvision.nms.default"), "torch's public ops"),
        (node("torch.ops.aten.view.dtype", {"as_int": 1}, {"as_int": 99}), "takes no 99 as dtype"),
        (node("torch.ops.aten.to.dtype", {"as_int": 1}, {"as_none": True}), "takes no None"),
        (node("torch.ops.aten.relu.default", {"as_custom_obj": {}}), "kind as_custom_obj"),
        (node("_operator.mul", {"as_int": 2**40}, {"as_int": 2**40}), "computes a size of 1,208"),
        (node("_operator.mul", {"as_string": "x"}, {"as_int": 2**40}), "mul of what is no size"),
        (
            node("torch.ops.aten.relu.default", {"as_tensor": {"name": "y"}}),
            "uses y, which nothing",
        ),
        (node("torch.ops.aten.ones.default", {"as_ints": [2**40, 2**40]}), "overflowed"),
        (node("torch.ops.aten.ones.default", {"as_ints": [float("inf")]}), "OverflowError"),
        (node("torch.ops.aten.ones.default", {"as_ints": [float("nan")]}), "malformed"),
        (node("_operator.mul", {"as_int": float("inf")}, {"as_int": 1}), "OverflowError"),
    ],
)
def test_hostile_nodes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, one: dict[str, Any], message: str
) -> None:
    """Refused in one line, by name or when worked out on shapes; nothing comes of them."""
    monkeypatch.chdir(tmp_path)
    path = write(tmp_path, with_node(one))

    with pytest.raises(ShufflenetFlopsError, match=message) as caught:
        resolve(path).counted  # noqa: B018
    assert "\n" not in str(caught.value)
    assert [file.name for file in tmp_path.iterdir()] == ["model.pt2"]


def test_a_gigantic_tensor_costs_nothing(tmp_path: Path) -> None:
    """It is made on the meta device, though the file does not ask for that."""
    made = node("torch.ops.aten.ones.default", {"as_ints": [2**40]})

    assert resolve(write(tmp_path, with_node(made))).table.macs == SMALL_MACS


def test_gigantic_weights(tmp_path: Path) -> None:
    """Counted by their shape, but not made for real; impossible ones are refused."""
    program = description(exported())
    tensors = program["graph_module"]["graph"]["tensor_values"]
    tensors["b_order"]["sizes"] = [{"as_int": 2**50}]
    source = resolve(write(tmp_path, archive_of(program)))
    with pytest.raises(InputError, match="its weights take 9,007,199"):
        source.module()

    tensors["b_order"]["sizes"] = [{"as_int": 2**50}, {"as_int": 2**50}]
    with pytest.raises(InputError, match="declares a tensor of shape"):
        resolve(write(tmp_path, archive_of(program)))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "truncated, or not a file that torch.export.save wrote"),
        (b"PK\x03\x04", "truncated"),
        (archive({}), "holds no exported program"),
        (archive({"m/data/aotinductor/model/model.so": b""}), "holds compiled code"),
        (archive({"m/models/a.json": "{}", "m/models/b.json": "{}"}), "holds 2 programs"),
        (archive({"m/models/model.json": "{"}), "truncated"),
        (archive({"m/models/model.json": "[" * 100_000}), "truncated"),
        (archive_of([]), "schema version None"),
        (archive_of({"schema_version": {"major": 9}}), "schema version 9; version 8 can be read"),
        (archive_of({"schema_version": {"major": 8}}), "its graph is malformed"),
    ],
)
def test_files_that_are_no_program(tmp_path: Path, content: bytes, message: str) -> None:
    """Truncated, empty, compiled, or of a later version."""
    with pytest.raises(InputError, match=message):
        resolve(write(tmp_path, content))


def test_a_truncated_file(tmp_path: Path) -> None:
    """The end of an archive is where its members are listed."""
    with pytest.raises(InputError, match="truncated"):
        resolve(write(tmp_path, exported()[:-1000]))


def test_a_graph_that_unpacks_without_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused by its stated size, before it is unpacked."""
    monkeypatch.setattr("shufflenet_flops.sources.pt2.archive.MAX_JSON_BYTES", 1000)

    assert MAX_JSON_BYTES > 10**8
    with pytest.raises(InputError, match="at most 1,000 are read"):
        resolve(write(tmp_path, exported()))


@pytest.mark.parametrize("lie", [False, True])
def test_a_small_file_that_unpacks_to_a_large_one(tmp_path: Path, lie: bool) -> None:
    """Blanks pack a thousandfold; so they do where the archive says that they do not."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("net/models/model.json", b"{" + b" " * 20_000_000 + b"}")
        if lie:
            archive.infolist()[0].compress_size = 10**9

    assert len(stream.getvalue()) < 100_000
    with pytest.raises(InputError, match=r"unpacks to 20,000,002, and at most 40 times as many"):
        resolve(write(tmp_path, stream.getvalue()))


def test_a_missing_file() -> None:
    """What the system says."""
    with pytest.raises(InputError, match="No such file or directory"):
        resolve("nowhere.pt2")


def test_ops_that_are_let_through() -> None:
    """Public and plain ones; the others are not looked at further."""
    assert aten_op("conv2d", "default") is torch.ops.aten.conv2d.default
    assert aten_op("_softmax", "default") is torch.ops.aten._softmax.default
    for name, overload in [
        ("add", "out"),
        ("_stack", "default"),
        ("quantized_lstm_cell", "default"),
        ("convolution_backward", "default"),
        ("no_such_op", "default"),
    ]:
        assert aten_op(name, overload) is None
