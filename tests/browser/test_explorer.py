"""The explorer computes what Python computes, exactly, and says what Python says."""

from __future__ import annotations

import random
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shufflenet_flops import zoo
from shufflenet_flops.cli.app import run
from shufflenet_flops.counting import CONVENTIONS, layer_table
from shufflenet_flops.errors import SpecError
from shufflenet_flops.zoo.units import UNIT_NAMES

if TYPE_CHECKING:
    from playwright.sync_api import Page

Setting = dict[str, Any]

READ = """
async (address) => {
  const done = new Promise((resolve) => addEventListener("hashchange", resolve, { once: true }));
  location.hash = address;
  await done;
  const value = (id) => document.getElementById(id).dataset.value;
  return {
    problem: document.getElementById("x-problem").textContent,
    total: value("x-total"), params: value("x-params"), memory: value("x-memory"),
    activations: value("x-activations"),
    kinds: Object.fromEntries([...document.querySelectorAll("#x-shares tbody tr")]
      .map((row) => [row.dataset.kind, row.dataset.count])),
  };
}
"""


def settings() -> list[Setting]:
    """Small, large beyond 2^53, with layers that change kind, and impossible ones."""
    chosen = random.Random(20170704)
    found: list[Setting] = []
    for number in range(320):
        g = chosen.choice([1, 1, 2, 3, 4, 5, 8, 16, 37])
        scale = chosen.choice([1, 2, 7, 60, 900, 300_000, 2_000_000])
        setting = {"g": g, "c": 4 * g * scale, "h": 1 + chosen.randrange(300)}
        setting["w"] = chosen.choice([setting["h"], 1 + chosen.randrange(5000)])
        match number % 8:
            case 0 | 1:
                setting["m"] = g * chosen.randint(1, 500)
            case 2:
                setting["m"] = g
            case 3:
                setting |= {"m": g * chosen.randint(1, 9), "c": g}
            case 4:
                setting |= {"m": chosen.randint(1, 99), "c": chosen.randint(1, 400)}
            case 5:
                setting["c"] = chosen.randint(1, 3000)
        setting["unit"] = chosen.choice(UNIT_NAMES)
        setting["convention"] = chosen.choice(list(CONVENTIONS))
        found.append(setting)
    return found


def expected(setting: Setting) -> dict[str, Any]:
    """What the walk over the numbers gives, or the error that it raises."""
    family = f"{setting['unit']}_unit"
    known = zoo.find_family(family).options
    text = ",".join(f"{key}={value}" for key, value in setting.items() if key in known)
    try:
        model = zoo.find(f"{family}@{text}")
        table = layer_table(model.spec, model.input)
    except SpecError as error:
        return {"problem": str(error)}
    convention = CONVENTIONS[setting["convention"]]
    return {
        "problem": "",
        "total": str(table.total(convention)),
        "params": str(table.params),
        "memory": str(table.memory_bytes),
        "activations": str(table.activations),
        "kinds": {kind: str(part.total(convention)) for kind, part in table.by("kind").items()},
    }


def address(setting: Setting) -> str:
    return "&".join(f"{key}={value}" for key, value in setting.items())


def test_integers_are_pythons(page: Page) -> None:
    """At least 200 valid settings, some past what a double holds; the rest explained alike."""
    valid = invalid = beyond = 0
    for setting in settings():
        found = page.evaluate(READ, address(setting))
        wanted = expected(setting)

        assert {key: found[key] for key in wanted} == wanted, setting
        invalid += bool(wanted["problem"])
        valid += not wanted["problem"]
        beyond += int(wanted.get("total", 0)) > 2**53
    assert valid >= 200
    assert invalid >= 30
    assert beyond >= 20


@pytest.mark.parametrize("text", ["0", "-3", "abc", "12.5", "1e3", "½"])
def test_text_that_is_no_number(page: Page, capsys: pytest.CaptureFixture[str], text: str) -> None:
    """In the command line's words, at the field, and told to screen readers."""
    page.fill("#x-c", text)

    problem = page.text_content("#x-problem") or ""
    assert run(["compare", "--no-latency", f"--c={text}"]) == 2
    assert problem.removeprefix("c: ") in capsys.readouterr().err
    assert f"{text} is not a whole number" in problem
    assert page.get_attribute("#x-c", "aria-invalid") == "true"
    assert page.get_attribute("#x-problem", "role") == "alert"


def test_dragging_moves_everything(page: Page) -> None:
    """By keyboard: numbers, formula, chart and address follow the slider."""
    before = page.inner_html("#x-bars"), page.inner_html("#x-lines")
    page.focus("#x-h-range")
    page.keyboard.press("ArrowRight")

    assert page.text_content("#x-numbers") == "29·28·(2·240·60/3 + 9·60)"
    assert page.get_attribute("#x-total", "data-value") == str(29 * 28 * (2 * 240 * 60 // 3 + 540))
    assert (page.inner_html("#x-bars"), page.inner_html("#x-lines")) != before
    assert "h=29" in page.url


@pytest.mark.parametrize("g", ["1", "5", "8"])
@pytest.mark.parametrize("unit", UNIT_NAMES)
def test_dragging_c_breaks_no_rule(page: Page, unit: str, g: str) -> None:
    """The slider's steps are those that the unit can be split by."""
    page.check(f"input[name=unit][value={unit}]")
    if unit != "resnet":
        page.fill("#x-g", g)
    page.focus("#x-c-range")
    for _ in range(5):
        before = page.input_value("#x-c")
        page.keyboard.press("ArrowRight")

        assert page.text_content("#x-problem") == ""
        assert int(page.input_value("#x-c")) > int(before)


def test_setting_is_in_the_address(page: Page, report: Path) -> None:
    """A copied address opens with the same setting."""
    page.check("input[name=unit][value=resnext]")
    page.check("input[name=convention][value=flops]")
    page.uncheck("#x-auto")
    page.fill("#x-m", "128")
    page.fill("#x-g", "32")
    page.fill("#x-c", "256")
    total = page.text_content("#x-total")
    copied = page.url
    page.goto("about:blank")
    page.goto(copied)

    assert copied.startswith(f"{report.as_uri()}#unit=resnext&c=256&m=128&g=32")
    assert total == "109,985,792"
    assert page.text_content("#x-total") == total
    assert page.is_checked("input[name=convention][value=flops]")


def test_hostile_address(page: Page) -> None:
    """Unknown units, scripts and endless numbers in the address do no harm."""
    hostile = "unit=__proto__&convention=<script>&c=<img src=x onerror=alert(1)>&g=" + "9" * 500
    found = page.evaluate(READ, hostile)

    assert "is not a whole number" in found["problem"]
    assert page.locator("#explorer img").count() == 0
