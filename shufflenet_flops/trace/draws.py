"""Random numbers that a trace draws: from generators of its own, never from the process's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from shufflenet_flops.trace.torch_private import arguments_of


class Draws:
    """Runs ops, those that draw random numbers with a generator that is the trace's own.

    It starts from the seed of the process (`torch.manual_seed`), so that a trace draws the same
    numbers each time, and other threads' numbers go on as if there were no trace.
    """

    def __init__(self) -> None:
        self.seed = torch.initial_seed()
        self.drew = False
        self._own: dict[str, torch.Generator] = {}

    def run(self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        """The op's result on real tensors."""
        if torch.Tag.nondeterministic_seeded not in func.tags or kwargs.get("generator"):
            return func(*args, **kwargs)
        self.drew = True
        own = self.generator(_device(args, kwargs))
        taking = _taking_generator(func)
        if taking is not None:
            return taking(*args, **{**kwargs, "generator": own})
        if own.device.type != "cpu":
            return func(*args, **kwargs)
        before = torch.get_rng_state()
        torch.set_rng_state(own.get_state())
        try:
            return func(*args, **kwargs)
        finally:
            own.set_state(torch.get_rng_state())
            torch.set_rng_state(before)

    def generator(self, device: torch.device) -> torch.Generator:
        """The trace's own for a device."""
        key = str(device)
        if key not in self._own:
            self._own[key] = torch.Generator(device).manual_seed(self.seed)
        return self._own[key]


def _device(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> torch.device:
    for value in args:
        if isinstance(value, Tensor):
            return value.device
    return torch.device(kwargs.get("device") or "cpu")


def _taking_generator(func: Any) -> Any:
    """The overload of a drawing op that takes a generator; None where there is none."""
    if any(name == "generator" for name, _ in arguments_of(func)):
        return func
    overload = str(func).rpartition(".")[2]
    name = "generator" if overload == "default" else f"{overload}_generator"
    return getattr(func.overloadpacket, name, None)
