"""From the rows of a network to the kernels that an engine runs for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from shufflenet_flops.counting.row import CONV_KINDS, Kind, Row
from shufflenet_flops.latency.predict.blocks import Layouts
from shufflenet_flops.latency.predict.kernels import (
    ACTIVATIONS,
    SORTS,
    Fusion,
    Kernel,
    amounts,
    in_network,
    sort_of,
)
from shufflenet_flops.latency.predict.row_kernels import alike, made_of, ungrouped
from shufflenet_flops.spec import Shape

_CONVS = {kind.value for kind in CONV_KINDS}
_WEIGHTED = _CONVS | {Kind.LINEAR.value, "batch_norm"}
_WITH_CONSTANTS = {"add", "sub", "mul", "div"}
_BRANCHES = 3  # of a join, beside the last, that are looked for


def kernels_of(rows: Sequence[Row], fusion: Fusion) -> list[Kernel]:
    """The kernels of a table's rows, in order; sizes may be ints or arrays.

    A row that follows a convolution or a linear layer, on its output, is taken into its kernel
    where `fusion` says so.
    """
    lowering = _Lowering(fusion)
    for row, places in _with_silu(rows):
        lowering.add(row, places)
    return _in_context(lowering.kernels)


class _Lowering:
    """The kernels so far; `writer` is the place of that which wrote the last value."""

    def __init__(self, fusion: Fusion) -> None:
        self.fusion = fusion
        self.kernels: list[Kernel] = []
        self.writer = -1
        self.written: Shape = ()
        self.layouts = Layouts()

    def add(self, row: Row, places: tuple[int, ...]) -> None:
        taken = self._taken(row)
        if taken is not None:
            place, kernel = taken
            self.kernels[place] = kernel._replace(
                paths=(*kernel.paths, row.path), places=(*kernel.places, *places)
            )
            self.writer = place
        else:
            x = ungrouped(row.inputs[0]) if row.inputs else ()
            apart = int(bool(self.written) and not alike(x, self.written))
            blocks = self.layouts.of(row) if self.fusion.blocks else 0
            self.kernels += (
                made._replace(apart=apart, places=places, blocks=blocks)
                for made in made_of(row, self.fusion)
            )
            self.writer = len(self.kernels) - 1
        self.written = ungrouped(row.output)

    def _taken(self, row: Row) -> tuple[int, Kernel] | None:
        """A kernel with this row in it, and its place; None where the row is one of its own."""
        if not self.kernels or not row.inputs or not alike(row.output, self.written):
            return None
        last = self.kernels[self.writer]
        if last.kind not in _WEIGHTED:
            return None
        if row.op == "add" and len(row.inputs) == 2:
            return self._joined(row)
        found = _within(last, row, self.fusion)
        return None if found is None else (self.writer, found)

    def _joined(self, row: Row) -> tuple[int, Kernel] | None:
        """The branch of a join that takes the sum in, which each does but once.

        Where more than two branches are summed up, one after the other, the sum that comes next is
        within an earlier branch.
        """
        if not self.fusion.addition:
            return None
        summing = _CONVS | ({"batch_norm"} if self.fusion.blocks else set())
        last = self.kernels[self.writer]
        if last.activation or last.kind not in summing:
            return None
        if not last.added:
            return self.writer, last._replace(added=1)
        for place in range(self.writer - 1, max(-1, self.writer - 1 - _BRANCHES), -1):
            branch = self.kernels[place]
            is_open = branch.kind in summing and not branch.added and not branch.activation
            shape = (branch.n, branch.c_out, branch.h_out, branch.w_out)
            if is_open and _beside(branch, row) and alike(shape, row.output):
                return place, branch._replace(added=1)
        return None


def _within(last: Kernel, row: Row, fusion: Fusion) -> Kernel | None:
    """The last kernel with this row in it, which has but one input; None where it stays out."""
    if row.kind is Kind.NORM:
        fits = fusion.norm and row.op == "batch_norm" and last.kind in _CONVS
        return last if fits and not last.activation and not last.added else None
    if len(row.inputs) == 1 and row.op in _WITH_CONSTANTS:
        folded = fusion.norm and last.kind in _CONVS and not last.activation
        return last if folded or (row.op == "mul" and fusion.scale) else None
    if row.op in fusion.activations and not last.activation:
        return last._replace(activation=ACTIVATIONS.index(row.op))
    return None


def _beside(branch: Kernel, row: Row) -> bool:
    """Whether a branch is of the module that sums it up."""
    return branch.paths[0].startswith(f"{row.path}." if row.path else "")


def _with_silu(rows: Sequence[Row]) -> Iterator[tuple[Row, tuple[int, ...]]]:
    """The rows with their places; x * sigmoid(x), as graphs write it, is the silu that it is."""
    place = 0
    while place < len(rows):
        row, after = rows[place], rows[place + 1] if place + 1 < len(rows) else None
        if row.op == "sigmoid" and after is not None and after.op == "mul":
            shapes = (*after.inputs, after.output)
            if len(shapes) == 3 and all(alike(shape, row.output) for shape in shapes):
                yield row._replace(op="silu"), (place, place + 1)
                place += 2
                continue
        yield row, (place,)
        place += 1


def _in_context(kernels: Sequence[Kernel]) -> list[Kernel]:
    """The kernels with what stands before each, and what is known of all of them together."""
    resident = sum(amounts(kernel).bytes_weights for kernel in kernels if kernel.kind in _WEIGHTED)
    before = (SORTS[0], *(sort_of(kernel.kind) for kernel in kernels))
    return [
        kernel._replace(after=SORTS.index(sort))
        for kernel, sort in zip(in_network(kernels, resident), before, strict=False)
    ]
