"""What real kernels refuse is refused: no impossible call gets a count."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from shufflenet_flops.errors import ModelError
from shufflenet_flops.trace import trace


class Fixed(nn.Module):
    """A function with tensors that it closes over."""

    def __init__(self, function: Callable[[Tensor], Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Any:
        return self.function(x)


def w(*shape: int) -> Tensor:
    return torch.ones(shape)


REFUSED: dict[str, Callable[[Tensor], Any]] = {
    "conv channels": lambda x: F.conv2d(x, w(4, 5, 3, 3)),
    "conv groups": lambda x: F.conv2d(x, w(4, 2, 3, 3), groups=2),
    "conv groups of the output": lambda x: F.conv2d(x, w(5, 2, 3, 3), groups=3),
    "conv bias": lambda x: F.conv2d(x, w(4, 6, 3, 3), w(5)),
    "conv dtypes": lambda x: F.conv2d(x, w(4, 6, 3, 3).half()),
    "conv of integers": lambda x: F.conv2d(x.long(), w(4, 6, 3, 3)),
    "conv larger than its input": lambda x: F.conv2d(x, w(4, 6, 9, 9)),
    "conv rank": lambda x: F.conv2d(x[0, 0], w(4, 6, 3, 3)),
    "conv stride": lambda x: F.conv2d(x, w(4, 6, 3, 3), stride=0),
    "transposed channels": lambda x: F.conv_transpose2d(x, w(5, 4, 3, 3)),
    "transposed groups": lambda x: F.conv_transpose2d(x, w(6, 4, 3, 3), groups=4),
    "batch norm statistics": lambda x: F.batch_norm(x, w(5), w(5)),
    "batch norm weight": lambda x: F.batch_norm(x, w(6), w(6), w(5), w(5)),
    "batch norm in training": lambda x: F.batch_norm(x, w(5), w(5), training=True),
    "layer norm sizes": lambda x: F.layer_norm(x, (7,)),
    "layer norm weight": lambda x: F.layer_norm(x, (8,), w(7)),
    "layer norm bias": lambda x: F.layer_norm(x, (8,), w(8), w(7)),
    "group norm groups": lambda x: F.group_norm(x, 4),
    "linear": lambda x: F.linear(x, w(5, 7)),
    "linear bias": lambda x: F.linear(x, w(5, 8), w(4)),
    "linear dtypes": lambda x: F.linear(x, w(5, 8).double()),
    "mm sizes": lambda x: torch.mm(w(3, 4), w(5, 6)),
    "mm ranks": lambda x: torch.mm(w(2, 3, 4), w(2, 4, 5)),
    "bmm batches": lambda x: torch.bmm(w(2, 3, 4), w(3, 4, 5)),
    "bmm ranks": lambda x: torch.bmm(w(3, 4), w(4, 5)),
    "matmul": lambda x: x @ w(7, 3),
    "addmm bias": lambda x: torch.addmm(w(7), w(3, 4), w(4, 5)),
    "add": lambda x: x + w(5),
    "add in place": lambda x: x.add_(w(5)),
    "add in place to something smaller": lambda x: x[:, :1].add_(x),
    "cat sizes": lambda x: torch.cat([x, x[:, :, :4]], 1),
    "cat axis": lambda x: torch.cat([x, x], 5),
    "cat ranks": lambda x: torch.cat([x, x[0]], 1),
    "pool larger than its input": lambda x: F.max_pool2d(x, 9),
    "pool padding": lambda x: F.avg_pool2d(x, 2, padding=2),
    "pool stride": lambda x: F.max_pool2d(x, 2, 0),
    "mean axis": lambda x: x.mean(4),
    "mean twice over an axis": lambda x: x.mean((1, 1)),
    "mean of integers": lambda x: x.long().mean(),
    "softmax axis": lambda x: F.softmax(x, 4),
    "softmax of integers": lambda x: torch.softmax(x.long(), 1),
    "activation of integers": lambda x: F.gelu(x.long()),
    "view": lambda x: x.view(5, -1),
    "expand": lambda x: x.expand(3, 6, 8, 8),
    "index": lambda x: x[:, 7],
    "split": lambda x: x.split([1, 2], 1),
    "padding that leaves nothing": lambda x: F.pad(x, (-9, 0)),
    "embedding of floats": lambda x: F.embedding(x, w(3, 4)),
    "attention sizes": lambda x: F.scaled_dot_product_attention(x, w(2, 6, 5, 7), w(2, 6, 5, 7)),
    "attention mask": lambda x: F.scaled_dot_product_attention(x, x, x, attn_mask=w(3, 3)),
    "attention dtypes": lambda x: F.scaled_dot_product_attention(x, x.half(), x.half()),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_torch_refuses_we_refuse(name: str) -> None:
    """Meta kernels are laxer than real ones; our rules are not."""
    x = torch.ones(2, 6, 8, 8)
    with pytest.raises((RuntimeError, IndexError, ValueError)):
        REFUSED[name](x.clone())

    with pytest.raises(ModelError):
        trace(Fixed(REFUSED[name]), x)


def test_a_refusal_names_module_op_and_shapes() -> None:
    """One line, wherever it happens."""
    inner = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Conv2d(5, 4, 1))
    with pytest.raises(ModelError) as caught:
        trace(nn.Sequential(nn.Identity(), inner), torch.ones(1, 3, 8, 8))

    assert str(caught.value) == (
        "the model's forward pass failed in '1.1' at conv2d(1x4x8x8, 4x5x1x1, 4): a convolution "
        "cannot take 1x4x8x8 float32, 4x5x1x1 float32, with groups=1"
    )


def test_an_exception_of_the_models_own() -> None:
    """It is told like any other."""

    def function(x: Tensor) -> Tensor:
        raise KeyError("depth")

    with pytest.raises(ModelError, match=r"failed on \(1x3\): 'depth'"):
        trace(Fixed(function), torch.ones(1, 3))


def about(x: Tensor) -> Tensor:
    """An error from an error."""
    try:
        return x.nothing
    except AttributeError as error:
        raise ValueError(x) from error


@pytest.mark.parametrize(
    "function",
    [lambda x: (x + 1).nothing, lambda x: {}[x + 1], lambda x: about(x + 1)],
    ids=["attribute", "key", "chained"],
)
def test_an_exception_about_a_tensor(function: Callable[[Tensor], Tensor]) -> None:
    """What it holds is not what the model keeps, of which a warning would tell."""
    with pytest.raises(ModelError, match="forward pass failed"):
        trace(Fixed(function), torch.ones(1, 3))


def test_a_wrong_number_of_inputs() -> None:
    """Python's own words."""
    with pytest.raises(ModelError, match="takes 2 positional arguments but 3 were given"):
        trace(nn.ReLU(), torch.ones(1), torch.ones(1))


def test_a_lazy_module_is_named() -> None:
    model = nn.Sequential(nn.ReLU(), nn.LazyConv2d(4, 1))
    with pytest.raises(ModelError, match="'1' is lazy and its weight has no shape yet: run"):
        trace(model, w(1, 3, 8, 8))
