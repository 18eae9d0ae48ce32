"""Plans of arenas, by hand."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shufflenet_flops import zoo
from shufflenet_flops.peak.arena import arena, run_tensors, spec_tensors
from shufflenet_flops.peak.result import arena_sizes
from shufflenet_flops.peak.timeline import Moment, Storage, Timeline
from shufflenet_flops.spec import Activation, Add, BatchNorm, Conv2d, Identity, Node, seq


def _tensor(size: int, born: int, died: int) -> Storage:
    return Storage(size, born, died, (size,), "", "", "")


def test_a_place_is_used_again() -> None:
    """30 at 0; 20, which follows it, at 0 too; 10, alive with both, above 30."""
    plan = arena([_tensor(30, 0, 2), _tensor(10, 1, 4), _tensor(20, 2, 4)])

    assert plan.offsets == (0, 30, 0)
    assert (plan.bytes, plan.lower_bound_bytes) == (40, 40)


def test_a_plan_may_leave_a_gap() -> None:
    """4 and 4 lie beside each other, and what is alive with each in turn lies above both."""
    plan = arena([_tensor(4, 0, 2), _tensor(4, 1, 3), _tensor(3, 2, 4), _tensor(3, 3, 5)])

    assert plan.lower_bound_bytes == 8
    assert plan.bytes == 8


@given(st.lists(st.tuples(st.integers(1, 50), st.integers(0, 9), st.integers(1, 4)), max_size=12))
def test_no_two_that_are_alive_overlap(raw: list[tuple[int, int, int]]) -> None:
    tensors = [_tensor(size, born, born + length) for size, born, length in raw]
    plan = arena(tensors)

    assert plan.lower_bound_bytes <= plan.bytes <= sum(size for size, _, _ in raw)
    placed = list(zip(plan.offsets, tensors, strict=True))
    for i, (a, one) in enumerate(placed):
        for b, other in placed[:i]:
            if one.born < other.died and other.born < one.died:
                assert a + one.bytes <= b or b + other.bytes <= a


def test_a_residual_unit_by_hand() -> None:
    """Input and its copy for the shortcut are one; norm and activation are part of the convolution.

    4 x 8 x 8 in, 16 x 8 x 8 between, 4 x 8 x 8 out, and the sum.
    """
    unit = Add(
        (
            ("branch", seq(Conv2d(4, 16), BatchNorm(16), Activation("relu"), Conv2d(16, 4))),
            ("shortcut", Identity()),
        )
    )
    tensors = spec_tensors(unit, (1, 4, 8, 8))

    assert [(tensor.bytes, tensor.born, tensor.died) for tensor in tensors] == [
        (256, 0, 4),
        (1024, 1, 3),
        (256, 2, 4),
        (256, 3, 4),
    ]
    assert arena(tensors).bytes == arena(tensors).lower_bound_bytes == 256 + 1024 + 256


def test_an_activation_at_the_start_of_a_branch_is_a_tensor() -> None:
    unit = Add((("branch", seq(Activation("relu"), Conv2d(4, 4))), ("shortcut", Identity())))

    assert [tensor.op for tensor in spec_tensors(unit, (1, 4, 8, 8))][:2] == ["input", "relu"]


def test_mobilenet_v2_in_whole_bytes() -> None:
    """Its peak is in the first stride of an expansion: 96 channels on 112 x 112 and on 56 x 56."""
    model = zoo.find("mobilenet_v2")
    plan = arena(spec_tensors(model.spec, model.input))

    assert plan.lower_bound_bytes == 96 * (112 * 112 + 56 * 56)
    assert plan.bytes >= plan.lower_bound_bytes
    assert arena(spec_tensors(model.spec, model.input, 4)).bytes == 4 * plan.bytes


def test_sizes_by_type() -> None:
    """One byte, two or four for each element of an activation and of a weight."""

    def tensors(itemsize: int) -> list[Storage]:
        return spec_tensors(Conv2d(4, 8), (1, 4, 8, 8), itemsize)

    sizes = {size.dtype: size for size in arena_sizes(tensors, params=32)}

    assert list(sizes) == ["int8", "bfloat16", "float32"]
    assert sizes["int8"].arena_bytes == 12 * 64
    assert sizes["float32"].lower_bound_bytes == 4 * 12 * 64
    assert [size.weight_bytes for size in sizes.values()] == [32, 64, 128]


def test_a_traced_run_has_its_tensors_in_the_type_asked_for() -> None:
    """Of floating point; whole numbers stay, and indices that a kernel makes for nobody go."""
    timeline = Timeline(
        {},
        (Moment("a", "embedding"), Moment("b", "max_pool2d_with_indices")),
        (
            Storage(40, 0, 2, (10,), "float32", "a", "embedding"),
            Storage(16, 0, 2, (2,), "int64", "a", "argmax"),
            Storage(20, 1, 2, (5,), "float32", "b", "max_pool2d_with_indices"),
            Storage(40, 1, 2, (5,), "int64", "b", "max_pool2d_with_indices"),
        ),
    )
    tensors = run_tensors(timeline, [((3,), 8), ((2, 2), 0)], 2)

    assert [tensor.bytes for tensor in tensors] == [24, 8, 20, 16, 10]
    assert {(tensor.born, tensor.died) for tensor in tensors[:2]} == {(0, 2)}


def test_a_depthwise_convolution_may_write_over_its_input() -> None:
    """With a stride too; not where a shortcut reads the input, nor with two channels for each."""
    wide = Conv2d(8, 8, 3, 1, 1, groups=8)
    narrow = Conv2d(8, 8, 3, 2, 1, groups=8)
    double = Conv2d(8, 16, 3, 1, 1, groups=8)

    def sizes(*layers: Node) -> tuple[int, int]:
        plans = (
            arena(spec_tensors(seq(*layers), (1, 8, 4, 4), depthwise_in_place=in_place))
            for in_place in (False, True)
        )
        first, second = (plan.bytes for plan in plans)
        return first, second

    assert sizes(wide) == (256, 128)
    assert sizes(narrow, Activation("relu")) == (128 + 32, 128)
    assert sizes(double) == (384, 384)
    assert sizes(Add((("branch", wide), ("shortcut", Identity())))) == (384, 384)
