"""torchvision's own operators, by the schemas that its library declares."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor, nn

from shufflenet_flops.counting import Kind
from shufflenet_flops.spec import OpClass
from shufflenet_flops.trace import trace
from tests.support import torchvision_ops


@pytest.fixture(scope="module", autouse=True)
def declared() -> Iterator[None]:
    """With the results of both on the meta device, where torchvision's own library is not there."""
    torchvision_ops.declare()
    library = torch.library.Library("torchvision", "FRAGMENT")
    if not hasattr(torch.ops.torchvision, "deform_conv2d"):
        library.define(
            "deform_conv2d(Tensor input, Tensor weight, Tensor offset, Tensor mask, Tensor bias, "
            "int stride_h, int stride_w, int pad_h, int pad_w, int dilation_h, int dilation_w, "
            "int groups, int offset_groups, bool use_mask) -> Tensor"
        )
        library.impl("deform_conv2d", _deformed, "Meta")
        library.define(
            "roi_align(Tensor input, Tensor rois, float spatial_scale, int pooled_height, "
            "int pooled_width, int sampling_ratio, bool aligned) -> Tensor"
        )
        library.impl("roi_align", _aligned, "Meta")
    yield
    library._destroy()


def _deformed(x: Tensor, weight: Tensor, offset: Tensor, *rest: object) -> Tensor:
    return x.new_empty((x.shape[0], weight.shape[0], *offset.shape[-2:]))


def _aligned(x: Tensor, rois: Tensor, scale: float, h: int, w: int, *rest: object) -> Tensor:
    return x.new_empty((rois.shape[0], x.shape[1], h, w))


class Deformed(nn.Module):
    """A deformable convolution of 3 x 3 in two groups."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4, 3, 3, 3))

    def forward(self, x: Tensor) -> Tensor:
        offset, mask = x.new_zeros(2, 18, 8, 8), x.new_zeros(2, 9, 8, 8)
        call = torch.ops.torchvision.deform_conv2d
        y: Tensor = call(
            x, self.weight, offset, mask, x.new_zeros(4), 1, 1, 1, 1, 1, 1, 2, 1, False
        )
        return y


class Cropped(nn.Module):
    """Five boxes of 7 x 7 cells, each of 2 x 2 samples."""

    def forward(self, x: Tensor) -> Tensor:
        boxes = x.new_zeros(5, 5)
        y: Tensor = torch.ops.torchvision.roi_align(x, boxes, 1.0, 7, 7, 2, True)
        return y


def test_a_deformable_convolution_multiplies_as_any_other() -> None:
    """4 outputs of 3 inputs each in every group, at 128 places of 9; 6 channels interpolated."""
    traced = trace(Deformed(), torch.ones(2, 6, 8, 8))
    row = next(row for row in traced.table.rows if row.macs)

    assert traced.unknown_ops == {}
    assert (row.op, row.kind, row.groups) == ("deform_conv2d", Kind.GROUPED_CONV, 2)
    assert traced.table.macs == 2 * 64 * 4 * 3 * 9
    assert traced.table.counts[OpClass.INTERPOLATED_ELEMENTS] == 2 * 64 * 9 * 6
    assert traced.params == 4 * 3 * 9


def test_regions_are_interpolated() -> None:
    """Every cell of every channel of every box, at each of its samples."""
    traced = trace(Cropped(), torch.ones(2, 6, 8, 8))

    assert traced.unknown_ops == {}
    assert traced.table.counts[OpClass.INTERPOLATED_ELEMENTS] == 5 * 6 * 49 * 4
