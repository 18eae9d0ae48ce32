"""Programs and graphs exported from small modules, and what hostile files say instead."""

from __future__ import annotations

import json
import warnings
import zipfile
from collections.abc import Mapping
from functools import cache
from io import BytesIO
from typing import Any

import torch
from torch import Tensor, nn

Json = dict[str, Any]


class Small(nn.Module):
    """A convolution, a shuffle of two groups, a part without gradients, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        self.fc = nn.Linear(4, 5)
        self.register_buffer("order", torch.tensor([3, 2, 1, 0]))

    def forward(self, x: Tensor) -> Tensor:
        x = self.body(x)
        n, _, h, w = x.shape
        x = x.view(n, 2, 2, h, w).transpose(1, 2).flatten(1, 2)
        with torch.no_grad():
            x = x.mean((2, 3)).index_select(1, self.order)
        return self.fc(x)


SMALL_MACS = 6 * 6 * 4 * 27 + 20


@cache
def exported(batch: bool = False) -> bytes:
    """`Small` on 1x3x8x8 as a .pt2 file; with `batch`, for 2 to 64 images."""
    shapes = {"x": {0: torch.export.Dim("batch", min=2, max=64)}} if batch else None
    program = torch.export.export(
        Small().eval(), (torch.zeros(1 + batch, 3, 8, 8),), dynamic_shapes=shapes
    )
    stream = BytesIO()
    torch.export.save(program, stream)
    return stream.getvalue()


def export_onnx(module: nn.Module, inputs: tuple[Tensor, ...], path: str, *, fold: bool) -> None:
    """Write an .onnx file, batch-norms folded into the convolutions before them or not."""
    mode = torch.onnx.TrainingMode
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch is about to replace this exporter
        torch.onnx.export(
            module,
            inputs,
            path,
            dynamo=False,
            do_constant_folding=fold,
            training=mode.EVAL if fold else mode.PRESERVE,
        )


def description(content: bytes) -> Json:
    """The JSON in a .pt2 file."""
    with zipfile.ZipFile(BytesIO(content)) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("models/model.json")]
        found: Json = json.loads(archive.read(name))
    return found


def archive(members: Mapping[str, str | bytes]) -> bytes:
    """A zip file with these members."""
    stream = BytesIO()
    with zipfile.ZipFile(stream, "w") as written:
        for name, content in members.items():
            written.writestr(name, content)
    return stream.getvalue()


def archive_of(program: Any) -> bytes:
    """A .pt2 file that has nothing but this JSON."""
    return archive({"model/models/model.json": json.dumps(program)})


def node(target: str, *arguments: Json) -> Json:
    """A node that calls `target` and throws the result away."""
    return {
        "target": target,
        "inputs": [{"name": "", "arg": argument, "kind": 1} for argument in arguments],
        "outputs": [{"as_tensor": {"name": "unused"}}],
        "metadata": {},
    }


def with_node(one: Json) -> bytes:
    """`Small` with this node before all others."""
    program = description(exported())
    program["graph_module"]["graph"]["nodes"].insert(0, one)
    return archive_of(program)
