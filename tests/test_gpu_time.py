"""Times that others measured, predicted from traces: reports/gpu-time.md and its parts."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from benchmarks.gpu_time.crossed import Crossed, crossed
from benchmarks.gpu_time.errors import Floats, errors, ratio_of_equals
from benchmarks.gpu_time.families import families, stem
from benchmarks.gpu_time.features import Sums, channels, of_kinds, of_ops, of_whole
from benchmarks.gpu_time.predictors import (
    Columns,
    Families,
    Fitted,
    Predictor,
    columns,
    power_of,
    weighted_sum,
)
from benchmarks.gpu_time.published import Published, Run, Sized, published
from benchmarks.gpu_time.report import TITLES, section
from benchmarks.gpu_time.traced import Layer, Traced, as_measured, traced
from shufflenet_flops.report.format.markdown import markdown_report

HEAD = "model,infer_img_size,infer_samples_per_sec,infer_batch_size,param_count\n"
# A 3x3 convolution of 4 to 8 channels in 2 groups on 5x5 pixels, with stride 2 on 10x10.
CONV = Layer(
    *("conv2d", "grouped conv", 3600, 4 * 400 + 4 * 144, 4 * 200, 144, 200),
    *(((1, 4, 10, 10),), (1, 8, 5, 5), (3, 3), (2, 2), 2),
)
RELU = Layer(*("relu", "activation", 0, 800, 800, 0, 200, ((1, 8, 5, 5),), (1, 8, 5, 5), (), (), 1))
LINEAR = Layer(*("linear", "linear", 80, 4 * 8 + 4 * 90, 40, 90, 10, ((1, 8),), (1, 10), (), (), 1))


def network(model: str, module: str = "m", *, order: tuple[int, ...] = (0, 1, 1, 2)) -> Traced:
    """A small network that runs these layers in this order."""
    return Traced(model, 10, module, False, 234, (CONV, RELU, LINEAR), order)


def test_files_of_timm_are_read(tmp_path: Path) -> None:
    """The order of columns differs; a run that failed has no rate; sizes may be floats."""
    (tmp_path / "benchmark-infer-amp-nchw-x.csv").write_text(
        HEAD + "resnet50,224.0,4000,256.0,25.56\nvit_huge,448,,,631.67\n"
    )
    (tmp_path / "benchmark-infer-fp32-cpu-y.csv").write_text(
        "infer_batch_size,model,param_count,infer_samples_per_sec,infer_img_size\n1,a,2,50,160\n"
    )
    (tmp_path / "results-imagenet.csv").write_text("model,top1\n")

    gpu, cpu = published(tmp_path)

    assert gpu == Published("amp-nchw-x", {Sized("resnet50", 224): Run(0.00025, 256, 25.56)})
    assert cpu.runs == {Sized("a", 160): Run(0.02, 1, 2)}
    assert (gpu.on_cpu, cpu.on_cpu) == (False, True)


def test_a_folder_without_files_says_where_they_are(tmp_path: Path) -> None:
    """Nobody has them by themselves."""
    with pytest.raises(FileNotFoundError, match="pytorch-image-models/tree/main/results"):
        published(tmp_path)


def test_a_network_is_the_one_that_was_measured() -> None:
    """By its parameters: as built, fused, or neither."""
    built, fused = (
        Traced("a", 1, params=9_000_000, layers=(RELU,)),
        Traced("a", 1, params=8_310_000, layers=(RELU,), fused=True),
    )

    assert as_measured([built, fused], 9.0) is built
    assert as_measured([built, fused], 8.31) is fused
    assert as_measured([built, fused], 8.39) is fused  # 1 % more
    assert as_measured([built, fused], 8.6) is None
    assert as_measured([Traced("a", 1, params=4_000, layers=(RELU,))], 0.0) is not None
    assert as_measured([Traced("a", 1, reason="Unknown model")], 0.0) is None
    assert as_measured([], 9.0) is None


def test_traces_are_read_back(tmp_path: Path) -> None:
    """What a run left is not traced again; both forms of a network are kept."""
    both = [network("a"), Traced("a", 10, "m", True, 200, (RELU,), (0,))]
    lines = [json.dumps(asdict(one)) + "\n" for one in both]
    (tmp_path / "traces.jsonl").write_text("".join(lines))

    found = traced([Sized("a", 10)], tmp_path / "traces.jsonl")

    assert found.keys() == {Sized("a", 10)}
    assert found[Sized("a", 10)] == both


@pytest.mark.slow
def test_a_network_is_traced_as_built_and_as_fused(tmp_path: Path) -> None:
    """At the size that is asked for; a name that is no model has a reason."""
    cache = tmp_path / "traces.jsonl"
    wanted = [Sized("repvgg_a0", 64), Sized("no_such_model", 64)]

    first = traced(wanted, cache)

    built, fused = first[wanted[0]]
    assert (built.params, fused.params) == (9_108_968, 8_309_384)
    assert len(built.order) > len(fused.order)
    assert built.module == "timm.models.byobnet"
    assert "no_such_model" in first[wanted[1]][0].reason
    assert [one.params for one in traced(wanted, cache)[wanted[0]]] == [9_108_968, 8_309_384]


def test_relatives_are_one_family() -> None:
    """By module, by the first letters of the name, and through others; not by who trained them."""
    found = families(
        [
            network("resnet50", "timm.models.resnet"),
            network("tf_resnet18", "timm.models.resnet"),
            network("resnet51q", "timm.models.byobnet"),
            network("repvgg_a0", "timm.models.byobnet"),
            network("test_vit", "timm.models.vision_transformer"),
            network("test_efficientnet", "timm.models.efficientnet"),
        ]
    )

    assert {found[name] for name in ("resnet50", "tf_resnet18", "resnet51q", "repvgg_a0")} in (
        {"timm.models.resnet"},
        {"timm.models.byobnet"},
    )
    assert found["test_vit"] == "timm.models.vision_transformer"
    assert found["test_efficientnet"] == "timm.models.efficientnet"
    assert stem("ssl_resnext50") == "resnext"
    assert stem("tf_efficientnet_b0") == "efficientnet"


def test_sums_of_a_network_by_hand() -> None:
    """Weights are told apart from the bytes that every image moves."""
    whole, kinds = of_whole(network("a")), of_kinds(network("a"))

    assert whole["network", "macs"] == 3680
    assert whole["network", "ops"] == 4
    assert whole["network", "weights"] == 234
    assert whole["network", "activations"] == 210
    assert whole["network", "read"] == 1600 + 2 * 800 + 32
    assert whole["network", "written"] == 800 + 2 * 800 + 40
    assert kinds["activation", "read"] == 1600
    assert kinds["grouped conv", "macs"] == 3600
    assert kinds["linear", "weights"] == 90


def test_what_sets_layers_of_a_kind_apart() -> None:
    """Channels are those of a group; an op that is no convolution has sums of its own."""
    sums = of_ops(network("a"))

    assert channels(CONV) == (2, 4)
    assert channels(LINEAR) == (8, 10)
    assert sums["grouped conv", "macs / in"] == 1800
    assert sums["grouped conv", "macs / in / out"] == 450
    assert sums["grouped conv, strided", "macs"] == 3600
    assert ("grouped conv, large", "macs") not in sums
    assert sums["op relu", "ops"] == 2
    assert sums["activation", "ops"] == 2


def test_what_a_batch_does_once_is_shared_by_its_images() -> None:
    """Kernels that are started and weights that are read; a column of zeros is none."""
    sums: list[Sums] = [
        {("x", "macs"): 8.0, ("x", "ops"): 4.0, ("x", "weights"): 6.0, ("y", "macs"): 0.0},
        {("x", "macs"): 2.0},
    ]

    table = columns(sums, [2, 1])

    assert table.names == [("x", "macs"), ("x", "ops"), ("x", "weights")]
    assert table.values.tolist() == [[8, 2, 3], [2, 0, 0]]


def test_a_weighted_sum_finds_the_weights() -> None:
    """Of times that are such a sum, but for one network that is ten times slower."""
    values = np.random.default_rng(0).uniform(1, 9, (60, 3))
    seconds = values @ np.array([3.0, 0.0, 0.5])
    seconds[7] *= 10
    names = [("a", "macs"), ("b", "read"), ("c", "read")]

    fitted = weighted_sum(Columns(names, values), seconds, np.array(list("abcde") * 12))

    assert fitted(np.eye(3)) == pytest.approx([3.0, 0.0, 0.5], abs=0.05)


def test_what_few_families_have_is_not_learnt() -> None:
    """One family's slow op would make all others with a little of it slow."""
    values = np.array([[1.0, 0], [2, 0], [3, 0], [4, 0], [5, 7]])
    seconds = np.array([1.0, 2, 3, 4, 99])
    names = [("a", "macs"), ("op odd", "read")]

    fitted = weighted_sum(Columns(names, values), seconds, np.array(list("abcde")))

    assert fitted(np.array([[1.0, 0], [1, 100]])).tolist() == pytest.approx([1, 1], rel=0.1)


def test_a_power_is_found() -> None:
    """2 · macs^1.5."""
    macs = np.array([[1.0], [4], [9]])
    fitted = power_of("macs")(
        Columns([("network", "macs")], macs), 2 * macs[:, 0] ** 1.5, np.array(list("abc"))
    )

    assert fitted(np.array([[16.0]]))[0] == pytest.approx(128)


def test_errors_by_hand() -> None:
    """A network that is twice as slow as said is 50 % off."""
    found = errors(np.array([10.9, 20, 35, 50]), np.array([10.0, 20, 30, 100]))

    assert found.mape == pytest.approx((0.09 + 0 + 1 / 6 + 0.5) / 4)
    assert found.median == pytest.approx((0.09 + 1 / 6) / 2)
    assert (found.within_10, found.within_20) == (0.5, 0.75)
    assert found.spearman == 1


def test_networks_of_as_many_macs_that_differ_most() -> None:
    """Within 1 %: 1000 and 1010, not 1000 and 1011."""
    macs, seconds = [1000, 2000, 1010, 1011, 2001], np.array([1.0, 9, 3, 50, 4])

    assert ratio_of_equals(macs, seconds) == (3, 2, pytest.approx(50 / 3))
    assert ratio_of_equals(macs[:3], seconds[:3]) == (2, 0, 3)


def test_no_family_is_predicted_from_itself() -> None:
    """Each fit sees the others, and all of them."""
    seen: list[tuple[str, ...]] = []

    def remember(known: Columns, seconds: Floats, groups: Families) -> Fitted:
        seen.append(tuple(groups))
        assert len(known.values) == len(seconds) == len(groups)
        return lambda values: np.full(len(values), seconds.sum())

    file = Published(
        "amp-x",
        {
            Sized(name, 10): Run(time, 1, 0.0)
            for name, time in zip("abcd", (1, 2, 4, 8), strict=True)
        }
        | {Sized("gone", 10): Run(9, 1, 0.0)},
    )
    found = crossed(
        file,
        {Sized(name, 10): [network(name)] for name in "abcd"},
        {"a": "first", "b": "first", "c": "second", "d": "third"},
        [Predictor("spy", of_whole, remember)],
    )

    assert seen == [("second", "third"), ("first", "first", "third"), ("first", "first", "second")]
    assert found.predicted["spy"].tolist() == [12, 12, 11, 7]
    assert found.unknown == (Sized("gone", 10),)


def a_file(setup: str, *, macs_error: float, activations_error: float) -> Crossed:
    """Three networks of two families that every predictor but two tells exactly."""
    measured = np.array([1e-3, 2e-3, 3e-3])
    predicted = dict.fromkeys(TITLES, measured)
    predicted |= {
        "MACs": measured * (1 + macs_error),
        "activations": measured * (1 + activations_error),
    }
    networks = tuple(map(network, ("slow", "quick", "other")))
    return Crossed(
        setup, "-cpu-" in setup, networks, np.array(["f", "f", "g"]), measured, predicted
    )


def test_the_report_says_what_the_figures_say() -> None:
    """On which files activations are nearer than MACs, and how far each is off."""
    gpus = [
        a_file("amp-x", macs_error=0.4, activations_error=0.2),
        a_file("amp-y", macs_error=0.3, activations_error=0.5),
    ]
    cpu = a_file("fp32-cpu-z", macs_error=0.1, activations_error=0.6)

    text = markdown_report(section([*gpus, cpu]), lambda name: f"figures/{name}.png")

    assert "9 times of 3 networks in 3 files" in text
    assert "MACs alone are off by 30 to 40 % on GPUs and 10 % on CPUs" in text
    assert "nearer than MACs in 1 of 2 files of GPUs and in 0 of 1 of CPUs" in text
    assert "other takes 3 times as long as slow, which has as many MACs to within 1 %" in text
    assert "| MACs | 30.0 | 30.0 | 0 | 0 | 1.000 |" in text
    assert "| amp-y | 3 | 30.0 | 50.0 | 0.0 |" in text
    assert "on CPUs" not in markdown_report(section(gpus))
