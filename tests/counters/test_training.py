"""torch's counter over a training step: predicted pass by pass, and each miscount by hand."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from shufflenet_flops.counters.training import StepReport, explain_step
from shufflenet_flops.counting.trained import ALL, Trained
from shufflenet_flops.trace import trace
from tests.trace.test_step import CASES, Net, layer, x


def explained(model: nn.Module, *inputs: Any, trained: Trained = ALL) -> StepReport:
    traced = trace(model, *inputs, training=True, step=trained)
    report = explain_step(model, inputs, trained, traced, limit_s=60)

    assert (report.status, report.reason) == ("ok", "")
    assert [passed.residual for passed in report.passes.values()] == [0, 0]
    assert sum(passed.reported for passed in report.passes.values()) == report.reported
    return report


def backward(report: StepReport) -> dict[str, int]:
    return dict(report.passes["backward"].terms)


@pytest.mark.parametrize("name", CASES)
def test_both_passes_of_any_step_are_explained(name: str) -> None:
    model, inputs, _ = CASES[name]
    explained(model, *inputs)


def test_grouped_convolutions_count_once_for_each_group_in_the_gradient_of_the_weight() -> None:
    """Of 4 groups: 16 positions of 4 outputs of 1 input and 9 weights; backward is 1 + g."""
    net = nn.Conv2d(4, 4, 3, padding=1, groups=4)
    macs = 16 * 4 * 9
    report = explained(net, x(1, 4, 4, 4).requires_grad_())

    assert report.passes["forward"].reported == 2 * macs
    assert report.passes["backward"].reported == (1 + 4) * 2 * macs
    assert backward(report) == {
        "weight_gradients": 2 * macs,
        "input_gradients": 2 * macs,
        "forgotten_groups": 3 * 2 * macs,
    }
    (miscount,) = report.miscounts
    assert (miscount.macs, miscount.paths) == (3 * macs, ("",))
    assert "forgets the groups" in miscount.reason


def test_frozen_weights_have_no_gradient_whose_groups_could_be_forgotten() -> None:
    net = nn.Sequential(nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 1, groups=2))
    report = explained(net, x(1, 4, 3, 3), trained=Trained(freeze=("1.weight",)))

    # 9 positions: the first weight of 16, and the gradient that comes to it through 8.
    assert backward(report) == {"weight_gradients": 2 * 9 * 16, "input_gradients": 2 * 9 * 8}
    assert report.miscounts == ()


def test_attention_is_seen_where_dropout_keeps_torch_from_fusing_it() -> None:
    """5 queries, keys and values in 2 heads of 4: 200 MACs a product, and two gradients of each."""

    class Dropped(nn.Module):
        def __init__(self, share: float) -> None:
            super().__init__()
            self.share, self.a = share, layer()

        def forward(self, q: Tensor) -> Tensor:
            q = self.a(q)
            y: Tensor = F.scaled_dot_product_attention(q, q, q, dropout_p=self.share)
            return y

    fused, written = (explained(Dropped(share), x(1, 2, 5, 4)) for share in (0.0, 0.1))

    assert "matmul_macs" not in fused.passes["forward"].terms
    assert written.passes["forward"].terms["matmul_macs"] == 2 * 400
    more = written.passes["backward"].reported - fused.passes["backward"].reported
    assert more == 2 * 2 * 400
    assert [miscount.macs for miscount in fused.miscounts] == [-400, -2 * 400]
    assert written.miscounts == ()


def test_a_layer_of_a_transformer_in_training_has_dropout() -> None:
    net = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.1, batch_first=True)

    assert explained(net, x(2, 5, 16)).miscounts == ()


def test_what_a_checkpoint_runs_again_is_counted_again() -> None:
    """In groups, too: only the gradient of a weight forgets them."""

    def run(net: Any, x: Tensor) -> Any:
        return checkpoint(net.b, net.a(x), use_reentrant=True)

    net = Net(run, a=nn.Conv2d(4, 4, 1), b=nn.Sequential(nn.Conv2d(4, 4, 1, groups=2), nn.Tanh()))
    report = explained(net, x(1, 4, 3, 3))

    assert backward(report)["recomputed"] == 2 * 9 * 8
    assert backward(report)["forgotten_groups"] == 2 * 9 * 8


def test_a_step_that_fails_on_real_values_is_unavailable() -> None:
    """As for an index that shapes do not tell; the model is as it was."""
    net, index = nn.Sequential(nn.Embedding(3, 4), layer()).eval(), torch.tensor([3])
    traced = trace(net, index, training=True, step=ALL)
    report = explain_step(net, (index,), ALL, traced, limit_s=60)

    assert report.status == "unavailable"
    assert report.reason == "IndexError: index out of range in self"
    assert report.passes == {}
    assert all(param.requires_grad and param.grad is None for param in net.parameters())
    assert not net.training
    assert torch.is_grad_enabled()
