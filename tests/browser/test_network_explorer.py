"""The explorer of a network computes what the walk over its numbers gives, exactly."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shufflenet_flops.cli.app import run
from shufflenet_flops.counting import layer_table
from shufflenet_flops.zoo import find_design
from tests.browser.conftest import opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

READ = "id => document.getElementById(id).dataset.value"


def read(page: Page) -> dict[str, Any]:
    return {
        "macs": page.evaluate(READ, "n-total"),
        "params": page.evaluate(READ, "n-params"),
        "memory": page.evaluate(READ, "n-memory_bytes"),
        "activations": page.evaluate(READ, "n-activations"),
    }


def walked(model: str, **numbers: int) -> dict[str, Any]:
    design = find_design(model)
    network = design.build(**{**design.fill({}), **numbers})
    table = layer_table(network.spec, network.input)
    return {
        "macs": str(table.macs),
        "params": str(table.params),
        "memory": str(table.memory_bytes),
        "activations": str(table.activations),
    }


def slide(page: Page, name: str, value: int) -> None:
    page.locator(f"#n-{name}-range").evaluate(
        "(range, value) => { range.value = value; range.dispatchEvent(new Event('input')); }",
        value,
    )


@pytest.mark.parametrize(
    "model", ["shufflenet_v1_x1_0_g3", "shufflenet_v1_x1_0_g1", "resnet50", "mobilenet_v2"]
)
def test_integers_are_those_of_the_walk(browser: Browser, tmp_path: Path, model: str) -> None:
    """It starts from the page's own, and follows width, groups and resolution."""
    path = tmp_path / "network.html"
    assert run(["count", model, "-o", str(path)]) == 0
    chosen = random.Random(model)
    with opened(browser, path) as page:
        assert read(page) == walked(model)
        assert page.locator("#n-total-ratio").inner_text() == "as on this page"
        groups = page.evaluate("JSON.parse(document.getElementById('x-data').textContent).widths")
        for _ in range(12):
            numbers = {}
            if "shufflenet" in model:
                place = chosen.randrange(len(groups))
                slide(page, "g", place)
                numbers["g"] = int(list(groups)[place])
            width = groups[str(numbers.get("g", 1))]
            numbers["c"] = width["least"] + width["step"] * chosen.randrange(1, 10**9)
            page.fill("#n-c", str(numbers["c"]))
            numbers["h"] = numbers["w"] = 32 * chosen.randint(2, 14)
            slide(page, "size", numbers["h"])

            assert page.inner_text("#n-problem") == ""
            assert read(page) == walked(model, **numbers)


def test_a_width_that_cannot_be_split(browser: Browser, counted: Path) -> None:
    """Is named, with the rule and the nearest that can; what is shown is marked as stale."""
    with opened(browser, counted) as page:
        page.fill("#n-c", "961")
        assert page.inner_text("#n-problem") == (
            "c=961 must be divisible by 48; nearest are 960 and 1008"
        )
        assert page.get_attribute("#n-c", "aria-invalid") == "true"
        page.fill("#n-c", "<img src=x>")
        assert "is not a whole number" in page.inner_text("#n-problem")
        page.click("#n-reset")
        assert page.inner_text("#n-total") == "137,460,672"
