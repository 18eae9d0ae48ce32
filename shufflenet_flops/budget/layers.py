"""Layers as a lock holds them, and which of them changed between two versions of a model."""

from __future__ import annotations

import difflib
import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from typing import Protocol

from shufflenet_flops.counting import Convention, Row
from shufflenet_flops.counting.metric import FLOPS, MACS, WEIGHT_BYTES, find_metric
from shufflenet_flops.spec import shape_text

ROOT = "(model)"  # what the outermost module does itself, which has no path


@dataclass(frozen=True)
class Layer:
    """One counted op. Shapes are texts, batch first, `1x3x224x224`; several inputs have commas.

    `count` is in the unit of the convention that it was made under. A lock does not hold the
    activations and the memory access of a layer, so they make no difference between two.
    """

    path: str
    op: str
    inputs: str
    output: str
    kernel: str
    stride: str
    groups: int
    count: int
    params: int
    activations: int = field(default=0, compare=False)
    memory_bytes: int = field(default=0, compare=False)

    @property
    def structure(self) -> tuple[str | int, ...]:
        """What the layer is, whatever it is called and however it is counted."""
        return (self.op, self.inputs, self.output, self.kernel, self.stride, self.groups)

    @property
    def stage(self) -> str:
        """The first name of the path."""
        return self.path.split(".")[0]


class Costs(Protocol):
    """What a layer, a stage and a model cost."""

    @property
    def count(self) -> int:
        """MACs or FLOPs under a convention."""

    @property
    def params(self) -> int:
        """Parameters."""

    @property
    def activations(self) -> int:
        """Output elements of layers with MACs."""

    @property
    def memory_bytes(self) -> int:
        """Bytes read and written."""


def amount(costs: Costs, metric: str, unit: str) -> int:
    """A metric of what was counted in `unit`, `macs` or `flops`; one MAC is two FLOPs."""
    if metric not in (MACS.name, FLOPS.name):
        size = WEIGHT_BYTES.get(metric)
        return size * costs.params if size else int(getattr(costs, find_metric(metric).name))
    if metric == unit:
        return costs.count
    return 2 * costs.count if metric == FLOPS.name else costs.count // 2


def layer_of_row(row: Row, convention: Convention) -> Layer:
    """A row of a layer table, counted under a convention."""
    return Layer(
        path=row.path or ROOT,
        op=row.op,
        inputs=", ".join(map(shape_text, row.inputs)),
        output=shape_text(row.output),
        kernel=shape_text(row.kernel or ()),
        stride=shape_text(row.stride or ()),
        groups=row.groups or 0,
        count=convention.total(row.counts),
        params=row.params,
        activations=row.activations,
        memory_bytes=row.memory_bytes,
    )


def fingerprint(layers: Iterable[Layer]) -> str:
    """A hash of what the layers are, in order, without their names: equal for a renamed model."""
    return _hash((*layer.structure, layer.params) for layer in layers)[:32]


def full_hash(layers: Iterable[Layer]) -> str:
    """A hash of all that is known of the layers, in order."""
    return _hash(map(astuple, layers))[:16]


def _hash(values: Iterable[Hashable]) -> str:
    return hashlib.sha256("\n".join(map(repr, values)).encode()).hexdigest()


@dataclass(frozen=True)
class Change:
    """A layer before and after; one of them is None for a layer that is new or gone."""

    before: Layer | None
    after: Layer | None

    @property
    def path(self) -> str:
        """What the layer is called now, or was."""
        named = self.after or self.before
        assert named is not None
        return named.path

    def delta(self, metric: str, unit: str) -> int:
        """How much a metric grew; counts are in `unit`, `macs` or `flops`."""
        after = amount(self.after, metric, unit) if self.after else 0
        return after - (amount(self.before, metric, unit) if self.before else 0)

    @property
    def is_change(self) -> bool:
        """Whether anything at all is different."""
        return self.before != self.after

    def __str__(self) -> str:
        """What changed, `groups 3 → 1`, without the layer's name."""
        if self.before is None:
            assert self.after is not None
            return f"new: {describe(self.after)}"
        if self.after is None:
            return f"gone: {describe(self.before)}"
        return ", ".join(_differences(self.before, self.after)) or "of the same shapes"


def describe(layer: Layer) -> str:
    """`conv2d 1x1 1x240x28x28 → 1x60x28x28, groups 3`."""
    kernel = f" {layer.kernel}" if layer.kernel else ""
    groups = f", groups {layer.groups}" if layer.groups > 1 else ""
    return f"{layer.op}{kernel} {layer.inputs} → {layer.output}{groups}"


def _differences(before: Layer, after: Layer) -> list[str]:
    parts = []
    for name in ("op", "kernel", "stride", "groups", "inputs", "output"):
        old, new = getattr(before, name), getattr(after, name)
        if old != new:
            parts.append(f"{name.removesuffix('s') if name == 'inputs' else name} {old} → {new}")
    if before.path != after.path:
        parts.append(f"was {before.path}")
    if not parts:
        # Such as a bias, or a weight that another layer has too.
        parts = [
            f"{name} {getattr(before, name):,} → {getattr(after, name):,}"
            for name in ("count", "params")
            if getattr(before, name) != getattr(after, name)
        ]
    return parts


def align(before: Sequence[Layer], after: Sequence[Layer]) -> list[Change]:
    """Every layer of both, each once, in order of running: the same, changed, new or gone.

    Where all layers have the names that they had, these say which is which. Otherwise layers of one
    structure are matched in sequence, so that an inserted layer does not shift the others, and what
    stands between two matches is matched by name, and then by op.
    """
    if [(layer.path, layer.op) for layer in before] == [(layer.path, layer.op) for layer in after]:
        return [Change(old, new) for old, new in zip(before, after, strict=True)]
    pairs = _in_sequence(before, after)
    for old, new in _gaps(pairs, len(before), len(after)):
        pairs |= _pair(before, after, old, new, key=lambda layer: (layer.path, layer.op))
        left = [i for i in old if i not in pairs]
        taken = {pairs[i] for i in old if i in pairs}
        right = [j for j in new if j not in taken]
        pairs |= _pair(before, after, left, right, key=lambda layer: layer.op)
    return _in_order(before, after, pairs)


def _in_sequence(before: Sequence[Layer], after: Sequence[Layer]) -> dict[int, int]:
    """Indices of layers of one structure: at both ends all, and between them those with MACs.

    A norm or an activation looks like many others, and would be matched with one of another unit.
    """
    old = [layer.structure for layer in before]
    new = [layer.structure for layer in after]
    shorter = min(len(old), len(new))
    start = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    end = next((i for i in range(shorter - start) if old[-1 - i] != new[-1 - i]), shorter - start)
    pairs = {i: i for i in range(start)}
    pairs |= {len(old) - end + i: len(new) - end + i for i in range(end)}
    inner_old = [i for i in range(start, len(old) - end) if before[i].count]
    inner_new = [j for j in range(start, len(new) - end) if after[j].count]
    matcher = difflib.SequenceMatcher(
        None, [old[i] for i in inner_old], [new[j] for j in inner_new], autojunk=False
    )
    for i, j, size in matcher.get_matching_blocks():
        pairs.update(zip(inner_old[i : i + size], inner_new[j : j + size], strict=True))
    return pairs


def _gaps(pairs: Mapping[int, int], old: int, new: int) -> list[tuple[range, range]]:
    """What stands between matches that are in sequence on both sides."""
    gaps = []
    i = j = 0
    for i_next, j_next in (*sorted(pairs.items()), (old, new)):
        gaps.append((range(i, i_next), range(j, j_next)))
        i, j = i_next + 1, j_next + 1
    return [(left, right) for left, right in gaps if left and right]


def _pair(
    before: Sequence[Layer],
    after: Sequence[Layer],
    old: Iterable[int],
    new: Iterable[int],
    key: Callable[[Layer], Hashable],
) -> dict[int, int]:
    """Indices of layers with the same key, first come first served."""
    waiting: dict[Hashable, list[int]] = defaultdict(list)
    for i in old:
        waiting[key(before[i])].append(i)
    pairs = {}
    for j in new:
        if same_key := waiting[key(after[j])]:
            pairs[same_key.pop(0)] = j
    return pairs


def _in_order(
    before: Sequence[Layer], after: Sequence[Layer], pairs: dict[int, int]
) -> list[Change]:
    """The layers of `after` in order, each layer that is gone where it was."""
    partner = {j: i for i, j in pairs.items()}
    changes: list[Change] = []
    shown = 0
    for j, layer in enumerate(after):
        i = partner.get(j)
        if i is not None:
            changes += [Change(before[k], None) for k in range(shown, i) if k not in pairs]
            shown = max(shown, i + 1)
        changes.append(Change(None if i is None else before[i], layer))
    changes += [Change(before[k], None) for k in range(shown, len(before)) if k not in pairs]
    return changes
