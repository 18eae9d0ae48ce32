"""`count --peak` and `sf.count(…, peak=True)`."""

from __future__ import annotations

import json
from typing import Any

import pytest
import torch
from torch import nn

import shufflenet_flops as sf
from shufflenet_flops.cli.app import run


def peak_of(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert run(["count", *arguments, "--peak", "--format", "json"]) == 0
    peak: dict[str, Any] = json.loads(capsys.readouterr().out)["results"][0]["peak"]
    return peak


def test_the_parts_add_up(capsys: pytest.CaptureFixture[str]) -> None:
    """A ResNet-50 peaks at the end of its first unit: four maps of 256 and 64 channels on 56x56."""
    peak = peak_of(capsys, "resnet50")
    terms = {term["name"]: term["bytes"] for term in peak["terms"]}

    assert sum(terms.values()) == peak["inference_bytes"]
    assert terms["parameters"] == 4 * 25_557_032
    assert terms["inputs"] == 4 * 3 * 224 * 224
    assert peak["training_bytes"] is None
    assert "on one thread" in peak["kernels"]
    run = peak["inference"]
    assert run["tensor_bytes"] == sum(
        (terms["parameters"], terms["buffers"], terms["inputs"], 4 * 56 * 56 * (3 * 256 + 64))
    )
    assert len(run["timeline"]) > 100


def test_the_batch_is_the_first_axis_of_the_input(capsys: pytest.CaptureFixture[str]) -> None:
    one = peak_of(capsys, "shufflenet_v1@g=3,scale=0.5")
    assert one == peak_of(capsys, "shufflenet_v1@g=3,scale=0.5", "--batch", "1")
    many = peak_of(capsys, "shufflenet_v1@g=3,scale=0.5", "--batch", "8")
    assert many == peak_of(capsys, "shufflenet_v1@g=3,scale=0.5", "--input", "8x3x224x224")

    def made(peak: dict[str, Any]) -> int:
        (found,) = (term["bytes"] for term in peak["terms"] if term["name"] == "activations")
        return int(found)

    assert made(many) == 8 * made(one)


@pytest.mark.parametrize("name", ["resnet50", "mobilenet_v2"])
def test_workspace_is_named(capsys: pytest.CaptureFixture[str], name: str) -> None:
    """A convolution of 3 x 3 with a stride needs its input in another order."""
    run_ = peak_of(capsys, name)["inference"]

    assert run_["bytes"] == max(moment["bytes"] for moment in run_["timeline"])
    assert run_["bytes"] > run_["tensor_bytes"]
    assert {"reordered input", "reordered weights"} <= {term["name"] for term in run_["terms"]}


def test_the_table_says_where_it_peaks(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["count", "resnet50", "--peak"]) == 0
    out = capsys.readouterr().out

    assert "peak memory of resnet50 on 1x3x224x224" in out
    assert "alive at the peak of inference, at conv" in out
    assert "reordered weights" in out
    assert "timeline of inference" in out


def test_a_graph_has_a_peak_without_kernels(
    capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    from tests.sources.programs import Small, export_onnx

    path = str(tmp_path / "small.onnx")
    export_onnx(Small().eval(), (torch.zeros(1, 3, 8, 8),), path, fold=True)
    peak = peak_of(capsys, path)

    assert peak["kernels"] == ""
    assert peak["inference"]["tensor_bytes"] == peak["inference_bytes"]
    assert run(["count", path, "--peak", "--training"]) == 2
    assert "says nothing of gradients" in capsys.readouterr().err


def test_from_python() -> None:
    """Two maps of 1 x 8 x 30 x 30: the convolution's, and that of the activation."""
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
    counted = sf.count(net, (1, 3, 32, 32), peak=True)

    assert counted.peak is not None
    assert counted.peak.inference.timeline[-1].path == "1"
    assert counted.peak.inference.tensor_bytes == 4 * (8 * 27 + 8 + 3 * 32 * 32 + 2 * 8 * 30 * 30)
    assert counted.to_dict()["peak"]["inference_bytes"] == counted.peak.inference_bytes
    assert sf.count(net, (1, 3, 32, 32)).peak is None
    assert "peak" not in sf.count(net, (1, 3, 32, 32)).to_dict()


def test_a_step_has_gradients_and_the_optimizers_state(capsys: pytest.CaptureFixture[str]) -> None:
    """As many bytes of gradients as of parameters when all are there, and of adam's state twice."""
    peak = peak_of(
        capsys, "resnet18", "--training", "--optimizer", "adam", "--batch", "2", "--input", "64"
    )
    terms = {term["name"]: term["bytes"] for term in peak["terms"]}
    parameters = 4 * 11_689_512

    assert sum(terms.values()) == peak["training_bytes"] > peak["inference_bytes"]
    assert terms["parameters"] == parameters
    assert terms["optimizer state"] == 2 * parameters + 4 * 62
    assert 0 < terms["gradients of parameters"] <= parameters
    assert peak["training"]["timeline"][-1]["op"] == "update by adam"


def test_what_is_frozen_has_none(capsys: pytest.CaptureFixture[str]) -> None:
    """The last layer alone is trained, at whose gradient little else is alive."""
    options = ("resnet18", "--training", "--input", "64", "--batch", "2")
    whole = peak_of(capsys, *options)["training_bytes"]
    head = peak_of(capsys, *options, "--train", "fc")["training_bytes"]

    assert head < whole - 35_000_000


def test_the_tables_of_both_runs(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["count", "resnet18", "--peak", "--training", "--input", "64"]) == 0
    out = capsys.readouterr().out

    assert "a training step of resnet18" in out
    assert "alive at the peak of training" in out
    assert "gradients of parameters" in out


def test_the_arena_of_a_network_with_a_spec(capsys: pytest.CaptureFixture[str]) -> None:
    """MobileNet V2 in int8: 96 channels on 112 x 112 and on 56 x 56, and a byte for each weight."""
    first = peak_of(capsys, "mobilenet_v2")["arenas"][0]

    assert first == {
        "dtype": "int8",
        "arena_bytes": 96 * (112 * 112 + 56 * 56),
        "lower_bound_bytes": 96 * (112 * 112 + 56 * 56),
        "weight_bytes": 3_504_872,
    }
    assert run(["count", "mobilenet_v2", "--peak"]) == 0
    assert "arena of a small device" in capsys.readouterr().out


def test_the_largest_batch_under_a_limit(capsys: pytest.CaptureFixture[str]) -> None:
    """It is proven by the next one; a step takes more than inference."""
    asked = (
        "count",
        "shufflenet_v1_x0_25_g3",
        "--input",
        "1x3x64x64",
        "--peak",
        "--limit",
        "20 MB",
    )
    fits = {}
    for more in ((), ("--training",)):
        assert run([*asked, *more, "--format", "json"]) == 0
        (result,) = json.loads(capsys.readouterr().out)["results"]
        fit = fits[more] = result["peak"]["fit"]
        assert fit["bytes"] <= fit["limit_bytes"] == 20_000_000 < fit["next_bytes"]
        at = ["--batch", str(fit["batch"])]
        assert run([*asked[:5], *more, *at, "--format", "json"]) == 0
        (result,) = json.loads(capsys.readouterr().out)["results"]
        peak = result["peak"]
        assert (peak["training_bytes"] or peak["inference_bytes"]) == fit["bytes"]
        assert "fit" not in peak
    assert fits["--training",]["batch"] < fits[()]["batch"]
    assert run(list(asked)) == 0
    assert f"under 20,000,000 bytes is {fits[()]['batch']:,}" in capsys.readouterr().out
    assert run([*asked[:-1], "100 kB"]) == 0
    assert "not even a batch of 1 fits" in capsys.readouterr().out


def test_what_would_lower_the_peak(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["count", "resnet18", "--peak", "--training", "--batch", "4"]) == 0
    text = capsys.readouterr().out

    assert "training with checkpoint conv" in text
    assert " % less" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--limit", "8GiB"), "--limit: is of peak memory: add --peak"),
        (("--peak", "--limit", "8 GMAC"), "8 GMAC"),
        (("--peak", "--limit", "much"), "'much' is not an amount"),
    ],
)
def test_limits_that_are_refused(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    assert run(["count", "resnet18", *arguments]) == 2
    assert message in capsys.readouterr().err


def test_a_module_has_an_arena_too(capsys: pytest.CaptureFixture[str]) -> None:
    """Of its input of 8 numbers, which stays, and 4 and 2 more."""
    net = nn.Sequential(nn.Linear(4, 2), nn.Linear(2, 1))
    peak = sf.count(net, (2, 4), peak=True).peak

    assert peak is not None
    assert [size.arena_bytes for size in peak.arenas] == [14, 28, 56]
    assert sf.count(net, (2, 4), peak=True, limit="1 kB").peak.fit.batch > 2  # type: ignore[union-attr] # given
    with pytest.raises(sf.ShufflenetFlopsError, match="peak=True"):
        sf.count(net, (2, 4), limit=10)
