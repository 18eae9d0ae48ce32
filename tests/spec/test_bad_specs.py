"""What cannot be a network is refused in one line that names the value and the rule."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, cast

import pytest

from shufflenet_flops.errors import SpecError
from shufflenet_flops.spec import (
    Activation,
    AdaptiveAvgPool2d,
    Add,
    Attention,
    BatchNorm,
    ChannelShuffle,
    ChannelSlice,
    Concat,
    Conv2d,
    Crop,
    CyclicShift,
    FirstToken,
    Flatten,
    FromWindows,
    Identity,
    LayerNorm,
    MaxPool2d,
    MergePatches,
    Node,
    PadToMultiple,
    Scale,
    Seq,
    ToChannelsFirst,
    ToWindows,
    ZeroPadShortcut,
    seq,
    walk,
)
from shufflenet_flops.spec.tree import Join

X = (1, 8, 16, 16)
A, B, C = (("a", Identity()), ("b", Identity()), ("c", Identity()))


def any_value(value: object) -> Any:
    """A value of the wrong type, as a caller without a type checker gives one."""
    return cast(Any, value)


@pytest.mark.parametrize("join", [Add, Scale, Crop])
@pytest.mark.parametrize("branches", [(), (A,), (A, B, C)])
def test_number_of_branches(join: type[Join], branches: tuple[tuple[str, Node], ...]) -> None:
    with pytest.raises(SpecError, match=f"{join.__name__} takes two branches, got {len(branches)}"):
        join(branches)


def test_three_branches_are_added_two_by_two() -> None:
    """As the message says: two sums of 8*16*16 elements, and the shape of each."""
    with pytest.raises(SpecError, match="make Add of two, and again of that and the next"):
        Add((A, B, C))
    visits = walk(Add((("ab", Add((A, B))), C)), X)

    assert [visit.output for visit in visits if visit.op.name == "add"] == [X, X]


def test_a_concat_takes_any_number_but_none() -> None:
    assert walk(Concat((A, B, C)), X)[-1].output == (1, 24, 16, 16)
    with pytest.raises(SpecError, match="Concat takes a branch or more, got 0"):
        Concat(())


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv2d(8, 8, any_value((3, 3, 3))), "kernel=(3, 3, 3) must be a whole number or"),
        (lambda: Conv2d(8, 8, any_value([3, 3])), "kernel=[3, 3] must be a whole number or two"),
        (lambda: Conv2d(8, 8, 3, any_value((2,))), "stride=(2,) must be a whole number or two"),
        (lambda: MaxPool2d(any_value((2, 2, 2)), 2), "kernel=(2, 2, 2) must be a whole number or"),
        (lambda: AdaptiveAvgPool2d(0), "size=0 is too small: it must be at least 1"),
        (lambda: AdaptiveAvgPool2d(any_value("7")), "size='7' must be a whole number"),
        (lambda: ZeroPadShortcut(8, 0), "stride=0 is too small: it must be at least 1"),
        (lambda: PadToMultiple(0), "multiple=0 is too small: it must be at least 1"),
        (lambda: Activation(any_value("swish")), "function='swish' is no activation here; known:"),
        (lambda: Seq(any_value(Identity())), "Identity() must be a tuple of pairs (name, node)"),
        (lambda: Seq(any_value([A])), "[('a', Identity())] must be a tuple of pairs (name, node)"),
        (lambda: Seq((any_value(Identity()),)), "(Identity(),) must be pairs (name, node)"),
        (lambda: Seq(((any_value(0), Identity()),)), "0 cannot name a module: it must be a text"),
        (lambda: Add((A, B), after=any_value((Identity(),))), "(Identity(),) must be pairs"),
    ],
)
def test_what_cannot_be_made(make: Callable[[], object], message: str) -> None:
    with pytest.raises(SpecError, match=re.escape(message)) as error:
        make()

    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("node", "x", "message"),
    [
        (BatchNorm(any_value("8")), X, "input channels=8 must equal channels='8', a whole number"),
        (BatchNorm(any_value(8.0)), X, "input channels=8 must equal channels=8.0, a whole number"),
        (LayerNorm(any_value(None)), X, "last axis=16 must equal channels=None, a whole number"),
        (BatchNorm(8), (1, 8), "BatchNorm takes a (n, c, h, w) input, got shape 1x8"),
        (ChannelShuffle(2), (8,), "ChannelShuffle takes a (n, c, h, w) input, got shape 8"),
        (ChannelSlice(0, 4), (8,), "ChannelSlice takes a (n, c, h, w) input, got shape 8"),
        (FirstToken(), (1, 8), "FirstToken takes a (n, tokens, c) input, got shape 1x8"),
        (Attention(2), X, "Attention takes a (n, tokens, 3*c) input, got shape 1x8x16x16"),
        (ToChannelsFirst(), (1, 8), "ToChannelsFirst takes a (n, h, w, c) input, got shape 1x8"),
        (ToWindows(7), (1, 8), "ToWindows takes a (n, h, w, c) input, got shape 1x8"),
        (ToWindows(0), X, "8 cannot be divided by 0"),
        (FromWindows(7), X, "FromWindows takes a (n, rows, columns, tokens, c) input"),
        (CyclicShift(7), (1, 8), "CyclicShift takes a (n, h, w, c) input, got shape 1x8"),
        (MergePatches(), (1, 8), "MergePatches takes a (n, h, w, c) input, got shape 1x8"),
        (
            Concat((("a", Flatten()), ("b", Identity()))),
            X,
            "cannot concatenate branches of shapes 1x2048 and 1x8x16x16",
        ),
        (
            Add((("a", seq(Flatten())), ("b", Identity()))),
            (1, 8, 1, 1),
            "cannot add branches of shapes 1x8 and 1x8x1x1",
        ),
        (Scale((("a", Flatten()), B)), X, "ScaleOp takes a (n, c, h, w) input, got shape 1x2048"),
        (any_value(None), X, "the network is None: it must be an op, such as Conv2d(3, 8)"),
        (seq(body=seq(any_value("relu"))), X, "body.0 is 'relu': it must be an op"),
        (seq(any_value(Conv2d)), X, "0 is <class 'shufflenet_flops.spec.ops.Conv2d'>: it must"),
        (seq(any_value(Identity)), X, "0 is <class 'shufflenet_flops.spec.ops.Identity'>: it must"),
        (Add((A, ("b", any_value(3)))), X, "b is 3: it must be an op"),
        (Identity(), any_value("1x8"), "the input '1x8' must be a shape of whole numbers"),
        (Identity(), any_value((1, 8.0)), "the input (1, 8.0) must be a shape of whole numbers"),
        (Identity(), any_value(8), "the input 8 must be a shape of whole numbers"),
        (Identity(), (), "the input () must be a shape of whole numbers"),
    ],
)
def test_what_cannot_be_walked(node: Node, x: tuple[int, ...], message: str) -> None:
    with pytest.raises(SpecError, match=re.escape(message)) as error:
        walk(node, x)

    assert "\n" not in str(error.value)
