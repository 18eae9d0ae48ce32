"""Sweeps over what families are scaled by: widths, depths and resolutions."""

from __future__ import annotations

from typing import Any

import pytest

from shufflenet_flops import zoo
from shufflenet_flops.counting.totals import totals
from shufflenet_flops.design.sweep.axes import default_goals, read_axes
from shufflenet_flops.design.sweep.plan import Plan, Summary, check_plan, chunks, count_chunk
from shufflenet_flops.errors import InputError
from shufflenet_flops.paper import load_table


def run(*designs: str, chunk: int = 2**17, **given: Any) -> tuple[Plan, Summary]:
    options = {name: given.pop(name) for name in ("where", "sample") if name in given}
    axes = read_axes(given)
    minimise, maximise = default_goals(axes)
    of = Plan(designs, axes, tuple(minimise), tuple(maximise), chunk=chunk, **options)
    check_plan(of, 10**9)
    total = Summary()
    for part in chunks(of):
        total = total.plus(count_chunk(of, part).summary, of)
    return of, total


def test_the_grid_of_mobilenet_v2() -> None:
    """Each of the release's 22 networks as it prints them, and every row by itself."""
    _, found = run("mobilenet_v2", width="0.35:1.4:0.05", resolution="96:224:32")
    rows = {(row["width"], row["resolution"]): row for row in found.front}

    assert found.kept == len(rows) == 22 * 5
    release = load_table("mobilenet_v2_release")
    for checkpoint in release.rows:
        width, resolution = checkpoint.removeprefix("mobilenet_v2_").split("_")
        printed = int(release.cell(checkpoint, "MACs (M)").printed)
        assert abs(int(rows[float(width), int(resolution)]["macs"]) / 1e6 - printed) < 1
    for (width, resolution), row in rows.items():
        model = zoo.find(f"mobilenet_v2@alpha={width},resolution={resolution}")
        counted = totals(model.spec, model.input)
        assert {name: row[name] for name in counted} == counted


@pytest.mark.parametrize(
    ("design", "axes", "names"),
    [
        ("resnet", {"depth": "18,50", "resolution": "128,224"}, "resnet@depth={depth}"),
        ("shufflenet_v2", {"width": "0.5,1", "resolution": "224"}, "shufflenet_v2@scale={width}"),
        ("efficientnet", {"phi": "0:1:0.5"}, "efficientnet@phi={phi}"),
        ("efficientnet_b3", {"width": "1,1.1"}, "efficientnet@width={width}"),
        ("vit@size=tiny", {"resolution": "32,48"}, "vit@size=tiny,resolution={resolution}"),
        ("alexnet", {"resolution": "224"}, "alexnet"),
    ],
)
def test_each_row_is_the_network_of_its_name(design: str, axes: dict[str, str], names: str) -> None:
    """By name, on the row's image."""
    _, found = run(design, **axes)

    assert found.front
    for row in found.front:
        model = zoo.find(names.format(**row))
        side = row.get("resolution", row.get("h"))
        assert row["macs"] == totals(model.spec, (1, 3, side, side))["macs"]


def test_scales_go_with_other_axes_filters_samples_and_chunks() -> None:
    """A width's rows are those of one network; chunks cut anywhere."""
    axes = {"width": "0.5,1", "resolution": "96:224:32", "classes": "10,100,1000"}
    _, whole = run("mobilenet_v2", **axes)
    _, cut = run("mobilenet_v2", chunk=7, **axes)
    _, kept = run("mobilenet_v2", where="width < 0.7 and resolution == 96", **axes)
    _, sample = run("mobilenet_v2", sample=30, **axes)

    assert whole.kept == 30
    assert whole.front == cut.front == sample.front
    assert kept.kept == 3
    assert {(row["width"], row["classes"]) for row in whole.front} == {(0.5, 10), (1.0, 10)}


def test_scales_that_make_no_network_are_told() -> None:
    """MobileNet V1 has whole widths, or none."""
    _, found = run("mobilenet_v1", width="0.3,0.5", resolution="128,224")

    assert (found.invalid, found.kept) == (2, 2)
    assert run("mobilenet_v1", width="0.3", resolution="128")[1].kept == 0


@pytest.mark.parametrize(
    ("designs", "axes", "message"),
    [
        (("mobilenet_v2",), {"width": "1", "c": "640"}, "--width and --c both set the c"),
        (("mobilenet_v2",), {"resolution": "96", "h": "96"}, "--resolution and --h both"),
        (("efficientnet",), {"phi": "1", "width": "1"}, "--phi and --width both"),
        (("vgg",), {"width": "0.5"}, "--width: vgg has no such option"),
        (("mobilenet_v2", "vgg"), {"width": "0.5"}, "--width: vgg has no such option"),
        (("mobilenet_v2@alpha=0.5",), {"width": "1"}, "says its alpha already; leave one out"),
        (("mobilenet_v2",), {"width": "0.0001:5:0.0001"}, "50,000 networks, more than 10,000"),
    ],
)
def test_axes_that_do_not_go_together_are_refused(
    designs: tuple[str, ...], axes: dict[str, str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        run(*designs, **axes)
