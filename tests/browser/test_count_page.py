"""The page of one network: its figures, the icicle, the table of layers, and the drawing."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shufflenet_flops.cli.app import run
from tests.browser.conftest import OUTPUT, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page

MODEL = "shufflenet_v1_x1_0_g3"
TABLE = f"count-{MODEL}-layers"


@pytest.fixture
def network(browser: Browser, counted: Path) -> Iterator[Page]:
    """The page of a network, opened; nothing may be logged, fail or be fetched."""
    with opened(browser, counted) as page:
        yield page


def cell(page: Page, path: str) -> Locator:
    """The part of the icicle that stands for a module."""
    return page.locator(f"[role=treeitem][aria-label^='{path},']")


def settled(page: Page) -> None:
    """Wait until the picture has come to rest."""
    page.wait_for_selector("figure.icicle[data-still=true]")


def height(found: Locator) -> float:
    return float(found.locator("rect").get_attribute("height") or 0)


def trail(page: Page) -> list[str]:
    return page.locator(".trail button").all_inner_texts()


def focused(page: Page) -> str:
    label = page.evaluate("document.activeElement.getAttribute('aria-label')")
    return str(label).partition(",")[0]


def test_opens_with_the_figures(network: Page) -> None:
    """Exact ones under those that are read at first sight."""
    head = network.locator(".head").inner_text()

    for text in ("137.5 M", "137,460,672", "1.87 M", "104.6 MB", "46.4 %", "stage3"):
        assert text in head


def test_area_is_by_what_is_chosen(network: Page) -> None:
    """Heights are in proportion to MACs, then to parameters."""
    macs = height(cell(network, "stage3")) / height(cell(network, "stage2"))
    network.get_by_label("parameters", exact=True).check()
    params = height(cell(network, "stage3")) / height(cell(network, "stage2"))

    assert macs == pytest.approx(63.786 / 32.175, rel=0.03)
    assert params == pytest.approx(307_680 / 39_552, rel=0.1)
    assert "307,680 parameters" in str(cell(network, "stage3").get_attribute("aria-label"))


def test_area_by_predicted_time(browser: Browser, tmp_path: Path) -> None:
    """Where an engine was asked for: the pools and moves that have no MACs are there."""
    pytest.importorskip("sklearn")
    path = tmp_path / "timed.html"
    assert run(["count", MODEL, "--engine", "onnxruntime", "-o", str(path)]) == 0
    with opened(browser, path) as page:
        assert "ms" in page.locator(".head").inner_text()
        assert cell(page, "maxpool").count() == 0
        page.get_by_label("predicted time", exact=True).check()
        assert cell(page, "maxpool").count() == 1
        label = str(cell(page, "stage3").get_attribute("aria-label"))
        assert re.search(r"stage3, \d\.\d+ ms, \d\d\.\d %", label)


def test_zoom_by_click_and_back_by_the_trail(network: Page) -> None:
    """A click fills the picture with a module; its parents are buttons above."""
    whole = height(cell(network, "stage2"))
    cell(network, "stage2").click()
    settled(network)

    assert height(cell(network, "stage2")) > 4 * whole
    assert cell(network, "stage3").count() == 0
    assert trail(network) == [MODEL, "stage2"]
    network.locator(".trail button").first.click()
    settled(network)
    assert height(cell(network, "stage2")) == pytest.approx(whole)


def test_keyboard(network: Page) -> None:
    """Arrows go to neighbours, children and parents, Enter zooms in, Escape out."""
    network.locator(".icicle input").first.focus()
    network.keyboard.press("Tab")
    assert focused(network) == MODEL

    steps = {"ArrowRight": "conv1.conv", "ArrowDown": "stage2", "ArrowLeft": MODEL}
    for key, path in steps.items():
        network.keyboard.press(key)
        assert focused(network) == path
    network.keyboard.press("ArrowRight")
    network.keyboard.press("ArrowDown")
    assert network.locator(".tip").is_visible()
    assert network.locator(".ring").is_visible()
    network.keyboard.press("Enter")
    settled(network)
    assert trail(network) == [MODEL, "stage2"]
    assert focused(network) == "stage2"
    network.keyboard.press("Escape")  # the tooltip
    network.keyboard.press("Escape")
    settled(network)
    assert trail(network) == [MODEL]


def test_the_tooltip_has_exact_figures(network: Page) -> None:
    """Of the module under the pointer."""
    cell(network, "stage3").hover(position={"x": 30, "y": 30})

    text = network.locator(".tip").inner_text()
    assert text.startswith("stage3")
    assert "307,680" in text


def test_filter_and_columns(network: Page) -> None:
    """The table of layers is open; what is filtered out or hidden is not shown."""
    rows = network.locator(f"#{TABLE} tbody tr:visible")
    assert rows.count() == 170
    network.fill(f"#{TABLE}-filter", "stage4 depthwise")
    assert rows.count() == 4
    network.get_by_text("Columns", exact=True).click()
    network.get_by_label("kernel", exact=True).uncheck()
    network.keyboard.press("Escape")

    assert not network.locator(".menu").is_visible()
    assert not network.locator(f"#{TABLE} thead th", has_text="kernel").is_visible()


def test_the_csv_has_exact_figures(network: Page, counted: Path) -> None:
    """Those of the JSON, row by row."""
    with network.expect_download() as event:
        network.get_by_role("button", name="Download CSV").click()
    lines = list(csv.DictReader(io.StringIO(event.value.path().read_text())))
    (result,) = json.loads(counted.with_suffix(".json").read_text())["results"]

    assert event.value.suggested_filename == f"{TABLE}.csv"
    assert lines[-1]["layer"] == "total"
    assert int(lines[-1]["macs"]) == result["macs"]
    found = [(line["layer"], int(line["macs"]), int(line["memory_bytes"])) for line in lines[:-1]]
    assert found == [
        (row["path"], row["macs"], row["read_bytes"] + row["write_bytes"]) for row in result["rows"]
    ]


def test_copies_the_table(network: Page) -> None:
    """As lines of cells with tabs between them."""
    network.context.grant_permissions(["clipboard-read", "clipboard-write"])
    network.fill(f"#{TABLE}-filter", "fc")
    network.get_by_role("button", name="Copy").click()
    network.wait_for_function("document.querySelector('.tools .status').textContent === 'copied'")
    copied = network.evaluate("navigator.clipboard.readText()")

    assert copied.splitlines()[1].startswith("fc\tlinear\t1x1000")
    assert "\t960000\t" in copied


def test_sorts_by_exact_figures(network: Page) -> None:
    """Largest first; a table of stages keeps the kinds below their stage."""
    stages = network.locator(f"#count-{MODEL}-1")
    stages.get_by_role("button", name="MMAC").click()
    names = stages.locator("tbody th").all_inner_texts()

    order = "stage3 stage4 stage2 conv1 fc maxpool globalpool total".split()
    assert [name for name in names if name[0] not in "├└"] == order
    assert names[1].startswith("├")


def test_a_module_opens_to_its_layers(network: Page) -> None:
    """By keyboard, as any fold."""
    stage = network.locator(".net > .chain > .module").first
    assert not stage.locator(".op").first.is_visible()
    stage.locator("summary").first.press("Enter")
    stage.locator(".units summary").last.press("Enter")

    assert "3 alike" in stage.inner_text()
    assert "1×1 GConv g = 3" in stage.inner_text()
    assert "Add" in stage.inner_text()


@pytest.mark.parametrize("width", [375, 768, 1280, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_network_fits_the_width(browser: Browser, counted: Path, width: int, scheme: str) -> None:
    """Nothing sticks out. The screenshots are kept."""
    with opened(browser, counted) as page:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme="light" if scheme == "light" else "dark")

        assert page.evaluate("document.documentElement.scrollWidth") == width
        OUTPUT.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=OUTPUT / f"count-{width}-{scheme}.png", full_page=True)


def test_without_scripts_the_table_and_the_drawing_are_there(
    browser: Browser, counted: Path
) -> None:
    """And no empty picture."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(counted.as_uri())

    assert page.locator(f"#{TABLE} tbody tr").last.inner_text().startswith("total")
    assert page.locator(".net .op").first.is_visible()
    assert not page.locator("figure.icicle").is_visible()
    context.close()
