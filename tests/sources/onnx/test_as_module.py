"""A module and its ONNX file do the same, save for the differences that docs/conventions.md lists.

Counts by class of work, and bytes read and written, of small models of one idea each.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

import pytest
import torch

from shufflenet_flops.counting import Table
from shufflenet_flops.sources import resolve
from shufflenet_flops.trace import trace
from tests.sources.onnx.models import Made, models
from tests.sources.programs import export_onnx
from tests.support.quiet import silence

PAGE = Path(__file__).parents[3] / "docs" / "conventions.md"
ROW = re.compile(r"^\| ([^|`]+) \| (both|TorchScript|dynamo) \| ([^|]+) \| [^|]+ \|$", re.MULTILINE)
NAMES = sorted(models())


@cache
def listed() -> dict[tuple[str, str], frozenset[str]]:
    """What the page says differs, by exporter and model."""
    section = PAGE.read_text().partition("## An ONNX file and its module")[2].partition("\n## ")[0]
    found: dict[tuple[str, str], frozenset[str]] = {}
    for model, exporters, quantities in ROW.findall(section):
        for exporter in ("TorchScript", "dynamo") if exporters == "both" else (exporters,):
            assert (exporter, model) not in found, f"{model} is listed twice"
            found[exporter, model] = frozenset(re.findall(r"`(\w+)`", quantities))
    return found


def work(table: Table, unknown: object) -> dict[str, object]:
    """Everything that is compared, without zeros."""
    counts = {op_class.value: count for op_class, count in table.counts.items() if count}
    bytes_moved = sum(row.memory_bytes for row in table.rows)
    return {**counts, "bytes": bytes_moved, **({"unknown": unknown} if unknown else {})}


def export(made: Made, path: str, exporter: str) -> None:
    module, inputs = made
    if exporter == "TorchScript":
        export_onnx(module, inputs, path, fold=True)
        return
    with silence():
        torch.onnx.export(module, inputs, path, dynamo=True)


def differences(name: str, exporter: str, directory: Path) -> frozenset[str]:
    """The names of the quantities in which the two disagree."""
    module, inputs = models()[name]
    path = str(directory / "model.onnx")
    export((module, inputs), path, exporter)
    source, traced = resolve(path), trace(module, *inputs)
    graph = work(source.table, source.counted.unknown_ops)
    whole = work(traced.table, traced.unknown_ops)
    return frozenset(key for key in graph.keys() | whole.keys() if graph.get(key) != whole.get(key))


@pytest.mark.parametrize("name", NAMES)
def test_as_torchscript_exports_it(name: str, tmp_path: Path) -> None:
    """Equal, or different in just what the page lists."""
    expected = listed().get(("TorchScript", name), frozenset())

    assert differences(name, "TorchScript", tmp_path) == expected


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_as_dynamo_exports_it(name: str, tmp_path: Path) -> None:
    """Equal, or different in just what the page lists."""
    expected = listed().get(("dynamo", name), frozenset())

    assert differences(name, "dynamo", tmp_path) == expected


def test_the_list_names_models_that_there_are() -> None:
    """A line that nothing reads is a mistake in it; and most models need none."""
    names = {name for _, name in listed()}

    assert names <= set(NAMES)
    assert len(NAMES) - len(names) >= 40
