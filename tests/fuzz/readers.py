"""Every reader of the command line with damaged or made-up input for it, drawn from a seed."""

from __future__ import annotations

import gzip
import io
import json
import lzma
import os
import zipfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.mutations import damaged_bytes, damaged_json, damaged_text, junk

Maker = Callable[[Random, Path], list[str]]
READERS: dict[str, Maker] = {}


def reader(make: Maker) -> Maker:
    """Register a maker of one command line; what it names is in the folder that it is given."""
    READERS[make.__name__] = make
    return make


def written(path: Path, content: str | bytes) -> str:
    """The path of a file with this content."""
    if isinstance(content, str):
        content = content.encode(errors="surrogatepass")
    path.write_bytes(content)
    return str(path)


SAVED = {
    "count": ("count", "shufflenet_v1_x0_25_g3", "--by", "unit"),
    "compare": ("compare", "--no-latency"),
    "networks": ("compare", "resnet18", "resnet34", "--no-latency", "--input", "1x3x64x64"),
    "explain": ("explain", "shufflenet_v1_x0_25_g3", "--input", "1x3x64x64"),
    "paper": ("paper", "shufflenet_v1_table_1"),
    "latency": (
        *("latency", "shufflenet_v1_x0_25_g3", "--engine", "eager", "--roofline"),
        *("--runs", "3", "--quiet"),
    ),
}
MOST_ROWS = 8  # of a list of records, so that a document is quick to damage and to read


@cache
def saved(name: str, folder: Path) -> Any:
    """What a command of SAVED writes, with no more than MOST_ROWS of each list of records."""
    path = folder / f"{name}-whole.json"
    run_quietly([*SAVED[name], "-o", str(path)])
    return shortened(json.loads(path.read_text()))


def shortened(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: shortened(item) for key, item in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return [shortened(item) for item in value[:MOST_ROWS]]
    return value


def run_quietly(arguments: list[str]) -> None:
    import contextlib
    import io

    from shufflenet_flops.cli.app import run

    with contextlib.redirect_stdout(io.StringIO()):
        assert run(arguments) == 0


def damaged_results(random: Random, folder: Path, name: str) -> str:
    return written(folder / "results.json", damaged_json(random, saved(name, folder)))


@reader
def report(random: Random, folder: Path) -> list[str]:
    return ["report", damaged_results(random, folder, random.choice(list(SAVED)))]


@reader
def diff(random: Random, folder: Path) -> list[str]:
    whole = folder / "count-whole.json"
    other = damaged_results(random, folder, "count")
    return ["diff", *random.choice(((str(whole), other), (other, str(whole)), (other, other)))]


@reader
def latency_diff(random: Random, folder: Path) -> list[str]:
    other = damaged_results(random, folder, "latency")
    whole = written(folder / "run.json", json.dumps(saved("latency", folder)))
    return ["latency-diff", *random.choice(((whole, other), (other, whole), (other, other)))]


@cache
def lock_text() -> str:
    from shufflenet_flops.budget.block import block
    from shufflenet_flops.budget.lock import render
    from shufflenet_flops.counting import CONVENTIONS
    from shufflenet_flops.sources import resolve

    sources = map(resolve, ("shufflenet_v1_x0_25_g3", "resnet18"))
    paper = CONVENTIONS["paper"]
    return render(tuple(block(each.name, each.inputs, {}, paper, each.counted) for each in sources))


@reader
def lock(random: Random, folder: Path) -> list[str]:
    whole = written(folder / "a.lock", lock_text())
    damaged = (
        damaged_json(random, json.loads(lock_text()))
        if random.random() < 0.5
        else damaged_text(random, lock_text())
    )
    return ["diff", whole, written(folder / "b.lock", damaged)]


BUDGET = """schema = 1
input = [1, 3, 224, 224]
path = []

[[budget]]
model = "shufflenet_v1_x0_25_g3"
macs = "40 M"
params = 2_000_000
memory = "1 GB"
convention = "paper"
level = "warn"
reason = "as \\"printed\\""

[[budget]]
model = 'resnet18'
flops = "4 GFLOP"
input = "1x3x64x64"
args = { width = 8, names = ["a", 1.5, 1979-05-27] }
"""


@reader
def budget(random: Random, folder: Path) -> list[str]:
    name = random.choice(("x.toml", "pyproject.toml"))
    return ["check", "--config", written(folder / name, damaged_text(random, BUDGET))]


@reader
def where(random: Random, folder: Path) -> list[str]:
    operands = ("macs", "g", "c", "0", "1", "40e6", "-c", "(g - 1)", "1e400", "x", "'a'", "9" * 60)
    signs = ("<", ">=", "==", "!=", "<", "+", "-", "*", "/", "//", "%", "and c >", "or g <", "**")
    words = [random.choice(operands)]
    for _ in range(random.choice((1, 1, 2, 3, 4, 30))):
        words += [random.choice(signs), random.choice(operands)]
    text = " ".join(words) if random.random() < 0.8 else junk(random, *operands, *signs, "(", ")")
    return ["sweep", "--c", "48:96:24", "--g", "1,3", "--quiet", f"--where=macs > {text}"]


@reader
def axes(random: Random, folder: Path) -> list[str]:
    text = junk(random, "1", "2", "64", ":", ":", ",", "-", "0", "10", " ", "9" * 19, "9" * 40)
    sweep = ["sweep", "--quiet", "--max-configurations", "999"]
    command = random.choice((["fit", "shufflenet", "--macs", "10M"], sweep))
    return [*command, f"--{random.choice(('g', 'h', 'n', 'k', 'c'))}={text}"]


@reader
def amounts(random: Random, folder: Path) -> list[str]:
    text = junk(random, "1", "40", "0", ".", ",", "_", "e", "-", "M", "G", " ", "MAC", "B", "µ")
    return ["fit", "shufflenet", f"--{random.choice(('macs', 'params', 'memory'))}={text}"]


@reader
def models(random: Random, folder: Path) -> list[str]:
    words = ("shufflenet_v1", "resnet18", "@", "=", ",", "g", "scale", "classes", "0.5", "3", "-1")
    ends = (":", "/", ".onnx", ".pt2", ".pt", "torch.nn", "timm", "os", "nan", "9" * 25)
    return ["count", "--", junk(random, *words, *ends)]


@reader
def inputs(random: Random, folder: Path) -> list[str]:
    text = junk(random, "1", "x", "x", "3", "224", "0", "-", ":", "int64", "float32", "9" * 18)
    model = random.choice(("resnet18", "torch.nn:ReLU"))
    return ["count", model, f"--input={text}", "--by", random.choice(("layer", "kind"))]


@reader
def arguments(random: Random, folder: Path) -> list[str]:
    text = junk(random, "inplace", "=", "True", "1", "[", "]", "(", "-", "'", "9" * 4500, "{", ":")
    return ["count", "torch.nn:ReLU", "--input=1x3x8x8", f"--arg={text}"]


@cache
def onnx_bytes(folder: Path) -> bytes:
    import torch

    from tests.sources.programs import Small, export_onnx

    path = folder / "small-whole.onnx"
    export_onnx(Small().eval(), (torch.zeros(1, 3, 8, 8),), str(path), fold=True)
    return path.read_bytes()


@reader
def onnx(random: Random, folder: Path) -> list[str]:
    return ["count", written(folder / "x.onnx", damaged_bytes(random, onnx_bytes(folder)))]


@reader
def pt2(random: Random, folder: Path) -> list[str]:
    from tests.sources.programs import exported

    return ["count", written(folder / "x.pt2", damaged_bytes(random, exported()))]


@reader
def pt2_graph(random: Random, folder: Path) -> list[str]:
    """The graph itself, in an archive that is whole."""
    from tests.sources.programs import archive, exported

    with zipfile.ZipFile(io.BytesIO(exported())) as whole:
        members: dict[str, str | bytes] = {
            name.partition("/")[2]: whole.read(name) for name in whole.namelist()
        }
    damaged = damaged_json(random, json.loads(members["models/model.json"]))
    members["models/model.json"] = damaged.encode(errors="surrogatepass")
    named = {f"model/{name}": content for name, content in members.items()}
    return ["count", written(folder / "x.pt2", archive(named))]


@cache
def calibration_text(folder: Path) -> str:
    """A calibration that comes with the package, of its first networks; it has been learned from.

    So what learns is imported before the clock runs. What is learned is kept in the folder.
    """
    from shufflenet_flops.latency.predict.calibration import read_compressed
    from shufflenet_flops.latency.predict.shipped import SHIPPED

    os.environ["XDG_CACHE_HOME"] = str(folder)
    whole = json.loads(read_compressed(SHIPPED / "openvino.json.xz"))
    (result,) = whole["results"]
    for name in ("samples", "log_errors", "compiled_log_errors"):
        result[name] = result[name][:40]
    text = json.dumps(whole)
    run_quietly([*PREDICT, written(folder / "whole.json", text)])
    return text


PREDICT = ("predict", "resnet18", "--engine", "openvino", "--calibration")


@reader
def calibration(random: Random, folder: Path) -> list[str]:
    """Damaged within, or as the compressed file."""
    text = calibration_text(folder)
    pack, suffix = random.choice(((gzip.compress, "gz"), (lzma.compress, "xz")))
    if random.random() < 0.5:
        content = pack(damaged_json(random, json.loads(text)).encode(errors="surrogatepass"))
    else:
        content = damaged_bytes(random, pack(text.encode()))
    return [*PREDICT, written(folder / f"x.json.{suffix}", content)]
