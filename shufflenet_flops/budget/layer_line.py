"""One layer as one line of a lock, `.0.conv2 conv2d k3x3 g3 >1x60x28x28 145152 180`, and back.

What a reader can tell from the line before is left out: the names above a layer that is in the same
module, an input that is the output of the layer before, an output that is as large as the input;
and a stride of 1, one group.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from shufflenet_flops.budget.layers import Layer

FORM = (
    "path in the stage, or the last name if it is in the module of the layer before, op, k kernel, "
    "s stride, g groups, input>output where they are not the output of the layer before, MACs or "
    "FLOPs, params"
)
_ITSELF = "-"  # the stage's own module; every path inside it begins with a dot
_SCALAR = "()"
_SHAPE = r"[^ >]*"
_LINE = re.compile(
    rf"(?P<path>[^ ]+) (?P<op>[^ ]*)( k(?P<kernel>{_SHAPE}))?( s(?P<stride>{_SHAPE}))?"
    rf"( g(?P<groups>[0-9]{{1,30}}))?( (?P<input>{_SHAPE})>(?P<output>{_SHAPE}))?"
    r" (?P<count>[0-9]{1,100}) (?P<params>[0-9]{1,100})"
)


def render_lines(layers: Iterable[Layer], before: str) -> Iterator[str]:
    """The lines of a stage's layers; `before` is the output of the layer before the first."""
    module = ""
    for layer in layers:
        path = layer.path.removeprefix(layer.stage) or _ITSELF
        parent, _, name = path.rpartition(".")
        is_near = parent and parent == module and name not in ("", _ITSELF)
        parts = [_coded(name if is_near else path), _coded(layer.op)]
        module = parent
        stride, groups = _defaults(layer.kernel)
        parts += [f"k{layer.kernel}"] if layer.kernel else []
        parts += [f"s{layer.stride}"] if layer.stride != stride else []
        parts += [f"g{layer.groups}"] if layer.groups != groups else []
        new_input = _shape(layer.inputs) if layer.inputs != before else ""
        new_output = _shape(layer.output) if layer.output != layer.inputs else ""
        parts += [f"{new_input}>{new_output}"] if new_input or new_output else []
        yield " ".join((*parts, str(layer.count), str(layer.params)))
        before = layer.output


def parse_lines(stage: str, lines: Iterable[str], before: str) -> Iterator[Layer | None]:
    """The layers of a stage, None for a line that is none."""
    module = ""
    for line in lines:
        match = _LINE.fullmatch(line)
        if match is None:
            yield None
            continue
        path = _decoded(match["path"])
        if path == _ITSELF:
            path = ""
        elif not path.startswith("."):
            path = f"{module}.{path}"
        module = path.rpartition(".")[0]
        kernel = match["kernel"] or ""
        stride, groups = _defaults(kernel)
        inputs = _sizes(match["input"]) if match["input"] else before
        output = _sizes(match["output"]) if match["output"] else inputs
        yield Layer(
            path=stage + path,
            op=_decoded(match["op"]),
            inputs=inputs,
            output=output,
            kernel=kernel,
            stride=stride if match["stride"] is None else match["stride"],
            groups=groups if match["groups"] is None else int(match["groups"]),
            count=int(match["count"]),
            params=int(match["params"]),
        )
        before = output


def _defaults(kernel: str) -> tuple[str, int]:
    """The stride and groups that are not written: those of a plain convolution, or none."""
    return ("x".join("1" for _ in kernel.split("x")), 1) if kernel else ("", 0)


def _shape(sizes: str) -> str:
    return sizes.replace(", ", ",") or _SCALAR


def _sizes(shape: str) -> str:
    return "" if shape == _SCALAR else shape.replace(",", ", ")


def _coded(name: str) -> str:
    """A name without blanks, which end it."""
    return name.replace("%", "%25").replace(" ", "%20")


def _decoded(text: str) -> str:
    return text.replace("%20", " ").replace("%25", "%")
