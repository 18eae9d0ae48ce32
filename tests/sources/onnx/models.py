"""Small models of one idea each, to be read as a module and as an exported ONNX file."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

Made = tuple[nn.Module, tuple[Tensor, ...]]


class Of(nn.Module):
    """A function of tensors, as a module."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Any:
        return self.function(*inputs)


class Attention(nn.Module):
    """Self-attention of two heads, by one function or written out."""

    def __init__(self, *, by_hand: bool) -> None:
        super().__init__()
        self.by_hand = by_hand
        self.qkv = nn.Linear(8, 24)
        self.out = nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(x).reshape(2, 5, 3, 2, 4).permute(2, 0, 3, 1, 4).unbind(0)
        if self.by_hand:
            y = torch.softmax(q @ k.transpose(2, 3) * 0.5, dim=-1) @ v
        else:
            y = F.scaled_dot_product_attention(q, k, v)
        return self.out(y.transpose(1, 2).reshape(2, 5, 8))


class Residual(nn.Module):
    """Two convolutions with batch norms, around them a sum."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1), nn.BatchNorm2d(6), nn.ReLU())
        self.second = nn.Sequential(nn.Conv2d(6, 6, 3, padding=1), nn.BatchNorm2d(6))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(x + self.second(self.first(x)))


class SqueezeExcite(nn.Module):
    """A gate per channel."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(6, 2, 1), nn.ReLU(), nn.Conv2d(2, 6, 1), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gate(x)


class First(nn.Module):
    """The first result of a module that returns several."""

    def __init__(self, inner: nn.Module, times: int = 1) -> None:
        super().__init__()
        self.inner = inner
        self.times = times

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = self.inner(*[x] * self.times)[0]
        return result


def _shuffle(x: Tensor) -> Tensor:
    return x.view(2, 2, 3, 8, 8).transpose(1, 2).flatten(1, 2)


image, tokens, vectors = (2, 6, 8, 8), (2, 5, 8), (4, 8)


def _on(shape: tuple[int, ...], module: nn.Module | Callable[..., Any], inputs: int = 1) -> Made:
    torch.manual_seed(0)
    made = module if isinstance(module, nn.Module) else Of(module)
    for tensor in (*made.parameters(), *made.buffers()):
        if tensor.is_floating_point():  # an exporter merges weights that are equal
            tensor.data.uniform_(0.5, 1.5)
    return made.eval(), tuple(torch.rand(shape) + 0.5 for _ in range(inputs))


def models() -> dict[str, Made]:
    """Fresh models by name, each with its inputs."""
    activations = {
        name: _on(image, module)
        for name, module in {
            "relu": nn.ReLU(), "relu6": nn.ReLU6(), "leaky relu": nn.LeakyReLU(),
            "prelu": nn.PReLU(6), "elu": nn.ELU(), "selu": nn.SELU(), "celu": nn.CELU(),
            "gelu": nn.GELU(), "silu": nn.SiLU(), "mish": nn.Mish(), "sigmoid": nn.Sigmoid(),
            "tanh": nn.Tanh(), "hardswish": nn.Hardswish(), "hardsigmoid": nn.Hardsigmoid(),
            "hardtanh": nn.Hardtanh(), "softplus": nn.Softplus(), "softsign": nn.Softsign(),
            "softmax": nn.Softmax(1), "log softmax": nn.LogSoftmax(1), "glu": nn.GLU(1),
        }.items()
    }  # fmt: skip
    layers = {
        name: _on(image, module)
        for name, module in {
            "convolution": nn.Conv2d(6, 4, 3),
            "convolution without bias": nn.Conv2d(6, 4, 3, stride=2, bias=False),
            "grouped convolution": nn.Conv2d(6, 4, 3, groups=2, padding=1),
            "depthwise convolution": nn.Conv2d(6, 6, 3, groups=6, dilation=2),
            "transposed convolution": nn.ConvTranspose2d(6, 4, 3, stride=2),
            "max pool": nn.MaxPool2d(3, 2, 1),
            "max pool rounded up": nn.MaxPool2d(3, 2, ceil_mode=True),
            "average pool": nn.AvgPool2d(2),
            "average pool rounded up": nn.AvgPool2d(3, 2, ceil_mode=True),
            "global pool": nn.AdaptiveAvgPool2d(1),
            "adaptive pool": nn.AdaptiveAvgPool2d(2),
            "adaptive max pool": nn.AdaptiveMaxPool2d(1),
            "batch norm": nn.BatchNorm2d(6),
            "group norm": nn.GroupNorm(2, 6),
            "instance norm": nn.InstanceNorm2d(6),
            "zero padding": nn.ZeroPad2d(1),
            "reflection padding": nn.ReflectionPad2d(1),
            "nearest interpolation": nn.Upsample(scale_factor=2),
            "bilinear interpolation": nn.Upsample(scale_factor=2, mode="bilinear"),
            "pixel shuffle": nn.Sequential(nn.Conv2d(6, 4, 1), nn.PixelShuffle(2)),
            "dropout": nn.Dropout(),
            "flatten": nn.Sequential(nn.Flatten(), nn.Linear(384, 3)),
            "residual": Residual(),
            "squeeze and excite": SqueezeExcite(),
        }.items()
    }
    on_tokens = {
        name: _on(tokens, module)
        for name, module in {
            "linear of tokens": nn.Linear(8, 3),
            "layer norm": nn.LayerNorm(8),
            "convolution in one axis": nn.Sequential(Of(lambda x: x.transpose(1, 2)),
                                                     nn.Conv1d(8, 4, 3)),
            "attention": Attention(by_hand=False),
            "attention by hand": Attention(by_hand=True),
            "multi-head attention": First(nn.MultiheadAttention(8, 2, batch_first=True), 3),
            "lstm": First(nn.LSTM(8, 3, batch_first=True)),
            "gru": First(nn.GRU(8, 3, batch_first=True)),
        }.items()
    }  # fmt: skip
    functions = {
        name: _on(image, function)
        for name, function in {
            "sum with a number": lambda x: x + 1,
            "difference": lambda x: x - 2,
            "difference from a number": lambda x: 1 - x,
            "product with a number": lambda x: 2 * x,
            "quotient": lambda x: x / 3,
            "power": lambda x: x.pow(3),
            "square root": lambda x: x.sqrt(),
            "exponential": lambda x: x.exp(),
            "absolute value": lambda x: x.abs(),
            "clamp": lambda x: x.clamp(0.2, 0.9),
            "where": lambda x: torch.where(x > 1, x, -x),
            "slice": lambda x: x[:, 1:4] * 2,
            "slice with a step": lambda x: x[:, :, ::2].reshape(2, -1),
            "split": lambda x: torch.relu(x.split([2, 4], 1)[1]),
            "chunk": lambda x: torch.sigmoid(x.chunk(3, 1)[0]),
            "transpose": lambda x: torch.relu(x.transpose(1, 2)),
            "permute": lambda x: torch.relu(x.permute(0, 2, 3, 1)),
            "permute and flatten": lambda x: x.permute(0, 2, 3, 1).flatten(1),
            "shuffle": _shuffle,
            "concatenation": lambda x: torch.cat([x, x + 1], 1),
            "stack": lambda x: torch.stack([x, x + 1], 1),
            "repeat": lambda x: x.repeat(1, 2, 1, 1),
            "expand": lambda x: x[:, :1].expand(2, 6, 8, 8) * 2,
            "mean": lambda x: x.mean((2, 3)),
            "sum over an axis": lambda x: x.sum(1),
            "maximum": lambda x: x.amax((2, 3)),
            "variance": lambda x: x.var((2, 3)),
            "argmax": lambda x: x.argmax(1),
            "cumulative sum": lambda x: x.cumsum(1),
            "cast": lambda x: x.to(torch.float64),
        }.items()
    }
    indices = torch.zeros(2, 3, dtype=torch.int64)
    return {
        **layers,
        **activations,
        **on_tokens,
        **functions,
        "linear": _on(vectors, nn.Linear(8, 3)),
        "linear without bias": _on(vectors, nn.Linear(8, 3, bias=False)),
        "sum": _on(image, torch.add, inputs=2),
        "difference of tensors": _on(image, torch.sub, inputs=2),
        "product": _on(image, torch.mul, inputs=2),
        "quotient of tensors": _on(image, torch.div, inputs=2),
        "larger of two": _on(image, torch.maximum, inputs=2),
        "matrix product": _on((4, 4), torch.mm, inputs=2),
        "batched product": _on((3, 4, 4), torch.bmm, inputs=2),
        "product of many axes": _on((2, 3, 4, 4), torch.matmul, inputs=2),
        "embedding": (nn.Embedding(10, 4).eval(), (indices,)),
        "gather": (Of(lambda x, i: x.gather(0, i)).eval(), (torch.rand(2, 3), indices)),
    }
