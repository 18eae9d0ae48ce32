"""Memory access is linear in the batch: what depends on it, plus the weights once."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from shufflenet_flops.trace import trace
from tests.support import torchvision_ops

EVERY = 5  # of all of timm's models, by name: more than 200 families and sizes


def bytes_at(model: nn.Module, size: tuple[int, ...], batch: int) -> int:
    x = torch.empty(batch, *size, device="meta")
    return trace(model, x).table.memory_bytes


# Models whose work is not linear in the batch, with the reason.
NOT_LINEAR = {
    "csatv2": "attention between the images of a batch: its scores grow with the batch's square",
    "twins_": "a convolution on tokens gives several images back with their channels last, "
    "and one in the usual order, which is copied when it becomes tokens again",
}


def check_linear(name: str) -> None:
    """It grows by the same for each image, by less than what one image moves with the weights.

    What depends on no image, such as weights and tables of positions, is moved once.
    """
    torchvision_ops.declare()
    timm = pytest.importorskip("timm")
    with torch.device("meta"):
        model = timm.create_model(name, pretrained=False)
    size = model.default_cfg["input_size"]
    one, two, eight = (bytes_at(model, size, batch) for batch in (1, 2, 8))
    assert eight - two == 6 * (two - one)
    assert 0 < two - one < one


# Of each family one in whose layers torch takes other kernels, or other copies, from batch 2 on.
@pytest.mark.parametrize(
    "name",
    """
    botnet26t_256 cait_xxs24_224 convit_tiny crossvit_9_240 davit_tiny efficientformer_l1
    mobilevit_xxs mvitv2_tiny resnet18 samvit_base_patch16_224 sequencer2d_s shvit_s1
    volo_d1_224 xcit_nano_12_p16_224
    """.split(),
)
def test_memory_access_is_linear_in_the_batch(name: str) -> None:
    check_linear(name)


class Through(nn.Module):
    """A function as a module, with a weight of so many axes."""

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor], *sizes: int) -> None:
        super().__init__()
        self.function = function
        self.weight = nn.Parameter(torch.empty(sizes))

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x, self.weight)


HEADS = (4, 10, 16)  # heads, tokens, width, after the batch


@pytest.mark.parametrize(
    "function",
    [
        lambda x, weight: x.transpose(1, 2).contiguous().transpose(1, 2) @ weight,
        lambda x, weight: torch.einsum("bhnd,hde->bnhe", x, weight),
        lambda x, weight: torch.matmul(x.flip(0).transpose(0, 1), weight[:, None]),
    ],
    ids=["matmul", "einsum", "heads first"],
)
@pytest.mark.parametrize("ask", [False, True], ids=["by shapes", "by values"])
def test_a_product_reads_its_weight_once(
    function: Callable[[Tensor, Tensor], Tensor], ask: bool
) -> None:
    """For each head a matrix of 16 by 8, however often torch copies it for its kernel.

    By hand, in bytes of floats: each of the tokens of an image and head has 16 numbers that are
    read and 8 that are written.
    """

    def asking(x: Tensor, weight: Tensor) -> Tensor:
        assert not ask or x.sum().item() == 0
        return function(x, weight)

    for batch in (1, 2, 8):
        traced = trace(Through(asking, 4, 16, 8), torch.zeros(batch, *HEADS))
        (product,) = (row for row in traced.table.rows if row.macs)
        assert traced.real_forward == ask
        assert product.op == "linear"
        assert product.params == 4 * 16 * 8
        assert product.macs == batch * 4 * 10 * 16 * 8
        assert product.read_bytes == 4 * (batch * 4 * 10 * 16 + 4 * 16 * 8)
        assert product.write_bytes == 4 * batch * 4 * 10 * 8


@pytest.mark.parametrize("ask", [False, True], ids=["by shapes", "by values"])
def test_a_change_of_shape_is_a_copy_where_one_image_needs_it(ask: bool) -> None:
    """Heads that are brought before tokens are one axis for one image; channels are shuffled."""

    def rows(function: Callable[[Tensor], Tensor], batch: int) -> list[int]:
        def asking(x: Tensor, weight: Tensor) -> Tensor:
            assert not ask or x.sum().item() == 0
            return function(x)

        traced = trace(Through(asking, 1), torch.zeros(batch, *HEADS))
        return [row.memory_bytes for row in traced.table.rows if row.op == "clone"]

    elements = 4 * 10 * 16
    for batch in (1, 2, 4, 8):
        assert rows(lambda x: x.transpose(1, 2).reshape(-1, 4, 16), batch) == []
        assert (
            rows(lambda x: x[None].expand(3, -1, -1, -1, -1)[:, :, :2].flatten(1, 2), batch) == []
        )
        assert rows(lambda x: x.transpose(1, 2)[:, :, :2].contiguous(), batch) == [
            2 * 4 * batch * elements // 2
        ]
        assert rows(lambda x: x.transpose(1, 2).flatten(start_dim=1), batch) == [
            2 * 4 * batch * elements
        ]
        assert rows(lambda x: x.clone(), batch) == [2 * 4 * batch * elements]


def test_attention_reads_its_weights_once() -> None:
    """nn.MultiheadAttention(768, 12) on 1, 2 and 8 sequences of 197 tokens, by hand.

    Bytes of floats: the product for queries, keys and values reads tokens, weight and bias and
    writes three times the tokens; attention reads these and writes tokens; the last layer reads
    tokens, weight and bias and writes tokens.
    """
    layer = nn.MultiheadAttention(768, 12, batch_first=True)

    class Own(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            y: torch.Tensor = self.layer(x, x, x, need_weights=False)[0]
            return y

    def rows(batch: int) -> dict[str, int]:
        traced = trace(Own(), torch.empty(batch, 197, 768, device="meta"))
        return {
            f"{i} {row.op}": row.memory_bytes for i, row in enumerate(traced.table.rows) if row.macs
        }

    tokens, weight = 197 * 768, 768 * 768
    for batch in (1, 2, 8):
        n = batch * tokens
        projected, attended, merged = rows(batch).values()
        assert projected == 4 * (n + 3 * weight + 3 * 768 + 3 * n)
        assert attended == 4 * (3 * n + n)
        assert merged == 4 * (n + weight + 768 + n)


@pytest.mark.slow
def test_memory_access_of_200_models_is_linear_in_the_batch() -> None:
    """Of all of timm, every so many by name; what is not says why."""
    torchvision_ops.declare()
    timm = pytest.importorskip("timm")
    names = [name for name in timm.list_models()[::EVERY] if not name.startswith(tuple(NOT_LINEAR))]
    assert len(names) >= 200
    wrong = []
    for name in names:
        try:
            check_linear(name)
        except AssertionError as error:
            wrong.append(f"{name}: {str(error).splitlines()[0]}")
    assert wrong == []
