"""Formulas of models that ask something of their sizes, on both sides of each question."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
import sympy
import torch.nn.functional as F
from torch import Tensor, nn

import shufflenet_flops as sf
from shufflenet_flops.closed_form.derive import derive
from shufflenet_flops.closed_form.model_formula import ModelFormula
from shufflenet_flops.closed_form.sized import sized_source
from shufflenet_flops.closed_form.writing import PEOPLE, written
from shufflenet_flops.errors import InputError, ModelError
from shufflenet_flops.sources import parse_input
from shufflenet_flops.sources.torch_modules import given as given_modules


class Ways(nn.Module):
    """Two ways, of 4·4 and 9·4·4 a position, and a convolution with stride 2 of 9·4·4."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 4, 3, padding=1)
        self.down = nn.Conv2d(4, 4, 3, 2, 1)


class RestOfFour(Ways):
    def forward(self, x: Tensor) -> Tensor:
        return self.other(x) if x.shape[3] % 4 == 2 else self.one(x)


class PooledAtRest(Ways):
    """What is not counted comes before what is: the rows that count are alike."""

    def forward(self, x: Tensor) -> Tensor:
        return self.one(F.avg_pool2d(x, 2) if x.shape[3] % 4 == 2 else x)


class CroppedAtRest(Ways):
    def forward(self, x: Tensor) -> Tensor:
        return self.one(x[..., :-1] if x.size(3) % 4 == 2 else x)


class RestOfEleven(Ways):
    def forward(self, x: Tensor) -> Tensor:
        return self.other(x) if not (x.shape[2] + 6) % 11 else self.one(x)


class RestInside(Ways):
    """Of the map after the stride, where two widths of eight are one."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.down(x)
        return self.other(x) if x.size(-1) % 4 == 2 else self.one(x)


class TwoRests(Ways):
    def forward(self, x: Tensor) -> Tensor:
        return self.other(x) if x.shape[3] & 3 < 2 else self.one(x)


class BothDivide(Ways):
    """The second question is asked where the first is answered with yes."""

    def forward(self, x: Tensor) -> Tensor:
        both = x.shape[3] % 7 == 0 and x.shape[2] % 7 == 0
        return self.other(x) if both else self.one(x)


class FarBound(Ways):
    def forward(self, x: Tensor) -> Tensor:
        return self.other(x) if x.shape[2] // 2 > 2500 else self.one(x)


class Band(Ways):
    def forward(self, x: Tensor) -> Tensor:
        return self.other(x) if 100 <= x.shape[3] <= 130 else self.one(x)


class OneWidth(Ways):
    def forward(self, x: Tensor) -> Tensor:
        return self.other(x) if x.shape[2:][1] == 300 else self.one(x)


class BoundInside(Ways):
    """Of a map that is a multiple of what no code reads."""

    def forward(self, x: Tensor) -> Tensor:
        x = F.interpolate(self.down(x), scale_factor=2)
        return self.one(F.avg_pool2d(x, 3) if x.shape[2] > 150 else x)


class BoundOfTwoMaps(Ways):
    """One place in the code reads the size of either."""

    def forward(self, x: Tensor) -> Tensor:
        is_small = x.shape[3] % 4 == 2
        x = self.down(x) if is_small else F.interpolate(self.down(self.down(x)), scale_factor=3)
        return self.one(F.max_pool2d(x, 2) if x.shape[2] > 60 else x)


class LargeBatch(Ways):
    def forward(self, x: Tensor) -> Tensor:
        return self.other(x) if x.shape[0] >= 32 else self.one(x)


class BatchOfSeven(Ways):
    def forward(self, x: Tensor) -> Tensor:
        return self.other(x) if x.shape[0] % 7 == 3 else self.one(x)


class Limited(Ways):
    def forward(self, x: Tensor) -> Tensor:
        assert x.shape[2] <= 1024, "too high"
        return self.one(x)


def formula(module: nn.Module) -> ModelFormula:
    source = given_modules.find(module.eval(), [parse_input("1x4x64x64")])
    return derive(sized_source(source), dict.fromkeys("hwn"))


def forms(found: ModelFormula) -> dict[str, str]:
    """By the rules that are not h, w, n ≥ 1."""
    every = ("h ≥ 1", "w ≥ 1", "n ≥ 1")
    return {
        "; ".join(rule for rule in case.domain.texts if rule not in every): written(
            case.expression, PEOPLE
        )
        for case in found.cases
    }


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (RestOfFour, {"w ≡ 2 mod 4, w ≥ 2": "144·h·n·w", "w ≢ 2 mod 4, w ≥ 1": "16·h·n·w"}),
        (
            CroppedAtRest,
            {"w ≡ 2 mod 4, w ≥ 2": "16·h·n·(w - 1)", "w ≢ 2 mod 4, w ≥ 1": "16·h·n·w"},
        ),
        (
            PooledAtRest,
            {"h ≥ 2; w ≡ 2 mod 4, w ≥ 2": "8·n·w·⌊h/2⌋", "w ≢ 2 mod 4, w ≥ 1": "16·h·n·w"},
        ),
        (RestOfEleven, {"h ≡ 5 mod 11, h ≥ 5": "144·h·n·w", "h ≢ 5 mod 11, h ≥ 1": "16·h·n·w"}),
        (
            TwoRests,
            {
                "w ≡ 0 mod 4, w ≥ 4": "144·h·n·w",
                "w ≡ 1 mod 4, w ≥ 1": "144·h·n·w",
                "w ≢ 0 mod 4, w ≢ 1 mod 4, w ≥ 2": "16·h·n·w",
            },
        ),
        (FarBound, {"h ≥ 5002": "144·h·n·w", "1 ≤ h ≤ 5001": "16·h·n·w"}),
        (
            Band,
            {"w ≥ 131": "16·h·n·w", "100 ≤ w ≤ 130": "144·h·n·w", "1 ≤ w ≤ 99": "16·h·n·w"},
        ),
        (OneWidth, {"w ≥ 301": "16·h·n·w", "w = 300": "43,200·h·n", "1 ≤ w ≤ 299": "16·h·n·w"}),
        (LargeBatch, {"n ≥ 32": "144·h·n·w", "1 ≤ n ≤ 31": "16·h·n·w"}),
        (BatchOfSeven, {"n ≡ 3 mod 7, n ≥ 3": "144·h·n·w", "n ≢ 3 mod 7, n ≥ 1": "16·h·n·w"}),
        (Limited, {"1 ≤ h ≤ 1024": "16·h·n·w"}),
    ],
)
def test_a_formula_for_every_answer(kind: type[nn.Module], expected: dict[str, str]) -> None:
    assert forms(formula(kind())) == expected


@pytest.mark.parametrize(
    "kind", [RestInside, BothDivide, PooledAtRest, Band, BoundInside, BoundOfTwoMaps]
)
def test_formula_is_trace_at_every_rest(kind: type[nn.Module]) -> None:
    module, random = kind(), Random(3)
    found = formula(module)

    for w in (*range(40, 56), 97, 98, 130, 131, 300):
        h = random.choice([7, 49, 64, random.randint(2, 300)])
        assert found.value({"h": h, "w": w, "n": 2}) == sf.count(module, (2, 4, h, w)).macs


def test_where_a_model_refuses_sizes_its_formula_does_too() -> None:
    found = formula(Limited())

    with pytest.raises(InputError, match=r"h=1025, .* 1 ≤ h ≤ 1024; .* too high"):
        found.value({"h": 1025, "w": 64, "n": 1})
    with pytest.raises(ModelError, match="too high"):
        sf.count(Limited(), (1, 4, 1025, 64))


def test_where_a_formula_ends_python_s_ends_too() -> None:
    form = sf.formula(Limited(), over="h,w,n", input="1x4x64x64")
    h, w, n = (next(x for x in form.free_symbols if x.name == name) for name in "hwn")

    assert form.subs({h: 1024, w: 3, n: 2}) == 16 * 1024 * 3 * 2
    assert form.subs({h: 1025, w: 3, n: 2}) is sympy.nan


class Keeps(Ways):
    """It remembers the last width, and one by each height."""

    last: Any = 0

    def __init__(self) -> None:
        super().__init__()
        self.widths: dict[int, int] = {}

    def forward(self, x: Tensor) -> Tensor:
        self.last = x.shape[3]
        self.widths[x.shape[2]] = x.shape[3] * 2
        return self.one(x)


def test_no_followed_number_stays_in_a_model() -> None:
    module = Keeps()
    formula(module)

    assert type(module.last) is int
    assert not module.widths


class Unfollowed(Ways):
    """`int` makes a plain number of the fraction."""

    def __init__(self, by: int, rest: int) -> None:
        super().__init__()
        self.by, self.rest = by, rest

    def forward(self, x: Tensor) -> Tensor:
        return self.other(x) if int(x.shape[3] * 1.0) % self.by == self.rest else self.one(x)


@pytest.mark.parametrize(("by", "rest"), [(by, rest) for by in (3, 4) for rest in range(by)])
def test_a_rest_of_a_number_that_is_not_followed(by: int, rest: int) -> None:
    assert forms(formula(Unfollowed(by, rest))) == {
        f"w ≡ {rest} mod {by}, w ≥ {rest or by}": "144·h·n·w",
        f"w ≢ {rest} mod {by}, w ≥ {2 if rest == 1 else 1}": "16·h·n·w",
    }


class Tall(Ways):
    def forward(self, x: Tensor) -> Tensor:
        return self.other(x) if x.shape[2] / x.shape[3] > 20 else self.one(x)


def test_a_question_on_two_sizes_at_once_has_no_range() -> None:
    found = formula(Tall())

    assert list(found.domain.texts)[:2] == ["h = 64", "w = 64"]
    assert "it runs other ops at h=" in found.refused


class Narrow(Ways):
    """Twelve widths, all of them smaller than its own; the second question hangs on the first."""

    def forward(self, x: Tensor) -> Tensor:
        return self.other(x) if x.shape[3] >= 20 and x.shape[3] < 32 else self.one(x)


class FourRests(Ways):
    """Of the map after the stride: where ⌈h/2⌉ leaves 7 or 8 of 10, h leaves 13 to 16 of 20."""

    def forward(self, x: Tensor) -> Tensor:
        x = self.down(x)
        return self.other(x) if x.shape[2] % 10 in (7, 8) else self.one(x)


def test_formula_is_trace_at_all_rests_of_a_map() -> None:
    module = FourRests()
    found = formula(module)

    for h in (2, *range(12, 19), 33, 64, *range(113, 117)):
        expected = sf.count(module, (2, 4, h, 50)).macs
        assert found.value({"h": h, "w": 50, "n": 2}) == expected


def test_no_formula_is_for_smaller_sizes_at_which_it_does_not_hold() -> None:
    """From 32 on it takes one way; how far down the other goes need not be found."""
    module = Narrow()
    found = formula(module)

    for w in (*range(18, 35), 64, 300):
        sizes = {"h": 50, "w": w, "n": 2}
        if w >= 32 or any(sizes in case.domain for case in found.cases):
            assert found.value(sizes) == sf.count(module, (2, 4, 50, w)).macs
