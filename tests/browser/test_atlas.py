"""The atlas draws what is asked for, and its cards have Python's own integers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shufflenet_flops import zoo
from shufflenet_flops.counting import layer_table
from tests.browser.conftest import opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow  # all networks are derived, and their times predicted


@pytest.fixture
def page(browser: Browser, drawn: Path) -> Iterator[Page]:
    with opened(browser, drawn) as found:
        found.wait_for_selector("html[data-atlas=ready]")
        yield found


def test_every_network_can_be_shown_and_filtered(page: Page) -> None:
    page.select_option("#a-axis", "params")
    assert page.locator("#a-plot circle").count() == len(zoo.names())

    page.fill("#a-words", "mnasnet, ghostnet")
    shown = {dot.get_attribute("aria-label") for dot in page.locator("#a-plot circle").all()}
    assert shown == {*zoo.names("*mnasnet*"), *zoo.names("*ghostnet*")}
    assert page.inner_text("#a-count").startswith(f"{len(shown)} of {len(zoo.names())} shown")


def test_the_front_is_of_networks_that_no_other_beats(page: Page) -> None:
    """Of three VGGs, each with more MACs and more parameters than the last, only the first."""
    page.select_option("#a-axis", "params")
    page.fill("#a-words", "vgg11 vgg19")

    (front,) = page.locator("#a-plot .front").all()
    assert len((front.get_attribute("points") or "").split()) == 1


def test_any_two_figures_make_a_plot(page: Page) -> None:
    """Of two ShuffleNets the one that is faster is also left of the other, on a scale of times."""
    page.fill("#a-words", "shufflenet_v1_x1_0_g3 shufflenet_v1_x1_5_g3")
    page.select_option("#a-against", "time-onnxruntime")
    page.select_option("#a-axis", "memory")

    left, right = (
        float(page.locator(f"#a-plot circle[aria-label={name}]").get_attribute("cx") or "nan")
        for name in ("shufflenet_v1_x1_0_g3", "shufflenet_v1_x1_5_g3")
    )
    assert left < right
    assert "memory access in bytes against predicted time, onnxruntime" in (
        page.locator("#a-plot").get_attribute("aria-label") or ""
    )
    assert any(text.endswith(" ms") for text in page.locator("#a-plot text").all_text_contents())


def test_the_front_goes_up_in_accuracy(page: Page) -> None:
    """More accuracy is better on either axis; VGG-19 has more of it than VGG-11, and more MACs."""
    page.fill("#a-words", "vgg11 vgg19")
    for axis, against in (("accuracy", "macs"), ("macs", "accuracy")):
        page.select_option("#a-axis", axis)
        page.select_option("#a-against", against)

        (front,) = page.locator("#a-plot .front").all()
        assert len((front.get_attribute("points") or "").split()) == 2


def test_a_click_opens_the_card(page: Page) -> None:
    page.select_option("#a-axis", "params")
    page.fill("#a-words", "mobilenet_v2_x1_4")
    page.locator("#a-plot circle").click()
    model = zoo.find("mobilenet_v2_x1_4")
    table = layer_table(model.spec, model.input)
    card = page.inner_text("#a-card")

    assert f"{table.macs:,}" in card
    assert f"{table.params:,}" in card
    assert "MobileNet V2, Table 4" in card
    assert "585M ≈ 582.20" in card
    assert "ms, predicted for openvino" in card
    assert page.url.endswith("#network=mobilenet_v2_x1_4")


def test_an_address_opens_the_card(page: Page, drawn: Path) -> None:
    page.goto(f"{drawn.as_uri()}#network=vgg16")

    assert page.inner_text("#a-card h3") == "vgg16"


def test_a_click_beside_a_dot_takes_the_nearest(page: Page) -> None:
    """As a finger does on a small screen; and one far from all takes none."""
    page.set_viewport_size({"width": 375, "height": 800})
    page.select_option("#a-axis", "params")
    page.fill("#a-words", "vgg11")
    dot = page.locator("#a-plot circle[aria-label=vgg11]").bounding_box()
    plot = page.locator("#a-plot").bounding_box()
    assert dot is not None
    assert plot is not None

    page.locator("#a-plot").click(position={"x": 1, "y": 1})
    assert page.locator("#a-card h3").count() == 0
    beside = {"x": dot["x"] - plot["x"] + 15, "y": dot["y"] - plot["y"] + 10}
    page.locator("#a-plot").click(position={"x": beside["x"], "y": beside["y"]})
    assert page.inner_text("#a-card h3").startswith("vgg11")


def test_axe_finds_no_violation_in_a_card(page: Page) -> None:
    """On a small screen, where what was published is wider than the page."""
    from axe_playwright_python.sync_playwright import Axe

    page.set_viewport_size({"width": 375, "height": 800})
    page.evaluate("location.hash = 'network=mobilenet_v2'")
    page.wait_for_selector("#a-card table")
    found = Axe().run(page)

    assert found.violations_count == 0, found.generate_report()
