"""Modules on the meta device: the same as with values, without the work of setting them."""

from __future__ import annotations

import torch
from torch import nn

from shufflenet_flops.sources.torch_modules.unfilled import on_meta_unfilled


class Filled(nn.Module):
    """Its weights are truncated normal, scaled by a tensor and set to one."""

    def __init__(self) -> None:
        super().__init__()
        self.scaled = nn.Linear(4, 3)
        nn.init.trunc_normal_(self.scaled.weight, std=0.02)
        self.ones = nn.Parameter(torch.empty(5))
        nn.init.ones_(self.ones)
        self.register_buffer("table", torch.arange(3) * torch.ones(2, 3).mul_(torch.ones(3)))


def test_it_has_the_same_tensors() -> None:
    with on_meta_unfilled():
        module = Filled()
    real = Filled()

    assert {name: tensor.shape for name, tensor in module.state_dict().items()} == {
        name: tensor.shape for name, tensor in real.state_dict().items()
    }
    assert all(tensor.is_meta for tensor in module.state_dict().values())


def test_tensors_with_values_are_set() -> None:
    """As those that a model makes on the CPU for itself."""
    with on_meta_unfilled():
        steps = torch.zeros(3, device="cpu").add_(2).mul_(torch.tensor(3.0, device="cpu"))

    assert steps.tolist() == [6, 6, 6]
    assert torch.empty(2).fill_(1).tolist() == [1, 1]


def test_no_op_is_run_for_a_weight_without_values() -> None:
    ran = []

    class Watch(torch.utils._python_dispatch.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]  # torch's own signature
            ran.append(str(func))
            return func(*args, **(kwargs or {}))

    with Watch(), on_meta_unfilled():
        nn.init.trunc_normal_(torch.empty(4, 4))
    assert ran == ["aten.empty.memory_format"]
