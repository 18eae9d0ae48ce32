"""A training step from a spec, and what a run of them costs: worked out by hand."""

from __future__ import annotations

import pytest

from shufflenet_flops.counting.backward import Purpose, step_of
from shufflenet_flops.counting.trained import Trained
from shufflenet_flops.counting.training import (
    OPTIMIZERS,
    run_result,
    speed_result,
    training_result,
)
from shufflenet_flops.errors import InputError
from shufflenet_flops.spec import Add, BatchNorm, Conv2d, Flatten, Identity, Linear, seq

IMAGE = (2, 3, 4, 4)
# 2·4·4 positions of 3 inputs and 6 outputs; 2·4·4 of 6 / 3 inputs and 6 outputs; 2 of 96 and 5.
FIRST, GROUPED, LAST = 32 * 3 * 6, 32 * 2 * 6, 2 * 96 * 5
NET = seq(
    stem=Conv2d(3, 6),
    norm=BatchNorm(6),
    block=Add((("branch", Conv2d(6, 6, groups=3)), ("shortcut", Identity()))),
    flat=Flatten(),
    fc=Linear(96, 5),
)


def parts(**patterns: tuple[str, ...]) -> tuple[int, int]:
    step = step_of(NET, IMAGE, Trained(**patterns))
    assert step.forward.macs == FIRST + GROUPED + LAST
    return step.parts[Purpose.WEIGHTS], step.parts[Purpose.INPUTS]


def test_backward_is_twice_forward_less_the_first_layers_input() -> None:
    """Grouped or not: each weight's gradient and each input's are a forward pass each."""
    step = step_of(NET, IMAGE)

    assert parts() == (FIRST + GROUPED + LAST, GROUPED + LAST)
    assert step.macs == step.hardware_macs == 3 * step.forward.macs - FIRST
    assert step.params == 3 * 6 + 2 * 6 + 2 * 6 + 96 * 5 + 5


def test_a_unit_within_a_network_hands_its_gradient_on() -> None:
    assert step_of(NET, IMAGE, input_grad=True).macs == 3 * (FIRST + GROUPED + LAST)


@pytest.mark.parametrize(
    ("patterns", "expected"),
    [
        # What comes before the first trained parameter needs no gradient.
        ({"freeze": ("stem",)}, (GROUPED + LAST, GROUPED + LAST)),
        ({"freeze": ("stem", "norm")}, (GROUPED + LAST, LAST)),
        ({"freeze": ("stem", "norm", "block.*")}, (LAST, 0)),
        ({"train": ("fc",)}, (LAST, 0)),
        ({"freeze": ("fc.weight",)}, (FIRST + GROUPED, GROUPED + LAST)),
        # A frozen layer in the middle still hands the gradient on.
        ({"freeze": ("*.branch.weight",)}, (FIRST + LAST, GROUPED + LAST)),
        # `train` has the last word.
        ({"freeze": ("*",), "train": ("*.branch",)}, (GROUPED, LAST)),
        # A trained bias asks for the gradient of all that comes after it.
        ({"train": ("norm.bias",)}, (0, GROUPED + LAST)),
    ],
)
def test_frozen_parts(patterns: dict[str, tuple[str, ...]], expected: tuple[int, int]) -> None:
    assert parts(**patterns) == expected


def test_a_branch_beside_a_trained_one_needs_no_gradient_of_its_input() -> None:
    """Though it runs after it: what comes before both is not trained."""
    beside = Add((("a", Conv2d(3, 3)), ("b", Conv2d(3, 3))))
    step = step_of(beside, (1, 3, 2, 2))

    assert step.parts[Purpose.INPUTS] == 0
    assert step.parts[Purpose.WEIGHTS] == 2 * 4 * 9


def test_a_pattern_that_matches_nothing_is_refused() -> None:
    with pytest.raises(InputError, match="--freeze 'stemm' matches no parameter: did you mean st"):
        step_of(NET, IMAGE, Trained(freeze=("stemm",)))
    with pytest.raises(InputError, match="under stem, norm, block, fc"):
        step_of(NET, IMAGE, Trained(train=("????????",)))


def test_an_update_and_accumulated_batches() -> None:
    """The update comes once; its FLOPs are no MACs."""
    step = step_of(NET, IMAGE)
    once = training_result(step, 2, OPTIMIZERS["momentum"], 1)
    thrice = training_result(step, 2, OPTIMIZERS["momentum"], 3)

    assert once.update.flops == thrice.update.flops == 4 * step.params
    assert once.update.state_bytes == 4 * step.params
    assert thrice.total_macs == 3 * once.total_macs
    assert once.total_flops == 2 * step.macs + 4 * step.params
    assert sum(layer.total_macs for layer in thrice.layers) == thrice.total_macs


def test_a_run() -> None:
    """Seven samples are three batches of 2 and one of 1; two batches make an update."""
    whole = training_result(step_of(NET, IMAGE), 2, OPTIMIZERS["sgd"], 2)
    rest = training_result(step_of(NET, (1, *IMAGE[1:])), 1, OPTIMIZERS["sgd"], 1)
    run = run_result(whole, rest, epochs=10, samples=7)

    assert run.updates == 10 * 2
    assert run.total_macs == 10 * 7 * rest.total_macs
    assert run.total_flops == 2 * run.total_macs + 20 * whole.update.flops


def test_shares_of_the_peak() -> None:
    training = training_result(step_of(NET, IMAGE), 2, OPTIMIZERS["sgd"], 1)
    speed = speed_result(training, 8 * training.total_macs, 0.5)

    assert speed.mfu == speed.hfu == 0.5
    assert speed.least_s == training.total_flops / (8 * training.total_macs)
