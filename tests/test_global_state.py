"""What is global stays as it was, whatever a model's forward pass does to it."""

from __future__ import annotations

import random
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from shufflenet_flops.budget.check import check
from shufflenet_flops.comparison import compare, prepare
from shufflenet_flops.counters.explain import explain
from shufflenet_flops.sources import Options, parse_input, resolve
from shufflenet_flops.trace import trace

X = torch.ones(2, 8)


def change_all() -> None:
    """Every setting to another value than the one that it has in a test."""
    torch.set_default_dtype(torch.float64)
    torch.set_grad_enabled(not torch.is_grad_enabled())
    torch.set_num_threads(torch.get_num_threads() + 1)
    torch.set_float32_matmul_precision("medium")
    torch.use_deterministic_algorithms(True)
    torch.set_autocast_enabled("cpu", True)
    torch.set_autocast_dtype("cpu", torch.float16)
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.deterministic = True
    torch.manual_seed(1234)
    random.seed(1234)
    np.random.seed(1234)
    warnings.simplefilter("ignore")
    sys.path.append("/nowhere")


class Changing(nn.Module):
    """Changes all that is global once it has worked; `asks` tells whether it asks for values."""

    def __init__(self, asks: bool = False) -> None:
        super().__init__()
        self.layer = nn.Linear(8, 8)
        self.asks = asks

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layer(x)
        if self.asks and y.sum() > 1e9:
            return x
        change_all()
        return y


def state() -> dict[str, Any]:
    numpy_state: Any = np.random.get_state()
    return {
        "dtype": torch.get_default_dtype(),
        "grad": torch.is_grad_enabled(),
        "threads": torch.get_num_threads(),
        "precision": torch.get_float32_matmul_precision(),
        "deterministic": torch.get_deterministic_debug_mode(),
        "autocast": (torch.is_autocast_enabled("cpu"), torch.get_autocast_dtype("cpu")),
        "cudnn": (torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic),
        "torch's seed": torch.initial_seed(),
        "torch's numbers": torch.get_rng_state().tolist(),
        "Python's numbers": random.getstate(),
        "NumPy's numbers": (numpy_state[1].tolist(), *numpy_state[2:]),
        "warnings": list(warnings.filters),
        "path": list(sys.path),
        "attention": torch.backends.mha.get_fastpath_enabled(),
        "functions": [torch.matmul, nn.functional.relu, nn.functional.linear, Tensor.__add__],
    }


def source(asks: bool) -> Any:
    options = Options((parse_input("2x8"),), {"asks": asks}, (), None)
    return resolve(f"{__name__}:Changing", options)


def checked(asks: bool, folder: Path) -> Any:
    config = folder / "flop-budget.toml"
    config.write_text(
        f'schema = 1\n[[budget]]\nmodel = "{__name__}:Changing"\ninput = [2, 8]\n'
        f'args = {{ asks = {str(asks).lower()} }}\nmacs = "1 k"\n'
    )
    return check(config)


def made(command: str, asks: bool, folder: Path) -> Callable[[], Any]:
    """The call of a command, once what it is given is made."""
    model = Changing(asks)
    prepared = prepare(source(asks))
    return {
        "trace": lambda: trace(model, X),
        "explain": lambda: explain("changing", model, [X]),
        "count": lambda: source(asks).counted,
        "compare": lambda: compare(prepared),
        "check": lambda: checked(asks, folder),
    }[command]


@pytest.mark.parametrize("asks", [False, True])
@pytest.mark.parametrize("command", ["trace", "explain", "count", "compare", "check"])
def test_what_is_global_is_as_it_was(command: str, asks: bool, tmp_path: Path) -> None:
    """Each setting; a command that builds a model draws its weights, and no more."""
    call = made(command, asks, tmp_path)
    np.random.seed(0)
    before = state()
    call()
    after = state()

    if command in ("count", "check"):
        del before["torch's numbers"], after["torch's numbers"]
    assert after == before


def test_the_changes_are_changes() -> None:
    """Else the test above takes nothing for something."""
    np.random.seed(0)
    before = state()
    filters, path = list(warnings.filters), list(sys.path)
    try:
        change_all()
        after = state()
        same = {name for name in before if before[name] == after[name]}
        assert same == {"attention", "functions"}, same
    finally:
        torch.set_default_dtype(before["dtype"])
        torch.set_grad_enabled(before["grad"])
        torch.set_num_threads(before["threads"])
        torch.set_float32_matmul_precision(before["precision"])
        torch.set_deterministic_debug_mode(before["deterministic"])
        torch.set_autocast_enabled("cpu", before["autocast"][0])
        torch.set_autocast_dtype("cpu", before["autocast"][1])
        torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = before["cudnn"]
        warnings.filters[:] = filters  # type: ignore[index] # a list, as everywhere
        sys.path[:] = path
