"""Two networks side by side: each stage's MACs, and the difference."""

from __future__ import annotations

from dataclasses import replace

from shufflenet_flops import compare
from shufflenet_flops.report.view.stages import stages_grid


def test_differences_by_stage() -> None:
    """Of stages that one alone has, too; bars are on one scale, and the sum is the total's."""
    first, second = compare("shufflenet_v1_x1_0_g3", "shufflenet_v1_x1_0_g8")
    second = replace(second, stages={**second.stages, "more": 10**6})
    rows = {row[0].text: row for row in stages_grid(first, second).rows}

    assert list(rows) == [*first.stages, "more", "total"]
    # stage 3: hw(2cm/g+9m) of 7 units and of the first, as `count` has them.
    assert rows["stage3"][1].value == first.stages["stage3"] == 63_786_240
    assert rows["stage3"][5].value == second.stages["stage3"] - 63_786_240
    assert rows["stage3"][2].share == 1.0 or rows["stage3"][4].share == 1.0
    assert (rows["more"][1].text, rows["more"][5].text) == ("–", "+1.000")
    assert rows["total"][5].value == second.traced_macs + 10**6 - first.traced_macs
