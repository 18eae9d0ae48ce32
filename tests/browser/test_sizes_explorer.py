"""The explorer over a model's sizes computes what its formula gives, exactly."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import shufflenet_flops as sf
from shufflenet_flops.cli.app import run
from tests.browser.conftest import opened
from tests.closed_form import nets

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

SHAPE = (1, 4, 64, 64)


def total(page: Page) -> int:
    return int(page.evaluate("document.getElementById('s-total').dataset.value"))


def put(page: Page, name: str, size: int) -> None:
    page.locator(f"#s-{name}").fill(str(size))


def test_sizes_are_counted_as_by_a_trace(browser: Browser, tmp_path: Path) -> None:
    """Also on the other side of a guard: the model goes another way from 101 rows on."""
    file = tmp_path / "page.html"
    name = f"{nets.__file__}:Large"
    assert run(["formula", name, "--input", "1x4x64x64", "--over", "h,w,n", "-o", str(file)]) == 0
    drawn = random.Random(4)
    with opened(browser, file) as page:
        assert total(page) == sf.count(nets.Large(), SHAPE).macs
        for h in (100, 101, *(drawn.randint(1, 300) for _ in range(6))):
            w, n = drawn.randint(2, 300), drawn.randint(1, 9)
            for letter, size in (("h", h), ("w", w), ("n", n)):
                put(page, letter, size)
            assert total(page) == sf.count(nets.Large(), (n, 4, h, w)).macs


def test_sizes_of_any_length_are_exact_and_others_are_refused(
    browser: Browser, tmp_path: Path
) -> None:
    """10,080·⌈h/2⌉·⌈w/2⌉ + 1,024·⌊(h + 1)/4⌋·⌊(w + 1)/4⌋ + 320, worked out in Python."""
    file = tmp_path / "page.html"
    assert run(["formula", f"{nets.__file__}:Strided", "--over", "h,w", "-o", str(file)]) == 0
    with opened(browser, file) as page:
        h, w = 10**20 + 7, 10**15 + 2
        put(page, "h", h)
        put(page, "w", w)
        positions = -(-h // 2) * -(-w // 2)
        assert total(page) == 10_080 * positions + 1024 * ((h + 1) // 4) * ((w + 1) // 4) + 320

        put(page, "h", 2)
        problem = page.locator("#s-problem").inner_text()
        assert problem == f"h=2, w={w}: the formula is for h ≥ 3; w ≥ 3"
        put(page, "h", 3)
        assert page.locator("#s-problem").inner_text() == ""


@pytest.mark.parametrize("metric", ["params", "memory"])
def test_of_each_metric(metric: str, browser: Browser, tmp_path: Path) -> None:
    file = tmp_path / "page.html"
    over = ("--over", "h,w,n", "--metric", metric, "--by", "kind")
    assert run(["formula", f"{nets.__file__}:Strided", *over, "-o", str(file)]) == 0
    counted = sf.count(nets.Strided(), (1, 3, 224, 224))
    with opened(browser, file) as page:
        assert total(page) == (counted.params if metric == "params" else counted.memory_bytes)
