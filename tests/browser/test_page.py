"""The page in a real browser: sorting, filtering, hostile names, sizes, printing."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shufflenet_flops.cli.app import run
from shufflenet_flops.report.format.html import html
from shufflenet_flops.report.grid import Column, grid
from shufflenet_flops.report.section import Section
from tests.browser.conftest import OUTPUT, opened

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

HOSTILE = "</script><script>document.title='hacked'</script><img src=x onerror=alert(1)>"


def column(page: Page, table: str, number: int) -> list[str]:
    """The visible texts of one column."""
    return [
        row.locator("th, td").nth(number).inner_text()
        for row in page.locator(f"#{table} tbody tr:visible").all()
    ]


@pytest.mark.parametrize("width", [375, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fits_the_width(browser: Browser, report: Path, width: int, scheme: str) -> None:
    """Nothing sticks out; only tables scroll. The screenshots are kept."""
    page = browser.new_page(
        viewport={"width": width, "height": 900},
        color_scheme="light" if scheme == "light" else "dark",
    )
    page.goto(report.as_uri())

    assert page.evaluate("document.documentElement.scrollWidth") == width
    OUTPUT.mkdir(parents=True, exist_ok=True)
    shot = page.screenshot(path=OUTPUT / f"report-{width}-{scheme}.png", full_page=True)
    assert len(shot) > 50_000
    page.close()


def test_figures_are_not_shrunk_where_there_is_little_room(browser: Browser, report: Path) -> None:
    """Their words are read at their size, and the page itself moves nowhere."""
    with opened(browser, report) as page:
        page.set_viewport_size({"width": 375, "height": 900})
        shown = page.evaluate(
            "[...document.querySelectorAll('.pictures img')].map((one) => "
            "[one.clientWidth, Number(one.getAttribute('width'))])"
        )
        assert shown
        assert all(width == natural for width, natural in shown)
        assert page.evaluate("document.documentElement.scrollWidth") == 375


def test_sorting(page: Page) -> None:
    """By number where the column has numbers, largest first, and back; by name else."""
    heading = page.locator("#compare-units-1 thead th")
    heading.nth(4).locator("button").click()

    assert column(page, "compare-units-1", 0) == ["resnet", "resnext", "shufflenet"]
    assert heading.nth(4).get_attribute("aria-sort") == "descending"
    heading.nth(4).locator("button").press("Enter")
    assert column(page, "compare-units-1", 0) == ["shufflenet", "resnext", "resnet"]
    heading.nth(0).locator("button").click()
    assert column(page, "compare-units-1", 0) == ["resnet", "resnext", "shufflenet"]
    assert heading.nth(4).get_attribute("aria-sort") is None


def test_sums_stay_last(browser: Browser, tmp_path: Path) -> None:
    """Sorting leaves what adds up the rows above it under them, in its order."""
    columns = [Column("term", figures=False), Column("MMAC")]
    rows = [("a", "1"), ("b", "5"), ("predicted", "6"), ("reported", "7"), ("residual", "1")]
    one = grid("terms", columns, rows)
    path = tmp_path / "sums.html"
    path.write_text(html("sums", [Section("sums", "sums", (), (one,))]))
    page = browser.new_page()
    page.goto(path.as_uri())
    page.locator("#sums-1 thead button").nth(1).click()

    assert column(page, "sums-1", 0) == ["b", "a", "predicted", "reported", "residual"]
    page.close()


def hostile_page(tmp_path: Path) -> Path:
    rows = [(HOSTILE, f"{number * 1500:,}") for number in range(20)]
    columns = [Column(HOSTILE, figures=False), Column("MMAC")]
    one = grid(HOSTILE, columns, [*rows, ("plain", "–"), ("total", "9")], [HOSTILE])
    section = Section(
        HOSTILE,
        HOSTILE,
        (HOSTILE, f"`{HOSTILE}`"),
        (one,),
        details=(one,),
        convention=HOSTILE,
        command=HOSTILE,
    )
    path = tmp_path / "hostile.html"
    path.write_text(html(HOSTILE, [section]))
    return path


def test_hostile_names_are_text(browser: Browser, tmp_path: Path) -> None:
    """They run nothing, load nothing and are readable; filters and sorting work on them."""
    page = browser.new_page()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(hostile_page(tmp_path).as_uri())

    assert page.title() == HOSTILE
    assert page.locator("main img").count() == 0
    assert HOSTILE in page.inner_text("h1")
    assert len(requests) == 1
    table = page.locator("main table").first
    table_id = str(table.get_attribute("id"))
    page.fill(f"[id='{table_id}-filter']", "SCRIPT 28,500")
    assert table.locator("tbody tr:visible").count() == 1
    assert page.locator("[role=status]").first.inner_text() == "1 of 22"
    page.fill(f"[id='{table_id}-filter']", "")
    table.locator("thead button").nth(1).click()
    figures = table.locator("tbody tr td").all_inner_texts()
    assert figures[:2] == ["28,500", "27,000"]
    assert figures[-3:] == ["0", "–", "9"]
    page.close()


def test_policy_stops_what_gets_in(browser: Browser, report: Path) -> None:
    """Even a script that was in the page would not run."""
    page = browser.new_page()
    page.goto(report.as_uri())
    stopped = page.evaluate(
        """async () => {
          const script = document.createElement("script");
          script.textContent = "window.hacked = true";
          const violation = new Promise((resolve) =>
            document.addEventListener("securitypolicyviolation", resolve, { once: true }));
          document.head.append(script);
          return [(await violation).violatedDirective, window.hacked ?? false];
        }"""
    )

    assert stopped == ["script-src-elem", False]
    page.close()


def test_prints(page: Page, tmp_path: Path) -> None:
    """Controls are left out on paper and folded tables are opened."""
    page.emulate_media(media="print")

    assert not page.is_visible("#x-form")
    assert not page.is_visible("nav")
    pdf = page.pdf(path=OUTPUT / "report.pdf", format="A4")
    assert pdf.startswith(b"%PDF")


def test_is_accessible(page: Page) -> None:
    """One h1, headings in order, every field labelled, every image and table described."""
    levels = page.evaluate("[...document.querySelectorAll('h1,h2,h3')].map((h) => +h.tagName[1])")
    unlabelled = page.evaluate(
        "[...document.querySelectorAll('input')].filter((i) => !i.labels.length && "
        "!i.getAttribute('aria-label')).length"
    )
    tables = page.locator("table").count()

    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert unlabelled == 0
    assert page.locator("img:not([alt]), img[alt='']").count() == 0
    assert page.locator("table > caption").count() == tables
    assert page.get_attribute("html", "lang") == "en"


@pytest.mark.parametrize(("width", "stop"), [(375, 0), (1440, -1)])
def test_keyboard_stops_at_tables_to_scroll(page: Page, width: int, stop: int) -> None:
    """And at no other table."""
    page.set_viewport_size({"width": width, "height": 900})

    page.wait_for_function("stop => document.querySelector('.scroll').tabIndex === stop", arg=stop)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contrast(page: Page, scheme: str) -> None:
    """Text is at least 4.5 times as bright as its ground, or the other way round."""
    page.emulate_media(color_scheme="light" if scheme == "light" else "dark")
    ratios = page.evaluate(
        """() => {
          const light = (name) => {
            const hex = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
            const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255)
              .map((x) => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4);
            return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
          };
          return ["--ink", "--quiet", "--accent", "--best", "--wrong"].flatMap((name) =>
            ["--ground", "--soft"].map((on) => {
              const [a, b] = [light(name), light(on)];
              return Math.max(a, b) / Math.min(a, b);
            }));
        }"""
    )

    assert min(ratios) >= 4.5


def test_colours_tell_pass_and_fail(browser: Browser, tmp_path: Path) -> None:
    """Beside the words, which say it too."""
    (tmp_path / "budget.toml").write_text(
        'schema = 1\n[[budget]]\nmodel = "resnet18"\nmacs = "1.9 G"\n'
        '[[budget]]\nmodel = "resnet34"\nmacs = "1.9 G"\n'
    )
    path = tmp_path / "budgets.html"
    assert run(["check", "--config", str(tmp_path / "budget.toml"), "-o", str(path)]) == 1
    with opened(browser, path) as page:
        colours = [
            page.locator(f"tbody .{tone}").evaluate("cell => getComputedStyle(cell).color")
            for tone in ("good", "bad")
        ]
        texts = [page.locator(f"tbody .{tone}").inner_text() for tone in ("good", "bad")]

    assert texts == ["ok", "FAIL"]
    assert colours[0] != colours[1]
