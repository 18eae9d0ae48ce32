"""Rows of a run: what is in them, what fails and why, and what a saved run gives back."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from shufflenet_flops.errors import InputError
from shufflenet_flops.latency import saved
from shufflenet_flops.latency.engines import find_engine
from shufflenet_flops.latency.engines.protocol import Call, Engine, Setup
from shufflenet_flops.latency.measure import Pair, Timing, TimingPlan, measure
from shufflenet_flops.latency.roofline import Peaks, layers, measure_peaks
from shufflenet_flops.paper import table8_times as table8
from shufflenet_flops.report.format.json import as_json
from shufflenet_flops.sources import resolve

PEAKS = Peaks(1e11, ((2**16, 1e11), (2**28, 1e10)))
PLAN = TimingPlan(Setup(), PEAKS, rounds=3)
UNITS = [resolve(f"shufflenet_unit@c={c},g=3,h=8,w=8") for c in (24, 48)]


class Fake(Engine):
    """An engine that does what the test wants."""

    name = "fake"
    distribution = "torch"
    modules = ("torch",)

    def __init__(self, act: Call) -> None:
        self._act = act

    def prepare(self, model: nn.Module, inputs: Sequence[Tensor], setup: Setup) -> Call:
        """What it was given."""
        return self._act


def timing(model: str, engine: str, seconds: Sequence[float], size: tuple[int, int]) -> Timing:
    """A row with given samples."""
    ordered = sorted(seconds)
    return Timing(
        model=model,
        engine=engine,
        engine_version="1",
        device="cpu",
        dtype="float32",
        threads=1,
        batch=1,
        input=(1, 3, *size),
        inputs=("1x3x{}x{}".format(*size),),
        status="ok",
        reason="",
        macs=1000,
        memory_bytes=1000,
        peaks=PEAKS,
        median_s=ordered[len(ordered) // 2],
        q1_s=ordered[len(ordered) // 4],
        q3_s=ordered[3 * len(ordered) // 4],
        samples_s=tuple(seconds),
    )


def test_rows() -> None:
    """Two models on two engines: facts, times, and every related pair in one direction."""
    rows = list(measure(UNITS, [find_engine("eager"), find_engine("channels-last")], PLAN))

    assert [row.label for row in rows] == [
        f"{source.name} on {engine}" for source in UNITS for engine in ("eager", "channels-last")
    ]
    for row in rows:
        assert row.status == "ok", row.reason
        assert row.input == resolve(row.model).inputs[0].shape
        assert row.macs == resolve(row.model).table.macs
        assert len(row.samples_s) == 3
        assert row.median_s is not None
        assert row.flop_per_s == pytest.approx(2 * row.macs / row.median_s)
        assert row.peak_share == pytest.approx(2 * row.macs / row.median_s / 1e11)
        assert row.max_rel_error is not None
        assert row.max_rel_error < 1e-3
    # The units have inputs of their own, so only engines are compared.
    assert [[pair.b for pair in row.pairs] for row in rows] == [
        [],
        [rows[0].label],
        [],
        [rows[2].label],
    ]


def test_models_of_one_input_are_paired() -> None:
    """Each with every earlier one of its engine."""
    models = [resolve(f"shufflenet_unit@c=24,g={g},h=8,w=8") for g in (1, 2, 3)]
    rows = list(measure(models, [find_engine("eager")], PLAN))

    assert [(pair.a, pair.b) for row in rows for pair in row.pairs] == [
        (rows[1].label, rows[0].label),
        (rows[2].label, rows[0].label),
        (rows[2].label, rows[1].label),
    ]
    for row in rows:
        for pair in row.pairs:
            assert 0 < pair.low <= pair.ratio <= pair.high


def test_a_wrong_result_is_a_failure_and_not_a_time() -> None:
    """The others are kept."""
    wrong, right = measure(
        UNITS[:1], [Fake(lambda: torch.ones(1, 24, 8, 8)), find_engine("eager")], PLAN
    )

    assert wrong.status == "failed"
    assert wrong.reason.startswith("wrong result: relative error")
    assert "limit for float32 is 1e-03" in wrong.reason
    assert wrong.median_s is None
    assert wrong.samples_s == ()
    assert wrong.max_rel_error is not None
    assert right.status == "ok"


def test_a_dtype_that_was_not_used_is_a_failure() -> None:
    """An engine that is asked for bfloat16 and computes in fp32, as some do without a word."""
    fp32 = find_engine("eager").prepare(*_unit(), Setup())

    class Silent(Fake):
        """It takes every dtype."""

        dtypes = ("float32", "bfloat16")

    plan = replace(PLAN, setup=Setup(dtype="bfloat16"))
    silent, eager = measure(UNITS[:1], [Silent(fp32), find_engine("eager")], plan)

    assert silent.status == "failed"
    assert silent.reason == "bfloat16 is not used: its outputs are those of float32"
    assert silent.samples_s == ()
    assert (eager.status, eager.dtype) == ("ok", "bfloat16")


def test_what_an_engine_cannot_take_is_a_failed_row_with_the_reason() -> None:
    """Whether it fails when it is prepared or later."""

    def refuse() -> None:
        raise MemoryError("no room for 1 TB\nand more lines")

    calls = 0
    good = find_engine("eager").prepare(*_unit(), Setup())

    def tire() -> object:
        nonlocal calls
        calls += 1
        if calls > 3:
            raise RuntimeError("tired")
        return good()

    class Tired(Fake):
        """Another engine."""

        name = "tired"

    rows = list(measure(UNITS[:1], [Fake(refuse), Tired(tire), find_engine("eager")], PLAN))

    assert [row.status for row in rows] == ["failed", "failed", "ok"]
    assert rows[0].reason == "MemoryError: no room for 1 TB"
    assert rows[1].reason == "RuntimeError: tired"
    assert len(rows[2].samples_s) == 3


def _unit() -> tuple[nn.Module, tuple[Tensor, ...]]:
    from shufflenet_flops.latency.case import build_case

    case = build_case(UNITS[0])
    return case.module, case.inputs


def test_what_cannot_fit_is_refused_before_it_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """With what it needs, what there is, and what to do."""
    monkeypatch.setattr("shufflenet_flops.latency.memory.available_bytes", lambda: 10_000)
    (row,) = measure(UNITS[:1], [Fake(lambda: pytest.fail("tried"))], PLAN)

    assert row.reason.startswith("out of memory: it needs at least")
    assert "--input" in row.reason


def test_ctrl_c_ends_the_run_after_the_rows_it_has() -> None:
    """Which are marked partial; nothing of the next input is begun."""
    good = find_engine("eager").prepare(*_unit(), Setup())
    calls = 0

    def stop() -> object:
        nonlocal calls
        calls += 1
        if calls == 12:
            raise KeyboardInterrupt
        return good()

    rows: list[Timing] = []
    with pytest.raises(KeyboardInterrupt):
        rows.extend(measure(UNITS, [Fake(stop)], replace(PLAN, rounds=10**6)))

    assert [row.model for row in rows] == [UNITS[0].name]
    assert rows[0].partial


def test_saved_runs_are_read_back(tmp_path: Path) -> None:
    """As they were, layers and pairs included."""
    plan = replace(PLAN, roofline=True)
    rows = tuple(measure(UNITS[:1], [find_engine("eager"), find_engine("channels-last")], plan))
    file = tmp_path / "run.json"
    file.write_text(as_json("latency", "paper", [asdict(row) for row in rows]))

    assert rows[0].layers
    assert saved.load_run(file).rows == rows


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is not what"),
        ("[]", "is not what"),
        (
            '{"schema": 1, "command": "count", "convention": null, "environment": {}, '
            '"results": [{}]}',
            "no run of `latency`",
        ),
        ('{"schema": 1, "command": "latency", "results": [{}], "environment": {}}', "is not what"),
        (None, "No such file"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, text: str | None, message: str) -> None:
    """In one line that names the file."""
    file = tmp_path / "run.json"
    if text is not None:
        file.write_text(text)

    with pytest.raises(InputError, match=message) as caught:
        saved.load_run(file)
    assert "run.json" in str(caught.value)


def test_runs_are_compared_row_by_row() -> None:
    """A row that got twice as slow, one that stayed, and one that only the old run has."""
    steady = [1.0, 1.01, 1.02, 1.03, 1.04] * 4
    old = saved.Run(
        tuple(timing(name, "eager", steady, (8, 8)) for name in ("slow", "same", "gone")), {}
    )
    new = saved.Run(
        (
            timing("slow", "eager", [2 * x for x in steady], (8, 8)),
            timing("same", "eager", steady, (8, 8)),
            timing("same", "eager", steady, (16, 16)),
        ),
        {},
    )
    slow, same = saved.changes(old, new)

    assert (slow.model, slow.ratio, slow.clear, slow.within) == ("slow", 2.0, True, False)
    assert (same.model, same.ratio, same.clear, same.within) == ("same", 1.0, False, True)
    assert saved.only_in(old, new) == ["gone on eager"]
    assert saved.only_in(new, old) == ["same on eager"]


def test_unlike_environments_are_said_to_be_unlike() -> None:
    """Key by key, packages by name; dates and loads always differ and are left out."""
    old = {"cpu": "A", "cores": 2, "date": "1", "packages": {"torch": "2.12", "onnx": "1"}}
    new = {"cpu": "A", "cores": 4, "date": "2", "packages": {"torch": "2.13", "ncnn": "1"}}

    assert saved.unlike(old, old) == []
    assert saved.unlike(old, new) == [
        "cores 2 → 4",
        "torch 2.12 → 2.13",
        "onnx 1 → absent",
        "ncnn absent → 1",
    ]


def test_table_8_has_the_papers_ratios() -> None:
    """Divided from its printed milliseconds, beside ours by engine, whole and per 4x."""
    rows = []
    for model in table8.ROWS:
        row = timing(model, "eager", [1.0, 1.1], (224, 224))
        macs = resolve(model).table.macs
        pairs = tuple(
            Pair(f"{a} on eager", f"{b} on eager", 2.5, 2.4, 2.6)
            for a, b in table8.RATIOS
            if a == model
        )
        rows.append(replace(row, macs=macs, pairs=pairs))
    found = {(one.a, one.b): one for one in table8.against(rows)}
    alexnet = found["alexnet", "shufflenet_v1_x0_5_g3"]
    smaller = table8.per_4x(found["shufflenet_v1_x1_0_g3", "shufflenet_v1_x0_5_g3"])

    assert list(found) == list(table8.RATIOS)
    assert round(alexnet.paper, 1) == 12.1
    assert alexnet.theory == pytest.approx(714188480 / 37589856)
    assert alexnet.ours["eager"].ratio == 2.5
    assert smaller.theory == 4
    assert smaller.paper == pytest.approx(2.65, abs=0.005)
    assert smaller.ours["eager"].ratio == pytest.approx(
        4 ** (math.log(2.5) / math.log(137460672 / 37589856))
    )


@pytest.mark.parametrize(("size", "ratio"), [((480, 640), 13.2), ((720, 1280), 14.0)])
def test_the_papers_other_sizes(size: tuple[int, int], ratio: float) -> None:
    """AlexNet over ShuffleNet 0.5x, as the paper's own table has it."""
    small = table8.paper_ms("shufflenet_v1_x0_5_g3", size)

    assert round(table8.paper_ms("alexnet", size) / small, 1) == ratio


def test_bounds() -> None:
    """Arithmetic or the copy of as many bytes, whichever takes longer."""
    from shufflenet_flops.counting import layer_table

    table = layer_table(UNITS[0].network.spec, (1, 24, 8, 8))  # type: ignore[union-attr]
    (conv,) = (row for row in table.rows if row.path.endswith("pw1"))
    (relu,) = (row for row in table.rows if row.path == "unit.relu")
    slow = Peaks(1.0, PEAKS.copies)

    assert slow.bound_s(conv) == 2 * conv.macs
    assert PEAKS.bound_s(relu) == relu.memory_bytes / 1e11
    assert PEAKS.bandwidth(2**30) == PEAKS.bytes_per_s == 1e10
    assert PEAKS.ridge == 10


def test_layers_are_timed_by_the_profiler() -> None:
    """Every row of the layer table, joined by its path; the hooks are gone afterwards."""
    from shufflenet_flops.latency.case import build_case

    case = build_case(UNITS[0])
    found = layers(case, PEAKS, 1)

    assert [layer.path for layer in found] == list(dict.fromkeys(r.path for r in case.table.rows))
    assert all(layer.time_s > 0 for layer in found)
    assert sum(layer.macs for layer in found) == case.table.macs
    assert not any(
        module._forward_hooks or module._forward_pre_hooks for module in case.module.modules()
    )


def test_peaks_are_measured() -> None:
    """Copies of every size from the caches to memory."""
    peaks = measure_peaks(Setup())

    assert peaks.flop_per_s > 1e8
    assert [size for size, _ in peaks.copies] == sorted(size for size, _ in peaks.copies)
    assert all(rate > 1e7 for _, rate in peaks.copies)
    assert json.loads(json.dumps(asdict(peaks)))["flop_per_s"] == peaks.flop_per_s
