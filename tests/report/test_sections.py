"""Findings are computed: other results, other sentences."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shufflenet_flops.cli.app import run
from shufflenet_flops.errors import DataError
from shufflenet_flops.files.saved_file import Saved, load
from shufflenet_flops.report.sections import section_of

SIZE = ["--input", "1x3x64x64"]


def saved(tmp_path: Path, *arguments: str) -> Saved:
    """What a command writes to JSON."""
    path = tmp_path / "saved.json"
    run([*arguments, "-o", str(path)])
    return load(path.read_text(), path.name)


def changed(one: Saved, **changes: Any) -> Saved:
    """The same with other values in its last result."""
    results = json.loads(json.dumps(one.results))
    results[-1] |= changes
    return replace(one, results=results)


def test_compare_says_who_is_ahead(tmp_path: Path) -> None:
    """Of any two units; and what counters leave unexplained."""
    found = saved(tmp_path, "compare", "--no-latency")
    section = section_of(found)
    heavy = section_of(changed(found, traced_macs=10**9, analytic_macs=10**9, memory_bytes=10**9))

    assert section.findings[0].startswith("shufflenet takes 7.950 MMAC, 6.0 times fewer than resn")
    assert "no operation unexplained" in section.findings[2]
    assert heavy.findings[0].startswith("resnext takes 31.046 MMAC")
    assert "varies more than the work" in heavy.findings[1]
    assert section.environment is None
    assert [picture.name for picture in section.pictures] == [
        "cost",
        "groups",
        "counters",
        "shuffle",
    ]


def test_explain_names_who_is_off(tmp_path: Path) -> None:
    """A residual is said, and drawn."""
    names = ["--counter", "thop", "--counter", "fvcore"]
    found = saved(tmp_path, "explain", "shufflenet_v1_x0_25_g3", *SIZE, *names)
    counters = json.loads(json.dumps(found.results[0]["counters"]))
    counters["thop"] |= {"reported": counters["thop"]["reported"] + 7, "residual": 7}

    assert "nothing is unexplained" in section_of(found).findings[2]
    assert section_of(changed(found, counters=counters)).findings[2] == "Not explained: thop +7."


def test_check_puts_failures_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the layers behind each; what passes is said to be near or not."""
    monkeypatch.chdir(tmp_path)
    Path("flop-budget.toml").write_text(
        "schema = 1\n"
        '[[budget]]\nmodel = "shufflenet_v1_x1_0_g3"\nmacs = "200 M"\n'
        '[[budget]]\nmodel = "resnet50"\nmacs = "4 G"\n'
    )
    section = section_of(saved(tmp_path, "check"))

    assert section.findings[0] == "1 of 2 failed."
    assert (
        "shufflenet_v1_x1_0_g3 macs is nearest to its limit: 68.73 % of it" in section.findings[1]
    )
    assert section.findings[2].startswith("resnet50 macs: 4.089 GMAC > 4.000 GMAC")
    assert section.grids[0].rows[0][0].text == "FAIL"
    assert len(section.details) == 1


def test_latency_says_whether_it_is_the_macs(tmp_path: Path) -> None:
    """On made-up times: equal speeds, unequal speeds, and an order turned round."""
    models = ["shufflenet_v1_x0_25_g3", "shufflenet_v1_x0_5_g3"]
    options = ["--engine", "eager", "--runs", "5", "--quiet"]
    found = saved(tmp_path, "latency", *models, *SIZE, *options)
    results = json.loads(json.dumps(found.results))
    for row, seconds in zip(results, (2.0, 1.0), strict=True):
        row |= {"median_s": seconds, "q1_s": 0.9 * seconds, "q3_s": 1.1 * seconds}
        row["flop_per_s"] = 2 * row["macs"] / seconds
    turned = section_of(replace(found, results=results))
    for row in results:
        row["flop_per_s"] = 1e9
    even = section_of(replace(found, results=results))

    assert "MACs alone do not tell the time" in turned.findings[0]
    assert (
        turned.findings[1] == f"{models[1]} has more MACs than {models[0]} and is faster on eager."
    )
    assert even.findings[0] == "On eager every model gets 1 GFLOP/s."
    assert any("measured on" in note for note in turned.grids[-1].notes)
    assert any("warning: times vary" in note for note in turned.grids[-1].notes)
    del results[0]["peaks"]
    with pytest.raises(DataError, match="run `latency` again"):
        section_of(replace(found, results=results))


def test_paper_counts_verdicts(tmp_path: Path) -> None:
    """All exact in Table 1, none computed in Table 3."""
    exact = section_of(saved(tmp_path, "paper", "shufflenet_v1_table_1"))
    quoted = section_of(saved(tmp_path, "paper", "shufflenet_v1_table_3"))

    assert exact.findings[0].endswith("come out exactly as printed, 0 nearly, 0 not.")
    assert quoted.findings == ("These figures are quoted only: nothing here is computed.",)


def test_count_of_something_idle(tmp_path: Path) -> None:
    """Without MACs there is nothing to draw, and it says so."""
    found = saved(tmp_path, "count", "shufflenet_v1_x0_25_g3", *SIZE)
    rows = [row for row in found.results[0]["rows"] if row["kind"] == "activation"]
    section = section_of(changed(found, rows=rows, unknown_ops=[{"op": "aten.foo", "calls": 2}]))

    assert section.findings[:2] == (
        "It does no work that `paper` counts.",
        "NOT COUNTED, because unknown: aten.foo x2",
    )
    (way_out,) = section.findings[2:]
    assert "--rules: @shufflenet_flops.rule(torch.ops.aten.foo)" in way_out
    assert section.pictures == ()


@pytest.mark.parametrize("step", [(), ("--training",)])
def test_count_draws_memory_over_each_run(tmp_path: Path, step: tuple[str, ...]) -> None:
    """Each with its peak, which is that of the table."""
    found = saved(tmp_path, "count", "shufflenet_v1_x0_25_g3", *SIZE, "--peak", *step)
    drawn = [one for one in section_of(found).pictures if one.name.startswith("memory-")]
    peak = found.results[0]["peak"]

    runs = ["inference", "training"][: 1 + len(step)]
    assert [picture.name for picture in drawn] == [f"memory-{what}" for what in runs]
    for what, picture in zip(runs, drawn, strict=True):
        (words,) = picture.figure.axes[0].texts
        assert words.get_text().startswith(f"{peak[what]['bytes'] / 1e6:,.2f} MB at ")


def test_count_names_all_that_tie(tmp_path: Path) -> None:
    """Two stages with the same work, of which neither has more than the other."""
    (tmp_path / "twins.py").write_text(
        "from torch import nn\n"
        "def make():\n"
        "    return nn.Sequential(*[nn.Sequential(nn.Conv2d(4, 4, 1)) for _ in range(2)])\n"
    )
    found = saved(tmp_path, "count", "twins:make", "--path", str(tmp_path), "--input", "1x4x8x8")

    assert section_of(found).findings[1].startswith("The most MACs are in 0 and 1 (50.0 % each);")
