"""The largest input within a budget is what a scan of all sizes finds."""

from __future__ import annotations

from fractions import Fraction

import pytest

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
