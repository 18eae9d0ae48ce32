"""How quickly a report of a large network opens in Chromium, and how quickly it sorts."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from statistics import median

from shufflenet_flops.counting import find_convention
from shufflenet_flops.files.saved_file import Saved
from shufflenet_flops.report.format.html import html
from shufflenet_flops.report.sections import section_of
from shufflenet_flops.report.view.count import count_result
from shufflenet_flops.saved import record
from shufflenet_flops.sources import Options, resolve

MODEL = "resnet152"
ROUNDS = 7
GOAL = 1.0
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]

# From the click to the painted table; the layers' table is in the last <details> of the page.
SORT = """
() => new Promise((resolve) => {
  const details = [...document.querySelectorAll("details")].at(-1);
  details.open = true;
  const start = performance.now();
  details.querySelectorAll("thead button")[6].click();
  requestAnimationFrame(() => setTimeout(() => resolve(performance.now() - start)));
})
"""


def section() -> str:
    """A Markdown section: size, time to build, to open, and to sort."""
    start = time.perf_counter()
    page, layers = _page()
    built = time.perf_counter() - start
    lines = [
        "## A report in the browser",
        "",
        f"`report count {MODEL}` has {layers} layers in one sortable table and is "
        f"{len(page) / 1e3:.0f} kB. From its results to the page, figures included: {built:.2f} s.",
        "",
    ]
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None or find_spec("playwright") is None:
        return "\n".join([*lines, "Not opened: Chromium or playwright is not installed.", ""])
    opened, sorts = _in_chromium(chromium, page)
    total = median(a + b for a, b in zip(opened, sorts, strict=True))
    verdict = "met" if total <= GOAL else "missed"
    lines += [
        f"In headless Chromium, medians of {ROUNDS} fresh pages: {median(opened):.2f} s until it "
        f"is loaded and its scripts have run, {median(sorts) * 1e3:.0f} ms to sort all layers and "
        f"paint them; together {total:.2f} s (goal {GOAL:.0f} s: {verdict}).",
        "",
    ]
    return "\n".join(lines)


def _page() -> tuple[str, int]:
    result = count_result(resolve(MODEL, Options()), find_convention("paper"))
    saved = Saved("count", "paper", {}, [json.loads(json.dumps(record(result)))])
    return html(MODEL, [section_of(saved)]), len(result.rows)


def _in_chromium(chromium: str, page: str) -> tuple[list[float], list[float]]:
    """Seconds to open the page, and to sort its longest table, of each round."""
    from playwright.sync_api import sync_playwright

    opened, sorts = [], []
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as playwright:
        path = Path(directory) / "report.html"
        path.write_text(page)
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        for _ in range(ROUNDS):
            tab = browser.new_page(viewport={"width": 1440, "height": 900})
            start = time.perf_counter()
            tab.goto(path.as_uri())
            tab.wait_for_function("document.documentElement.dataset.explorer === 'ready'")
            opened.append(time.perf_counter() - start)
            sorts.append(tab.evaluate(SORT) / 1e3)
            tab.close()
        browser.close()
    return opened, sorts


if __name__ == "__main__":
    print(section())
