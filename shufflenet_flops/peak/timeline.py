"""When each piece of memory is made and let go of, and the moment at which most is alive."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import NamedTuple

IntShape = tuple[int, ...]


class Term(NamedTuple):
    """A named part of a sum of bytes."""

    name: str
    bytes: int


class Storage(NamedTuple):
    """One piece of memory, which tensors may share.

    It is made at the moment `born`, alive at it, and not any more at the moment `died`. `shape` is
    that of the tensor it was made for; `op` and `path` tell which call of an op made it,
    `is_gradient` that it is the gradient of a parameter, `is_cast` that it is a parameter in
    another type, as autocast makes it.
    """

    bytes: int
    born: int
    died: int
    shape: IntShape
    dtype: str
    path: str
    op: str
    is_gradient: bool = False
    is_cast: bool = False


class Moment(NamedTuple):
    """A call of an op that makes tensors, or needs memory of its own until it has run."""

    path: str
    op: str
    workspace: tuple[Term, ...] = ()


@dataclass(frozen=True)
class Timeline:
    """What is alive in one run of a model, in the order in which its ops run.

    `held` is what is there all the time: parameters, buffers, inputs. A moment's bytes are those of
    the tensors alive while it runs, its own results among them, and of its workspace, which is that
    of these `kernels`.
    """

    held: Mapping[str, int]
    moments: tuple[Moment, ...]
    storages: tuple[Storage, ...]
    kernels: str = ""
    not_known_for: tuple[str, ...] = ()  # what takes more than is known, in words

    @cached_property
    def live_bytes(self) -> tuple[int, ...]:
        """Bytes of the tensors that are made in the run, at each moment."""
        changes = [0] * (len(self.moments) + 1)
        for storage in self.storages:
            changes[storage.born] += storage.bytes
            changes[storage.died] -= storage.bytes
        return tuple(accumulate(changes[:-1]))

    @cached_property
    def used_bytes(self) -> tuple[int, ...]:
        """`live_bytes` and the workspace, at each moment."""
        return tuple(
            live + sum(term.bytes for term in moment.workspace)
            for live, moment in zip(self.live_bytes, self.moments, strict=True)
        )

    @property
    def held_bytes(self) -> int:
        """What is there all the time."""
        return sum(self.held.values())

    @property
    def tensor_bytes(self) -> int:
        """The peak of tensors alone, with what is held."""
        return self.held_bytes + max(self.live_bytes, default=0)

    @property
    def peak_bytes(self) -> int:
        """The peak, with what is held and the workspace."""
        return self.held_bytes + max(self.used_bytes, default=0)

    @property
    def peak(self) -> int | None:
        """The first moment of the peak; None where nothing is ever made."""
        used = self.used_bytes
        return used.index(max(used)) if used else None

    def alive(self, moment: int) -> list[Storage]:
        """The storages that are alive at a moment, the largest first."""
        alive = [storage for storage in self.storages if storage.born <= moment < storage.died]
        return sorted(alive, key=lambda storage: -storage.bytes)

    @cached_property
    def terms(self) -> tuple[Term, ...]:
        """The parts of `peak_bytes`."""
        held = tuple(Term(name, size) for name, size in self.held.items() if size)
        if self.peak is None:
            return held
        live = self.live_bytes[self.peak]
        alive = self.alive(self.peak)
        gradients = sum(storage.bytes for storage in alive if storage.is_gradient)
        casts = sum(storage.bytes for storage in alive if storage.is_cast)
        parts = [
            Term("parameters as autocast has them", casts),
            Term("activations", live - gradients - casts),
            Term("gradients of parameters", gradients),
        ]
        workspace = self.moments[self.peak].workspace
        return (*held, *(part for part in parts if part.bytes), *workspace)


NO_TIMELINE = Timeline({}, (), ())
