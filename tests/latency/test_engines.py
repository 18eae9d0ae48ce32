"""Every engine against eager, on networks small enough to convert in seconds."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import prune

from shufflenet_flops.errors import UnknownNameError
from shufflenet_flops.extras import install_command
from shufflenet_flops.latency.agreement import LIMITS, agreement, flat, reference, too_exact
from shufflenet_flops.latency.case import Case, build_case
from shufflenet_flops.latency.engines import ENGINE_NAMES, find_engine
from shufflenet_flops.latency.engines.protocol import EngineError, Setup
from shufflenet_flops.latency.engines.quiet import quiet
from shufflenet_flops.sources import Options, parse_input, resolve

UNIT = "shufflenet_unit@c=24,g=3,h=8,w=8,stride=2"
NETWORKS = ("shufflenet_v1_x0_25_g3", "shufflenet_v2_x0_5", "resnet18", "mobilenet_v1_x0_25")


def case_of(model: str, shape: str | None = None) -> Case:
    inputs = (parse_input(shape),) if shape else ()
    return build_case(resolve(model, Options(inputs)))


@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_agrees_on_a_unit(name: str) -> None:
    """The module is left as it was; the engine says its version, and that it can be used."""
    case = case_of(UNIT)
    before = {key: value.clone() for key, value in case.module.state_dict().items()}
    expected = reference(case)
    engine = find_engine(name)
    with quiet():
        call = engine.prepare(case.module, case.inputs, Setup())
        found = agreement(call(), expected.outputs)
    after = case.module.state_dict()

    assert found.within("float32"), found
    assert engine.missing() == ""
    assert engine.version()[0].isdigit()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert not case.module.training


@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_a_call_keeps_what_it_runs_on(name: str) -> None:
    """Whoever else has let go of the module and of its input: their memory is not used again."""
    case = case_of(UNIT)
    expected = reference(case).outputs
    sizes = {x.numel() for x in (*case.inputs, *case.module.state_dict().values())}
    with quiet():
        call = find_engine(name).prepare(case.module, case.inputs, Setup())
    del case
    gc.collect()
    others = [torch.full((size,), 1e9) for size in sizes for _ in range(50)]
    assert agreement(call(), expected).within("float32")
    assert others


@pytest.mark.slow
@pytest.mark.parametrize("model", NETWORKS)
@pytest.mark.parametrize("name", ENGINE_NAMES)
def test_agrees_on_networks(name: str, model: str) -> None:
    """A network of each family that has a structure of its own; reports/engines.md has all."""
    case = case_of(model, "1x3x64x64")
    expected = reference(case)
    with quiet():
        call = find_engine(name).prepare(case.module, case.inputs, Setup())
        found = agreement(call(), expected.outputs)

    assert found.within("float32"), found
    # An engine that took no notice of its input would be found out.
    assert expected.moved > LIMITS["float32"]


def test_channels_last_takes_a_weight_that_was_worked_out() -> None:
    """As pruning leaves one among a module's attributes; the module stays as it was."""
    model = nn.Conv2d(2, 4, 3)
    prune.random_unstructured(model, "weight", amount=0.5)  # type: ignore[no-untyped-call]
    x = torch.arange(50.0).reshape(1, 2, 5, 5)
    with torch.no_grad():
        expected = model(x)

    outputs: Any = find_engine("channels-last").prepare(model, (x,), Setup())()

    assert torch.allclose(outputs, expected, atol=1e-4)
    assert outputs.is_contiguous(memory_format=torch.channels_last)
    assert model.weight.is_contiguous()


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", ["eager", "channels-last"])
def test_half_precision(name: str, dtype: str) -> None:
    """It differs from fp32, so it was used, and by no more than its limit."""
    assert_used(name, dtype)


@pytest.mark.parametrize(("dtype", "unit"), [("bfloat16", "BF16"), ("float16", "FP16")])
def test_openvino_uses_half_precision_or_refuses_it(dtype: str, unit: str) -> None:
    """By what the plugin says that it can do on this processor, which not every one can.

    ONEDNN_MAX_CPU_ISA takes units away that the plugin still speaks of.
    """
    import openvino

    able = unit in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")
    if able and "ONEDNN_MAX_CPU_ISA" not in os.environ:
        assert_used("openvino", dtype)
    else:
        with pytest.raises(EngineError, match=f"{dtype} is not used: OpenVINO "):
            assert_used("openvino", dtype)


def test_openvino_that_fails_on_half_precision_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """With its last line; a failure in fp32 is none of precision."""
    import openvino

    def fail(self: object, *arguments: object) -> None:
        raise RuntimeError("Exception from core.cpp:117:\nobject is not initialized\n\n")

    monkeypatch.setattr(openvino.Core, "compile_model", fail)

    with pytest.raises(EngineError, match=r"bfloat16 is not used: .*: object is not initialized$"):
        assert_used("openvino", "bfloat16")
    with pytest.raises(RuntimeError, match="core"):
        assert_used("openvino", "float32")


def assert_used(name: str, dtype: str) -> None:
    case = case_of(UNIT)
    expected = reference(case)
    with quiet():
        call = find_engine(name).prepare(case.module, case.inputs, Setup(dtype=dtype))
        found = agreement(call(), expected.outputs)

    assert found.within(dtype), found
    assert not too_exact(found, expected.outputs, dtype)
    assert found.max_rel_error > 1e-4


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_outputs_of_fp32_are_not_half_precision(dtype: str) -> None:
    """Outputs that are rounded may be, and those that need no rounding say nothing."""
    exact, third = flat(torch.tensor([1.0, -4.0])), flat(torch.tensor([1 / 3, -4.0]))
    rounded = torch.tensor([1 / 3, -4.0]).to(getattr(torch, dtype))

    assert too_exact(agreement(third, third), third, dtype)
    assert not too_exact(agreement(rounded, third), third, dtype)
    assert not too_exact(agreement(exact, exact), exact, dtype)
    assert not too_exact(agreement(third, third), third, "float32")


@pytest.mark.parametrize("model", ["alexnet", "shufflenet_v1_x0_25_g3", "squeezenet1_1"])
def test_signals_keep_their_scale(model: str) -> None:
    """With torch's own initialisation the output is its last bias, and agrees with anything."""
    case = case_of(model, "1x3x96x96")
    expected = reference(case)
    (output,) = expected.outputs

    assert 1e-2 < abs(output).max() < 1e3
    assert expected.moved > LIMITS["float32"]


def test_the_same_case_twice_is_the_same() -> None:
    """Fixed random numbers, which leave the caller's alone."""
    state = torch.get_rng_state()
    first, second = case_of(UNIT), case_of(UNIT)

    assert torch.equal(first.inputs[0], second.inputs[0])
    assert not torch.equal(first.inputs[0], first.others[0])
    assert torch.equal(torch.get_rng_state(), state)


def test_a_wrong_result_is_not_within() -> None:
    """Nor is one that is not a number; another size is an error."""
    expected = flat([torch.tensor([1.0, -4.0]), {"b": torch.tensor([2.0])}])
    close = agreement([torch.tensor([1.0, -4.002]), torch.tensor([2.0])], expected)
    nan = agreement([torch.tensor([1.0, float("nan")]), torch.tensor([2.0])], expected)

    assert close.max_abs_error == pytest.approx(0.002, rel=1e-3)
    assert close.max_rel_error == pytest.approx(0.0005, rel=1e-3)
    assert close.within("float32")
    assert not agreement([torch.tensor([1.0, -4.01]), torch.tensor([2.0])], expected).within(
        "float32"
    )
    assert not nan.within("float32")
    with pytest.raises(ValueError, match=r"\[2\] elements and eager's \[2, 1\]"):
        agreement(torch.tensor([1.0, -4.0]), expected)


def test_ncnn_takes_one_image_at_a_time() -> None:
    """And says so."""
    with pytest.raises(EngineError, match="batch 1"):
        find_engine("ncnn").prepare(nn.Identity(), [torch.zeros(2, 3, 8, 8)], Setup())


def test_settings_that_an_engine_lacks_are_refused() -> None:
    """With those it has."""
    with pytest.raises(EngineError, match="dtype float16 is not supported: float32"):
        find_engine("onnxruntime").check(Setup(dtype="float16"))
    with pytest.raises(EngineError, match="device cuda is not supported: cpu"):
        find_engine("ncnn").check(Setup(device="cuda"))


def test_unknown_engine() -> None:
    """With the closest name."""
    with pytest.raises(UnknownNameError, match="did you mean openvino"):
        find_engine("openvni")


@pytest.mark.parametrize("name", ["onnxruntime", "openvino", "ncnn", "executorch"])
def test_a_missing_engine_says_which_extra_brings_it(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """As if nothing of it were installed."""
    monkeypatch.setattr("importlib.util.find_spec", lambda module: None)

    assert install_command(name) in find_engine(name).missing()


def test_compile_needs_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which is told before anything is tried."""
    monkeypatch.setattr("shutil.which", lambda program: None)

    assert "install g++" in find_engine("torch-compile").missing()


def test_quiet_silences_every_way_to_speak(capfd: pytest.CaptureFixture[str]) -> None:
    """Python's, a warning's, and a child's; afterwards all is as before."""
    import warnings

    with quiet():
        sys.stdout.write("from Python\n")
        sys.stdout.flush()
        warnings.warn("a warning", stacklevel=1)
        child = "import sys; sys.stdout.write('from a child')"
        subprocess.run([sys.executable, "-c", child], check=True)
    sys.stdout.write("heard\n")
    sys.stdout.flush()
    captured = capfd.readouterr()

    assert captured.out.splitlines()[-1] == "heard"
    assert "from" not in captured.out
    assert captured.err == ""
