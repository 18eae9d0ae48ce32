"""axe-core, which knows the rules of WCAG 2.2 that a program can check, finds nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shufflenet_flops.cli.app import run
from tests.browser.conftest import opened
from tests.closed_form import nets

if TYPE_CHECKING:
    from playwright.sync_api import Browser


@pytest.mark.parametrize(
    "name", ["report", "counted", pytest.param("drawn", marks=pytest.mark.slow)]
)
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (375, "dark")])
def test_axe_finds_no_violation(
    browser: Browser, request: pytest.FixtureRequest, name: str, width: int, scheme: str
) -> None:
    """On wide and narrow screens, light and dark."""
    from axe_playwright_python.sync_playwright import Axe

    path: Path = request.getfixturevalue(name)
    with opened(browser, path) as page:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme="light" if scheme == "light" else "dark")
        found = Axe().run(page)

        assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize(
    "line",
    [
        "fit shufflenet_v1 --macs 140M --g 1,3",
        "formula shufflenet_unit@c=240,g=3",
        f"formula {nets.__file__}:Strided --over h,w",
        "sweep --c 64:128:16 --g 3 --quiet",
        "explain alexnet --reported 714M",
        "paper 4",
        "fit efficientnet --macs 400M",
        "count resnet18 --training",
    ],
)
def test_nor_on_the_page_of_any_command(browser: Browser, tmp_path: Path, line: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    file = tmp_path / "page.html"
    assert run([*line.split(), "-o", str(file)]) == 0
    with opened(browser, file) as page:
        found = Axe().run(page)

        assert found.violations_count == 0, found.generate_report()


def test_axe_finds_what_is_wrong(browser: Browser, counted: Path) -> None:
    """The test above can fail: an image without a text is found."""
    from axe_playwright_python.sync_playwright import Axe

    with opened(browser, counted) as page:
        page.evaluate("document.querySelector('main').append(document.createElement('img'))")

        assert Axe().run(page).violations_count == 1
