"""Rows of an exported program by node, under the names that torch.fx has for the nodes."""

from __future__ import annotations

import json
import warnings
from io import BytesIO
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from shufflenet_flops.errors import InputError, ModelError
from shufflenet_flops.sources import Input, Options, resolve
from shufflenet_flops.sources.pt2.export import tables_by_node
from shufflenet_flops.sources.torch_modules import given
from tests.sources.programs import SMALL_MACS, Small, archive_of, description, exported


class Parts(nn.Module):
    """Nodes of several results, of a graph of their own, and `to`, which modules have too."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        self.norm = nn.BatchNorm2d(4)
        self.lstm = nn.LSTM(4, 6, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            x = self.norm(self.conv(x))
        with torch.autocast("cpu", torch.bfloat16):
            x = x.flatten(2).transpose(1, 2)
            x = x @ x.transpose(1, 2)
        left, _ = x.to(torch.float32).chunk(2, 1)
        left = left[..., :4].type_as(x).to(torch.float32)
        values: Tensor = self.lstm(left)[0].topk(2)[0]
        return values


def names(content: bytes) -> set[str]:
    """The names of the nodes in the program that torch loads from these bytes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an LSTM registers no attributes that export sees it set
        return {node.name for node in torch.export.load(BytesIO(content)).graph.nodes}


def saved(module: nn.Module, *inputs: Tensor) -> bytes:
    stream = BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.export.save(torch.export.export(module.eval(), inputs), stream)
    return stream.getvalue()


def test_each_node_has_its_rows(tmp_path: Path) -> None:
    """A convolution and a linear layer by hand; what has no row is not there."""
    path = tmp_path / "small.pt2"
    path.write_bytes(exported())
    tables = tables_by_node(resolve(str(path)))

    assert {name: table.macs for name, table in tables.items() if table.macs} == {
        "conv2d": 6 * 6 * 4 * 27,
        "linear": 20,
    }
    assert set(tables) <= names(exported())
    assert "relu" in tables
    assert "view" not in tables


@pytest.mark.parametrize(
    ("make", "shape"),
    [
        (Small, (1, 3, 8, 8)),
        (Parts, (1, 3, 4, 4)),
        (lambda: nn.TransformerEncoderLayer(16, 2, 32, batch_first=True), (1, 5, 16)),
    ],
    ids=["small", "parts", "transformer"],
)
def test_a_module_is_exported(
    make: type[nn.Module], shape: tuple[int, ...], tmp_path: Path
) -> None:
    """Its nodes are those of the file that torch.export.save writes, with the same rows."""
    module = make().eval()
    content = saved(module, torch.zeros(shape))
    path = tmp_path / "model.pt2"
    path.write_bytes(content)
    source = resolve(str(path))
    tables = tables_by_node(given.find(module, [Input(shape)]))

    assert tables == tables_by_node(source)
    assert set(tables) <= names(content)
    assert sum(table.macs for table in tables.values()) == source.table.macs
    assert source.table.macs > 0


def test_a_file_that_does_not_name_its_calls(tmp_path: Path) -> None:
    """As torch up to 2.9 writes them: a call of several results has the name of the first."""
    content = saved(Parts(), torch.zeros(1, 3, 4, 4))
    program = description(content)
    for node in program["graph_module"]["graph"]["nodes"]:
        node.pop("name", None)
    path = tmp_path / "old.pt2"
    path.write_bytes(archive_of(program))
    source = resolve(str(path))
    tables = tables_by_node(source)

    assert set(tables) <= names(content)
    assert sum(table.macs for table in tables.values()) == source.table.macs


def test_on_another_input(tmp_path: Path) -> None:
    """A batch within the range that the program was exported for."""
    path = tmp_path / "model.pt2"
    path.write_bytes(exported(batch=True))
    tables = tables_by_node(resolve(str(path), Options((Input((7, 3, 8, 8)),))))

    assert sum(table.macs for table in tables.values()) == 7 * SMALL_MACS


def test_the_module_is_left_as_it_was() -> None:
    """It stays in its mode, with its own weights."""
    module = Small().train()
    weights = [parameter.clone() for parameter in module.parameters()]
    tables_by_node(given.find(module, [Input((1, 3, 8, 8))]))

    assert module.training
    assert all(map(torch.equal, weights, module.parameters()))


class Deciding(Small):
    def forward(self, x: Tensor) -> Tensor:
        y = super().forward(x)
        return y if y.sum() > 0 else -y


def test_what_cannot_be_exported(capfd: pytest.CaptureFixture[str]) -> None:
    """One line says so, and torch's own pages about it are not heard."""
    with pytest.raises(ModelError, match=r"^Deciding: torch\.export cannot export it") as raised:
        tables_by_node(given.find(Deciding(), [Input((1, 3, 8, 8))]))

    assert "\n" not in str(raised.value)
    assert capfd.readouterr() == ("", "")


def test_a_name_that_no_module_can_have(tmp_path: Path) -> None:
    """One line, as for any other graph that is malformed."""
    program = description(exported())
    for node in program["graph_module"]["graph"]["nodes"]:
        node["name"] = "a.forward"
    path = tmp_path / "model.pt2"
    path.write_bytes(archive_of(json.loads(json.dumps(program))))

    with pytest.raises((InputError, ModelError), match="malformed"):
        tables_by_node(resolve(str(path)))
