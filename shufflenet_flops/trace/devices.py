"""Where tensors are: stand-ins answer as real tensors would, so no model sees meta."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor

from shufflenet_flops.trace.arguments import META
from shufflenet_flops.trace.storages import address

Answer = Callable[[Tensor, torch.device], Any]


def device_of(tensors: Iterable[Tensor]) -> torch.device:
    """The device of the first that is on a real one; the CPU where none is."""
    for tensor in tensors:
        if not tensor.is_meta:
            return tensor.device
    return torch.device("cpu")


def _is(kind: str) -> Answer:
    return lambda x, device: device.type == kind


def _address(x: Tensor, device: torch.device) -> int:
    """Different for every memory, and a multiple of 64, as real ones are."""
    return int(address(x.untyped_storage()) + x.storage_offset() * x.element_size())


def type_name(x: Tensor, device: torch.device) -> str:
    """Such as `torch.cuda.FloatTensor`."""
    real = torch.empty(0, dtype=x.dtype).type()
    return real if device.type == "cpu" else real.replace("torch.", f"torch.{device.type}.")


def _get_device(x: Tensor, device: torch.device) -> int:
    return -1 if device.type == "cpu" else device.index or 0


_PROPERTIES: Mapping[str, Answer] = {
    "device": lambda x, device: device,
    **{
        f"is_{kind}": _is(kind) for kind in "cpu cuda ipu maia meta mps mtia vulkan xla xpu".split()
    },
}
_ASKED: Mapping[Any, Answer] = {
    Tensor.data_ptr: _address,
    Tensor.type: type_name,
    Tensor.cpu: lambda x, device: x if device.type == "cpu" else Tensor.cpu(x),
    Tensor.get_device: _get_device,
    torch.get_device: _get_device,
}
ANSWERS: Mapping[Any, Answer] = MappingProxyType(
    {
        **{
            getattr(Tensor, name).__get__: answer
            for name, answer in _PROPERTIES.items()
            if hasattr(Tensor, name)
        },
        **_ASKED,
    }
)


def _theirs(value: Any, device: torch.device) -> Any:
    """A device in a call on stand-ins, as they have it: where it is theirs, that is meta."""
    if isinstance(value, str):
        if value.partition(":")[0] != device.type:
            return value
        value = torch.device(value)
    if not isinstance(value, torch.device) or value.type != device.type:
        return value
    return META if value.index in (None, device.index) else value


def _dtype(value: Any, device: torch.device) -> Any:
    """A type such as `torch.FloatTensor`, or its name, as the dtype, where it is of this device."""
    if isinstance(value, type):
        value = f"{value.__module__}.{value.__name__}"
    place = "torch" if device.type == "cpu" else f"torch.{device.type}"
    package, _, name = value.rpartition(".") if isinstance(value, str) else ("", "", "")
    return getattr(torch, name).dtype if package == place and hasattr(torch, name) else value


def to_device(
    func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], device: torch.device
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call on stand-ins, with their own device for the real one."""
    if "device" in kwargs:
        kwargs = {**kwargs, "device": _theirs(kwargs["device"], device)}
    if func is Tensor.type and len(args) > 1:
        args = (args[0], _dtype(args[1], device), *args[2:])
    if func is Tensor.to:
        args = (args[0], *(_theirs(arg, device) for arg in args[1:]))
    return args, kwargs
