"""A real Chromium, and the page that it opens.

Where there is no Chromium the tests here are skipped and say so; with CI set, that is a failure.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shufflenet_flops.cli.app import run

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
OUTPUT = Path(__file__).parents[2] / "build" / "screenshots"
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]


def missing() -> str:
    """What is not there for a browser test, or nothing."""
    for module in ("playwright", "axe_playwright_python"):
        if find_spec(module) is None:
            return f"{module} is not installed: pip install -c constraints.txt -e '.[dev]'"
    if CHROMIUM is None:
        return "no Chromium on the PATH: apt-get install chromium"
    return ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of this folder, so that `-m browser` finds them."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("browser")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Chromium, started once."""
    reason = missing()
    if reason and os.environ.get("CI"):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="session")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A report with the explorer, as the command line writes it."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    assert run(["report", "compare", "--no-latency", "-o", str(path)]) == 0
    return path


@pytest.fixture(scope="session")
def counted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of a network, as the command line writes it, with its JSON beside it."""
    path = tmp_path_factory.mktemp("count") / "network.html"
    files = [str(path), str(path.with_suffix(".json"))]
    assert run(["count", "shufflenet_v1_x1_0_g3", *(f"-o{file}" for file in files)]) == 0
    return path


@pytest.fixture(scope="session")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The atlas, as the command line writes it."""
    path = tmp_path_factory.mktemp("atlas") / "atlas.html"
    assert run(["report", "atlas", "-o", str(path)]) == 0
    return path


@pytest.fixture
def page(browser: Browser, report: Path) -> Iterator[Page]:
    """The report, opened."""
    with opened(browser, report) as found:
        yield found


@contextmanager
def opened(browser: Browser, path: Path) -> Iterator[Page]:
    """A page, opened from its file; nothing may be logged, fail or be fetched."""
    # Nothing moves, so that a click meets what it is meant for.
    found = browser.new_page(viewport={"width": 1440, "height": 900}, reduced_motion="reduce")
    trouble: list[str] = []
    found.on("console", lambda message: trouble.append(f"console: {message.text}"))
    found.on("pageerror", lambda error: trouble.append(f"error: {error}"))
    found.on(
        "request",
        lambda request: (
            None
            if request.url.startswith(("data:", "blob:", path.as_uri()))
            else trouble.append(f"request: {request.url}")
        ),
    )
    found.goto(path.as_uri())
    yield found
    found.close()
    assert trouble == []
