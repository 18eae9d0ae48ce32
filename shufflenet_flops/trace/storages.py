"""Where the memory of stand-ins is: a storage answers a model as the real one would.

Torch's own code, which copies and saves storages, is told where they really are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch

from shufflenet_flops.trace import torch_private

Answer = Callable[[Any, torch.device], Any]


def _cdata(storage: Any) -> int:
    return int(getattr(storage, "_untyped_storage", storage)._cdata)


def address(storage: Any, device: torch.device | None = None) -> int:
    """Different for every memory, and a multiple of 64, as real ones are."""
    return _cdata(storage) * 64


_PROPERTIES: dict[str, Answer] = {
    "device": lambda storage, device: device,
    "is_cuda": lambda storage, device: device.type == "cuda",
}
_METHODS: dict[str, Answer] = {
    "data_ptr": address,
    "get_device": lambda storage, device: -1 if device.type == "cpu" else device.index or 0,
}
_CLASSES: tuple[Any, ...] = (torch.UntypedStorage, torch.TypedStorage)
_WHERE = {kind: kind.device for kind in _CLASSES}  # as torch answers
_INSIDE = frozenset({"torch", "shufflenet_flops"})


@contextmanager
def storages_answered(device: torch.device) -> Iterator[None]:
    """Within it, storages without data say that they are on `device`."""
    replaced = []
    for kind in _CLASSES:
        for name in (*_PROPERTIES, *_METHODS):
            replaced.append((kind, name, vars(kind).get(name)))
            setattr(kind, name, _answering(kind, name, device))
    try:
        yield
    finally:
        for kind, name, own in replaced:
            if own is None:
                delattr(kind, name)  # it was inherited
            else:
                setattr(kind, name, own)


def _answering(kind: Any, name: str, device: torch.device) -> Any:
    real = getattr(kind, name)

    def is_told(storage: Any) -> bool:
        frame = torch_private.calling_frame(2)
        package = "" if frame is None else str(frame.f_globals.get("__name__", ""))
        if package.partition(".")[0] in _INSIDE:
            return False
        return bool(_WHERE[kind].__get__(storage).type == "meta")

    if name in _METHODS:
        method = _METHODS[name]

        def call(storage: Any) -> Any:
            return method(storage, device) if is_told(storage) else real(storage)

        return call
    answer = _PROPERTIES[name]

    def get(storage: Any) -> Any:
        return answer(storage, device) if is_told(storage) else real.__get__(storage)

    return property(get)
