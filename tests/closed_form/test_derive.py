"""Formulas of small networks, by hand; and formula = trace at random sizes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

import shufflenet_flops as sf
from shufflenet_flops import zoo
from shufflenet_flops.build import build
from shufflenet_flops.closed_form.derive import check, derive
from shufflenet_flops.closed_form.domain import Range
from shufflenet_flops.closed_form.model_formula import ModelFormula
from shufflenet_flops.closed_form.samples import MOST_TRACES
from shufflenet_flops.closed_form.sized import SizedModel, sized, sized_source
from shufflenet_flops.closed_form.writing import PEOPLE, divided, total_stride, written
from shufflenet_flops.counting.metric import FORMED, MetricName, find_metric
from shufflenet_flops.errors import InputError, ModelError
from shufflenet_flops.sources import Options, parse_input
from shufflenet_flops.sources.torch_modules import given as given_modules
from tests.closed_form import nets

NETS = Path(nets.__file__)


def of_module(module: nn.Module, text: str = "1x3x224x224") -> SizedModel:
    return sized_source(given_modules.find(module.eval(), [parse_input(text)]))


def formula(chosen: SizedModel, names: str, metric: MetricName = "macs") -> ModelFormula:
    return derive(chosen, dict.fromkeys(names.split(",")), metric)


def text(found: ModelFormula) -> str:
    return written(found.expression, PEOPLE)


def test_strides_round_as_they_do() -> None:
    """32·27 and 32·32·9 for each position of ⌈h/2⌉x⌈w/2⌉, and 32·32 after the pool.

    A pool of 3 with stride 2 that rounds up leaves ⌈(x - 3)/2⌉ + 1 = ⌊x/2⌋ of x, and
    ⌊⌈h/2⌉/2⌋ = ⌊(h + 1)/4⌋.
    """
    found = formula(of_module(nets.Strided()), "h,w,n")

    assert text(found) == "n·(10,080·⌈h/2⌉·⌈w/2⌉ + 1,024·⌊(h + 1)/4⌋·⌊(w + 1)/4⌋ + 320)"
    assert list(found.domain.texts) == ["h ≥ 3", "w ≥ 3", "n ≥ 1"]
    assert found.traces <= MOST_TRACES


def test_where_strides_divide_there_are_no_floors() -> None:
    """10080/4 + 1024/16 of h·w."""
    expression = formula(of_module(nets.Strided()), "h,w,n").expression
    strides = total_stride(expression)

    assert strides == {"h": 4, "w": 4, "n": 1}
    assert written(divided(expression, strides), PEOPLE) == "n·(2,584·h·w + 320)"


def test_attention_is_a_square() -> None:
    """64·4·64 for each token, and 2·64 for each pair of them."""
    found = formula(of_module(nets.Attending(), "1x128:int64"), "s,n")

    assert text(found) == "n·s·(128·s + 16,384)"


def test_an_argument_of_the_factory() -> None:
    chosen = sized(f"{NETS}:Strided", Options())
    found = derive(chosen, {"width": Range(16, 16, 256), "n": None}, "params")

    assert text(found) == "10·width^2 + 40·width + 10"
    with pytest.raises(InputError, match=r"width=24.*for width ≡ 0 mod 16, 16 ≤ width ≤ 256"):
        found.value({"width": 24, "n": 1})


def test_sizes_that_it_does_not_take_are_not_in_the_domain() -> None:
    found = formula(of_module(nets.Halved()), "h,w,n")

    assert text(found) == "81·h·n·w/4"
    assert {"h": 66, "w": 34, "n": 2} in found.domain
    assert {"h": 65, "w": 34, "n": 2} not in found.domain
    assert "forward pass failed at add" in found.refused


def test_a_model_of_one_size_has_a_formula_over_the_batch() -> None:
    found = formula(of_module(nets.OneSize()), "h,w,n")

    assert text(found) == f"{2 * 3 * 224 * 224:,}·n"
    assert list(found.domain.texts) == ["h = 224", "w = 224", "n ≥ 1"]


def test_a_model_is_built_for_each_size_where_its_factory_takes_one() -> None:
    """3·4·4·8 for each of ⌊h/4⌋·⌊w/4⌋ tokens, and 8·8."""
    options = Options((parse_input("1x3x64x64"),))
    found = formula(sized(f"{NETS}:SizedByArgument", options), "h,w,n")

    assert text(found) == "448·n·⌊h/4⌋·⌊w/4⌋"
    assert found.how == "built for each size, with img_size = (h, w)"
    assert found.traces <= MOST_TRACES
    for h, w in ((33, 50), (131, 64)):
        args = {"img_size": (h, w)}
        assert (
            found.value({"h": h, "w": w, "n": 2})
            == sf.count(f"{NETS}:SizedByArgument", (2, 3, h, w), args=args).macs
        )


def test_a_model_is_built_for_squares_where_its_argument_is_one_number() -> None:
    options = Options((parse_input("1x3x64x64"),))
    found = formula(sized(f"{NETS}:SquareByArgument", options), "h,w,n")

    assert text(found) == "28·h^2·n"
    assert found.how == "built for each size, with image_size = h"
    assert list(found.domain.texts)[-1] == "h = w"


def test_a_training_step_of_a_model_that_is_built_for_each_size() -> None:
    """Twice the patches' 384, as images want no gradient, and three times the layer's 64."""
    expression = sf.formula(
        f"{NETS}:SizedByArgument", over="h,w,n", input=(1, 3, 64, 64), training=True
    )

    values = {symbol: {"h": 33, "w": 50, "n": 2}[symbol.name] for symbol in expression.free_symbols}
    assert expression.subs(values) == 2 * 8 * 12 * (2 * 384 + 3 * 64)


def test_one_side_of_what_a_model_is_built_for() -> None:
    """Of 64x64 the width stays: 16 of the tokens side by side."""
    options = Options((parse_input("1x3x64x64"),))
    found = formula(sized(f"{NETS}:SizedByArgument", options), "h,n")

    assert text(found) == "7,168·n·⌊h/4⌋"


def test_an_argument_that_the_user_gives_stays() -> None:
    options = Options((parse_input("1x3x32x32"),), {"img_size": 32})
    found = formula(sized(f"{NETS}:SizedByArgument", options), "h,w,n")

    assert found.how == ""
    assert list(found.domain.texts) == ["h = 32", "w = 32", "n ≥ 1"]


def test_windows_of_which_only_products_are_counted() -> None:
    """4·4·3·4 for each of ⌊h/4⌋·⌊w/4⌋, and 49·4·4 for each window of ⌈⌊h/4⌋/7⌉·⌈⌊w/4⌋/7⌉."""
    found = formula(of_module(nets.Windowed(), "1x3x28x28"), "h,w,n")

    assert text(found) == "n·(192·⌊h/4⌋·⌊w/4⌋ + 784·⌈(h - 3)/28⌉·⌈(w - 3)/28⌉)"
    for h, w in ((28, 28), (28, 29), (55, 56), (59, 60), (31, 257)):
        assert found.value({"h": h, "w": w, "n": 2}) == sf.count(nets.Windowed(), (2, 3, h, w)).macs


def test_a_period_is_that_of_the_models_own_size() -> None:
    """Windows of 7 on a map of a quarter: 28 divides height and width."""
    found = formula(of_module(nets.Divisible(), "1x3x56x56"), "h,w,n")

    assert text(found) == "13·h·n·w"
    assert list(found.domain.texts)[:2] == ["h ≡ 0 mod 56, h ≥ 56", "w ≡ 0 mod 56, w ≥ 56"]


@pytest.mark.parametrize("name", ["resnet18", "shufflenet_v1_x1_0_g3", "mobilenet_v2"])
@pytest.mark.parametrize("metric", [metric.name for metric in FORMED])
def test_networks_of_the_zoo_as_modules(name: str, metric: MetricName) -> None:
    """The same as their walk over numbers, at sizes between which every stride rounds."""
    network = zoo.find(name)
    found = formula(of_module(build(network.spec)), "h,w,n", metric)

    for size in ("3x3x225x257", "2x3x239x320", "1x3x448x353"):
        n, _, h, w = map(int, size.split("x"))
        expected = find_metric(metric).of(sf.count(name, size).table.rows)
        assert found.value({"h": h, "w": w, "n": n}) == expected


def test_the_papers_three_units_as_modules() -> None:
    """hw(2cm+9m²), hw(2cm+9m²/g) and hw(2cm/g+9m) with c=240, m=60, g=3."""
    for unit, positions in (
        ("resnet", 2 * 240 * 60 + 9 * 60 * 60),
        ("resnext", 2 * 240 * 60 + 9 * 60 * 60 // 3),
        ("shufflenet", 2 * 240 * 60 // 3 + 9 * 60),
    ):
        groups = "" if unit == "resnet" else ",g=3"
        module = build(zoo.find(f"{unit}_unit@c=240,m=60{groups},h=28,w=28").spec)
        found = formula(of_module(module, "1x240x28x28"), "h,w,n")

        assert text(found) == f"{positions:,}·h·n·w"


class Joined(nn.Module):
    """Two branches, the second resized to the map of the first."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        self.first, self.second = first, second

    def forward(self, x: Tensor) -> Tensor:
        y, z = self.first(x), self.second(x)
        return torch.cat([y, F.interpolate(z, size=y.shape[2:])], 1)[:, :4]


class Windows(nn.Module):
    """Attention within windows of k x k, to which the map is padded."""

    def __init__(self, k: int) -> None:
        super().__init__()
        self.k, self.out = k, nn.Linear(4, 4)

    def forward(self, x: Tensor) -> Tensor:
        (n, c, h, w), k = x.shape, self.k
        padded = F.pad(x, (0, -w % k, 0, -h % k))
        rows, columns = padded.shape[2] // k, padded.shape[3] // k
        cut = padded.view(n, c, rows, k, columns, k).permute(0, 2, 4, 3, 5, 1)
        tokens = cut.reshape(-1, k * k, c)
        mixed = self.out(tokens @ tokens.transpose(1, 2) @ tokens)
        back = mixed.view(n, rows, columns, k, k, c).permute(0, 5, 1, 3, 2, 4)
        return back.reshape(padded.shape)[:, :, :h, :w]


@st.composite
def small_nets(draw: st.DrawFn) -> nn.Module:
    """Convolutions, pools, pads and resizes of any stride, one after the other."""
    layers: list[nn.Module] = []
    for _ in range(draw(st.integers(1, 4))):
        kernel, stride = draw(st.integers(1, 4)), draw(st.integers(1, 3))
        padding, dilation = draw(st.integers(0, 2)), draw(st.integers(1, 2))
        layers.append(
            draw(
                st.sampled_from(
                    [
                        nn.Conv2d(4, 4, kernel, stride, padding, dilation),
                        nn.Conv2d(4, 4, kernel, stride, padding, dilation, groups=4),
                        nn.MaxPool2d(kernel, stride, kernel // 2, ceil_mode=draw(st.booleans())),
                        nn.AvgPool2d(kernel, stride, 0, ceil_mode=draw(st.booleans())),
                        nn.Upsample(scale_factor=2),
                        nn.ZeroPad2d(padding),
                        nn.Upsample(scale_factor=1.5),
                        nn.ConvTranspose2d(4, 4, kernel, stride),
                        nn.Sequential(nn.Conv2d(4, 16, 1), nn.PixelShuffle(2)),
                        nn.AdaptiveAvgPool2d((3, None)),
                        Windows(3),
                        Joined(nn.Conv2d(4, 4, 1, stride), nn.AvgPool2d(kernel)),
                    ]
                )
            )
        )
    return nn.Sequential(*layers, nn.Conv2d(4, 2, 1))


def takes(module: nn.Module, shape: tuple[int, ...]) -> bool:
    try:
        sf.count(module, shape)
    except ModelError:
        return False
    return True


@settings(max_examples=15, deadline=None)
@given(small_nets(), st.integers(96, 400), st.integers(96, 400), st.integers(2, 9))
def test_formula_is_trace(module: nn.Module, h: int, w: int, n: int) -> None:
    """Any sizes do that the module takes, which is one that takes its own."""
    assume(takes(module, (1, 4, 96, 96)) and takes(module, (n, 4, h, w)))
    for metric in ("macs", "memory_bytes"):
        found = formula(of_module(module, "1x4x96x96"), "h,w,n", metric)

        assert found.value({"h": h, "w": w, "n": n}) == getattr(
            sf.count(module, (n, 4, h, w)), metric
        )


def test_each_side_of_a_guard_on_a_rest() -> None:
    """4·4 a position of an even width, 9·4·4 of an odd one, and 4·4·4 at every fourth."""
    found = formula(of_module(nets.Guarded(), "1x4x96x96"), "h,w,n")

    assert {tuple(case.domain.texts)[1]: text(case) for case in found.cases} == {
        "w ≡ 0 mod 2, w ≥ 2": "n·w·(16·h + 32·⌊h/2⌋)",
        "w ≡ 1 mod 2, w ≥ 3": "n·(144·h·w + 32·w·⌊h/2⌋ - 32·⌊h/2⌋)",  # 64·⌊h/2⌋·(w - 1)/2
    }
    for w in (98, 99, 100, 101):
        expected = sf.count(nets.Guarded(), (2, 4, 98, w)).macs
        assert found.value({"h": 98, "w": w, "n": 2}) == expected


def test_both_sides_of_a_bound() -> None:
    """4·4 a position up to 100 rows, and 4·4·4 at every fourth from 101 on."""
    found = formula(of_module(nets.Large(), "1x4x64x64"), "h,w,n")

    assert {next(iter(case.domain.texts)): text(case) for case in found.cases} == {
        "h ≥ 101": "64·n·⌊h/2⌋·⌊w/2⌋",
        "1 ≤ h ≤ 100": "16·h·n·w",
    }


def test_sizes_that_seven_divides_and_those_that_it_does_not() -> None:
    found = formula(of_module(nets.Seventh(), "1x4x64x64"), "h,w,n")

    assert {tuple(case.domain.texts)[1]: text(case) for case in found.cases} == {
        "w ≡ 0 mod 7, w ≥ 7": "16·h·n·w",
        "w ≢ 0 mod 7, w ≥ 1": "144·h·n·w",
    }


class Split(nn.Module):
    """Another convolution where a size is at least a bound, or leaves a rest."""

    def __init__(self, axis: int, bound: int, period: int, rest: int) -> None:
        super().__init__()
        self.axis, self.bound, self.period, self.rest = axis, bound, period, rest
        self.one, self.other = nn.Conv2d(4, 4, 1, 2), nn.Conv2d(4, 4, 3)

    def forward(self, x: Tensor) -> Tensor:
        size = x.shape[self.axis]
        inside = size % self.period == self.rest if self.period else size >= self.bound
        return self.one(x) if inside else self.other(x)


@settings(max_examples=8, deadline=None)
@given(st.integers(2, 3), st.integers(70, 240), st.sampled_from([0, 2, 3, 4, 9, 31]), st.data())
def test_formula_is_trace_on_both_sides_of_a_guard(
    axis: int, bound: int, period: int, data: st.DataObject
) -> None:
    """Of a rest that few sizes leave too."""
    rest = data.draw(st.integers(0, max(0, period - 1)))
    module = Split(axis, bound, period, rest)
    found = formula(of_module(module, "1x4x64x64"), "h,w,n")

    assert len(found.cases) == 2
    for near in (-1, 0, 1):
        other = data.draw(st.integers(64, 200))
        size = bound + near - (bound % period - rest if period else 0)
        shape = (2, 4, size, other) if axis == 2 else (2, 4, other, size)
        sizes = {"h": shape[2], "w": shape[3], "n": 2}
        assert found.value(sizes) == sf.count(module, shape).macs


@pytest.mark.parametrize("axis", [2, 3])
def test_smaller_sizes_of_the_other_side_are_no_reason_to_split_again(axis: int) -> None:
    """Of the sizes that three does not divide, smaller ones that it divides are none."""
    found = formula(of_module(Split(axis, 0, 3, 0), "1x4x64x64"), "h,w,n")

    assert [case.domain.ranges["hw"[axis - 2]].text("x") for case in found.cases] == [
        "x ≢ 0 mod 3, x ≥ 4",
        "x ≡ 0 mod 3, x ≥ 3",
    ]


def test_what_goes_by_values_has_no_formula() -> None:
    with pytest.raises(InputError, match="no formula in its sizes alone: control flow asked"):
        formula(of_module(nets.Valued()), "h,w,n")


def test_a_size_that_is_not_there() -> None:
    with pytest.raises(InputError, match=r"--over q: the sizes .* are n, c, h, w; an argument"):
        formula(of_module(nets.Strided()), "h,q")


def test_a_size_below_the_domain() -> None:
    found = formula(of_module(nets.Strided()), "h,w,n")

    with pytest.raises(InputError, match="h=1, w=9, n=1: the formula of Strided is for h ≥ 3"):
        found.value({"h": 1, "w": 9, "n": 1})


def test_a_size_that_no_tensor_has() -> None:
    chosen = of_module(nets.Strided())

    with pytest.raises(InputError, match=r"1x3x9999999999999x9999999999999: more elements than"):
        chosen.rows_at({"h": 10**13 - 1, "w": 10**13 - 1})


def test_parameters_that_nothing_uses_are_counted() -> None:
    """The convolution is never called: 3·3 weights and 3 biases."""
    module = nets.OneSize()
    module.spare = nn.Conv2d(3, 3, 1)
    found = formula(of_module(module), "n", "params")

    assert text(found) == f"{2 * 3 * 224 * 224 + 2 + 12:,}"


def test_an_op_that_takes_more_tensors_at_larger_sizes() -> None:
    """4·4 a position, whatever number of tiles there are to be joined."""
    found = formula(of_module(nets.Tiled(), "1x4x64x64"), "h,w,n")

    assert text(found) == "16·h·n·w"


def of_inputs(module: nn.Module, *texts: str) -> SizedModel:
    return sized_source(given_modules.find(module.eval(), list(map(parse_input, texts))))


def test_tokens_after_those_of_a_cache() -> None:
    """64·192 + 64·64 for each of s tokens, and 128 for each pair with one of p + s."""
    chosen = of_inputs(nets.Cached(), "1x4:int64", "1x1x16x64", "1x1x16x64")
    assert chosen.sizes == ["n", "s", "p"]

    found = formula(chosen, "n,s,p")
    assert text(found) == "n·s·(128·p + 128·s + 16,384)"
    decoding = formula(of_inputs(nets.Cached(), "1x1:int64", *["1x1x16x64"] * 2), "n,p")
    assert text(decoding) == "n·(128·(p + 1) + 16,384)"
    for p in (1, 7, 1000):
        assert decoding.value({"n": 3, "p": p}) == found.value({"n": 3, "p": p, "s": 1})


class Same(nn.Module):
    """A convolution of 2 with stride 3, padded where that is needed to see every position."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 2, 3)

    def forward(self, x: Tensor) -> Tensor:
        h, w = (max(3 * (-(-size // 3) - 1) + 2 - size, 0) for size in x.shape[2:])
        return self.conv(F.pad(x, (0, w, 0, h)))


def test_a_count_of_which_only_the_output_has_an_expression() -> None:
    """2·2·3·4 for each of ⌈h/3⌉·⌈w/3⌉; one column more is there only where w ≡ 1 mod 3.

    So the memory access has a formula for each of these rests.
    """
    found = formula(of_module(Same()), "h,w,n")

    assert text(found) == "48·n·⌈h/3⌉·⌈w/3⌉"
    moved = formula(of_module(Same()), "h,w", "memory_bytes")
    for h, w in ((224, 224), (225, 226), (226, 226), (226, 230), (301, 300)):
        expected = sf.count(Same(), (1, 3, h, w)).memory_bytes
        assert moved.value({"h": h, "w": w}) == expected


class TokensFirst(nets.Cached):
    """A cache with its tokens before its heads; they change places before or after it is joined."""

    def __init__(self, turned: bool) -> None:
        super().__init__()
        self.turned = turned

    def forward(self, tokens: Tensor, keys: Tensor, values: Tensor) -> Tensor:
        n, s = tokens.shape
        q, *new = (x.view(n, s, 4, 16) for x in self.qkv(self.embed(tokens)).chunk(3, -1))
        axis = 1
        if self.turned:
            keys, values, *new = (x.transpose(1, 2) for x in (keys, values, *new))
            axis = 2
        k, v = (torch.cat(both, axis) for both in zip((keys, values), new, strict=True))
        if not self.turned:
            k, v = k.transpose(1, 2), v.transpose(1, 2)
        y = F.scaled_dot_product_attention(q.transpose(1, 2), k, v)
        return self.out(y.transpose(1, 2).reshape(n, s, 64))


@pytest.mark.parametrize("turned", [False, True])
def test_a_cache_with_its_tokens_before_its_heads(turned: bool) -> None:
    """As many MACs as with the heads first: 4 heads of 16 are 64 wide."""
    chosen = of_inputs(TokensFirst(turned), "1x4:int64", "1x9x4x16", "1x9x4x16")
    assert chosen.base == {"n": 1, "s": 4, "p": 9}

    assert text(formula(chosen, "n,s,p")) == "n·s·(128·p + 128·s + 16,384)"
    heads_first = of_inputs(nets.Cached(), "1x4:int64", "1x1x9x64", "1x1x9x64")
    assert heads_first.base == {"n": 1, "s": 4, "p": 9}


def test_a_convention_in_place_of_a_metric() -> None:
    """Half of the pairs of new tokens and their diagonal, and all pairs with those of a cache."""
    chosen = of_inputs(nets.Cached(), "1x4:int64", "1x1x16x64", "1x1x16x64")
    causal = derive(chosen, dict.fromkeys("nsp"), convention="causal")

    assert text(causal) == "n·s·(128·p + 64·s + 16,448)"
    check(chosen, causal, {"n": 2, "s": 7, "p": 30})
    flops = derive(chosen, dict.fromkeys("nsp"), convention="flops")
    assert (flops.metric, text(flops)) == ("flops", "n·s·(256·p + 256·s + 32,768)")


def test_embedded_tokens_are_not_signals() -> None:
    """Of what a layer takes token by token the second axis is a length, and channels the last."""
    assert of_inputs(nn.Linear(64, 8), "2x9x64").sizes == ["n", "s"]
    assert of_inputs(nn.Sequential(nn.LayerNorm(64), nn.Linear(64, 8)), "2x9x64").sizes == [
        "n",
        "s",
    ]
    assert of_inputs(nn.Conv1d(64, 8, 3), "2x64x9").sizes == ["n", "l"]
    found = formula(of_inputs(nn.Linear(64, 8), "2x9x64"), "n,s")
    assert text(found) == "512·n·s"


def test_what_is_done_at_smaller_sizes_is_a_case() -> None:
    """From 101 rows on another way is taken, and the model is given 224."""
    found = formula(of_module(nets.Large(), "1x4x224x224"), "h,w")

    assert [list(case.domain.texts) for case in found.cases] == [
        ["h ≥ 101", "w ≥ 2"],
        ["1 ≤ h ≤ 100", "w ≥ 1"],
    ]
    for h, w in ((100, 7), (101, 7), (50, 300)):
        assert found.value({"h": h, "w": w}) == sf.count(nets.Large(), (1, 4, h, w)).macs


class Area(nn.Module):
    """A larger kernel for maps of fewer than 10,000 positions, whatever their height and width."""

    def __init__(self) -> None:
        super().__init__()
        self.large = nn.Conv2d(3, 4, 1)
        self.small = nn.Conv2d(3, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.large(x) if x.shape[2] * x.shape[3] >= 10_000 else self.small(x)


def test_what_is_split_by_no_bound_of_one_size_is_told() -> None:
    found = formula(of_module(Area()), "h,w")

    assert list(found.domain.texts) == ["h ≥ 224", "w ≥ 224"]
    assert found.others == ()
    with pytest.raises(InputError, match="it runs other ops at h=1, w=1 than at h=224, w=224; "):
        found.value({"h": 50, "w": 50})


def test_an_argument_may_say_how_often_a_layer_is_there() -> None:
    """27·width of the stem and 9·width² of each layer, on every second position."""
    chosen = sized(f"{NETS}:stacked", Options(inputs=(parse_input("1x3x32x32"),)))
    over = {"width": Range(8, 8, 64), "depth": Range(1, 1, 9), "h": None}

    found = derive(chosen, over)
    assert "#" in found.how
    assert [row.row.path for row in found.rows] == ["#", "#"]
    for width, depth, h in ((8, 1, 7), (40, 9, 31), (64, 4, 300)):
        positions = -(-h // 2) * 16
        expected = positions * (27 * width + depth * 9 * width**2)
        assert found.value({"width": width, "depth": depth, "h": h}) == expected
    for metric, weights in (("params", 27 * 24 + 3 * 9 * 24**2), ("activations", 4 * 24 * 256)):
        sizes = {"width": 24, "depth": 3, "h": 32}
        assert derive(chosen, over, find_metric(metric).name).value(sizes) == weights
