"""`compare`: what is compared goes by its own name."""

from __future__ import annotations

import json

import pytest

from shufflenet_flops.cli.app import run

UNITS = ["shufflenet_unit@c=24,g=3,h=4", "shufflenet_unit@c=48,g=3,h=4"]


def test_units_of_one_kind_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    """And each has its own time: the second is compared with the first."""
    assert run(["compare", *UNITS, "--runs", "2", "--format", "json"]) == 0

    first, second = json.loads(capsys.readouterr().out)["results"]
    assert [first["model"], second["model"]] == UNITS
    assert [first["c"], second["c"]] == [24, 48]
    assert first["latency_s"]["ratio"] is None
    assert second["latency_s"]["ratio"]["ratio"] > 0


def test_units_at_the_same_sizes_go_by_their_kind(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compare", "--c", "24", "--h", "4", "--no-latency", "--format", "json"]) == 0

    results = json.loads(capsys.readouterr().out)["results"]
    assert [result["unit"] for result in results] == ["resnet", "resnext", "shufflenet"]
    assert not any("model" in result for result in results)
