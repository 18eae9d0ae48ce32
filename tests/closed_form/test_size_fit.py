"""The largest input within a budget is what a scan of all sizes finds."""

from __future__ import annotations

from fractions import Fraction

import pytest
from torch import Tensor, nn

import shufflenet_flops as sf
from shufflenet_flops.closed_form.derive import derive_all
from shufflenet_flops.closed_form.size_fit import SizeFit, size_fit
from shufflenet_flops.closed_form.sized import sized, sized_source
from shufflenet_flops.counting.metric import MetricName
from shufflenet_flops.errors import InputError
from shufflenet_flops.sources import Options, parse_input
from shufflenet_flops.sources.torch_modules import given
from tests.closed_form import nets


def fit(names: str, budgets: dict[MetricName, int], aspect: Fraction | None = None) -> SizeFit:
    source = given.find(nets.Strided().eval(), [parse_input("1x3x224x224")])
    formulas = derive_all(sized_source(source), dict.fromkeys(names), list(budgets))
    return size_fit(formulas, names, dict(budgets), formulas[0].own, aspect)


def test_the_largest_square() -> None:
    """Every square up to 40 is traced; 1.3 million MACs lie between two of them."""
    macs = {size: sf.count(nets.Strided(), (1, 3, size, size)).macs for size in range(3, 41)}
    largest = max(size for size, count in macs.items() if count <= 1_300_000)

    found = fit("hw", {"macs": 1_300_000})

    assert found.best.sizes == {"h": largest, "w": largest}
    assert found.best.metrics == {"macs": macs[largest]}
    assert found.next_larger.metrics == {"macs": macs[largest + 1]}
    assert macs[largest] <= 1_300_000 < macs[largest + 1]


def test_two_budgets_and_an_aspect() -> None:
    """Memory is what ends the search; width is twice the height."""
    found = fit("hw", {"macs": 10**12, "memory_bytes": 2_000_000}, Fraction(2))

    (h, w) = found.best.sizes.values()
    assert w == 2 * h
    assert sf.count(nets.Strided(), (1, 3, h, w)).memory_bytes <= 2_000_000
    assert sf.count(nets.Strided(), (1, 3, h + 1, w + 2)).memory_bytes > 2_000_000


def test_a_budget_that_no_size_keeps_or_breaks() -> None:
    with pytest.raises(InputError, match=r"no size of Strided fits: h=3 has macs 2,315,584"):
        fit("h", {"macs": 100})
    with pytest.raises(InputError, match="stays within the budget at every size up to h=16,777,2"):
        fit("h", {"params": 100_000})


def test_a_network_that_refuses_the_smallest_sizes_is_fitted_below_its_own() -> None:
    """ResNet-18 halves five times, and the zoo's takes no map that these leave nothing of."""
    (found,) = derive_all(sized("resnet18", Options()), dict.fromkeys("hw"), ["macs"])

    assert list(found.domain.texts) == ["h ≥ 32", "w ≥ 32"]
    fit = size_fit([found], ["h", "w"], {"macs": 10**9}, {"h": 224, "w": 224})
    assert fit.best.sizes == {"h": 160, "w": 160}
    assert fit.best.metrics["macs"] == sf.count("resnet18", input=(1, 3, 160, 160)).macs


class Fourth(nn.Module):
    """Another convolution where 4 leaves 2 of the width: it has nine times as many MACs."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.other(x) if x.shape[3] % 4 == 2 else self.one(x)


def test_a_size_that_is_over_does_not_end_the_search_where_larger_ones_are_not() -> None:
    """16·h·w up to 100,000: 76·76 squares are 92,416 and 77·77 are 94,864; of 78, 9 times 97,344.

    79·79 squares are 99,856, and 80·80 are 102,400.
    """
    source = given.find(Fourth().eval(), [parse_input("1x4x64x64")])
    formulas = derive_all(sized_source(source), dict.fromkeys("hw"), ["macs"])

    found = size_fit(formulas, "hw", {"macs": 100_000}, formulas[0].own)

    assert found.best.sizes == {"h": 79, "w": 79}
    assert found.next_larger.metrics == {"macs": 102_400}
