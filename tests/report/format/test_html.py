"""The HTML page: one file, all text escaped, nothing from outside."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest
from markdown_it import MarkdownIt

from shufflenet_flops.counting import CONVENTIONS
from shufflenet_flops.files.saved_file import Saved
from shufflenet_flops.report.format.html import html
from shufflenet_flops.report.format.markdown import markdown_report
from shufflenet_flops.report.grid import Cell, Column, grid
from shufflenet_flops.report.section import Section
from shufflenet_flops.report.sections import section_of
from shufflenet_flops.report.view.count import count_result
from shufflenet_flops.report.view.explorer import explorer_data, polynomial
from shufflenet_flops.saved import record
from shufflenet_flops.sources import Options, resolve

HOSTILE = "<script>alert(1)</script> [x](javascript:1) `a` ``b `c *d* | &amp; </td>"


class Page(HTMLParser):
    """Tags with their attributes, and all text, as a browser would read them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def hostile_section() -> Section:
    one = grid(HOSTILE, [Column(HOSTILE)], [[HOSTILE], [Cell(HOSTILE, best=True)]], [HOSTILE])
    return Section(HOSTILE, HOSTILE, (HOSTILE,), (one,), (), (one,), HOSTILE, HOSTILE)


def count_section(name: str) -> Section:
    result = count_result(resolve(name, Options()), CONVENTIONS["paper"])
    return section_of(Saved("count", "paper", {}, [json.loads(json.dumps(record(result)))]))


def test_hostile_names_are_text() -> None:
    """The page has no tag but its own, and shows the name."""
    page = Page(html(HOSTILE, [hostile_section()]))

    assert [tag for tag, _ in page.tags].count("script") == 1
    assert page.text.count("<script>alert(1)</script>") >= 8
    assert not [value for _, attributes in page.tags for value in attributes if value == "onerror"]


def test_hostile_names_are_text_in_markdown() -> None:
    """Rendered with HTML allowed: no tag but those of Markdown, and the name is shown."""
    markdown = MarkdownIt("commonmark", {"html": True}).enable("table")
    page = Page(markdown.render(markdown_report(hostile_section())))

    found = {tag for tag, _ in page.tags}
    assert "table" in found
    assert found.isdisjoint({"script", "a", "img", "em"})
    assert page.text.count("<script>alert(1)</script>") >= 8


def test_nothing_from_outside() -> None:
    """Every address is inside the page, and the policy names its own scripts alone."""
    text = html("t", [count_section("shufflenet_v1_x1_0_g3")])
    page = Page(text)
    addresses = [
        str(attributes[key])
        for _, attributes in page.tags
        for key in ("src", "href", "action", "xlink:href")
        if key in attributes
    ]
    (policy,) = (
        str(attributes["content"])
        for tag, attributes in page.tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    inline = re.findall(r"<(?:script|style)>(.*?)</(?:script|style)>", text, re.DOTALL)

    assert addresses
    assert all(address.startswith(("#", "data:image/svg+xml;base64,")) for address in addresses)
    assert policy.startswith("default-src 'none'; img-src data:;")
    assert (
        len(inline) == 7
    )  # the style, and scripts for tables, the icicle, d3's and three to explore
    for one in inline:
        digest = base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()
        assert f"'sha256-{digest}'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"\sstyle=|\son\w+=", text.split("<main>")[1].split("<script")[0])


def test_same_page_every_time() -> None:
    """Byte for byte, figures included, and of a size to send."""
    pages = {html("t", [count_section("resnet50")]) for _ in range(2)}

    assert len(pages) == 1
    assert len(pages.pop()) < 300_000


@pytest.mark.parametrize("alike", [True, False])
def test_a_page_of_very_many_layers_stays_small(alike: bool) -> None:
    """Below 1 MB, with the total of all layers; what is too much to read is left out."""
    result = count_result(resolve("shufflenet_v1_x1_0_g3", Options()), CONVENTIONS["paper"])
    rows = tuple(
        replace(row, path=f"block{i}.{row.path}", params=row.params + (0 if alike else i))
        for i in range(30)
        for row in result.rows
    )
    many = replace(result, rows=rows, specified=False, params=sum(row.params for row in rows))
    saved = Saved("count", "paper", {}, [json.loads(json.dumps(record(many)))])
    text = html("t", [section_of(saved)])

    assert len(text) < 1_000_000
    assert f"{len(rows) - 1000} others" in text
    assert f"{30 * result.macs:,}" in text


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("h*w*(2*c*m/g + 9*m)", 2),
        ("9*m**2/g + 4", 2),
        ("0", 0),
        ("7", 1),
    ],
)
def test_polynomials_are_the_expressions(text: str, terms: int) -> None:
    """Read back by sympy, they are equal."""
    import sympy

    names = {name: sympy.Symbol(name, integer=True, positive=True) for name in "cmghw"}
    expression = sympy.sympify(text, locals=names)
    found = polynomial(expression)

    def power(one: list[Any]) -> sympy.Expr:
        factors = [names[name] ** exponent for name, exponent in one[1].items()]
        return one[0] * sympy.prod(factors)

    assert len(found) == terms
    assert sympy.expand(sum(map(power, found)) - expression) == 0


def test_explorer_has_every_convention_and_case() -> None:
    """The last case of each unit holds for any sizes; units have no attention to be `causal`."""
    data = explorer_data()
    conventions = [name for name in CONVENTIONS if name != "causal"]

    assert list(data["conventions"]) == conventions
    for unit in data["units"].values():
        assert unit["cases"][-1]["when"] == {}
        assert list(unit["formulas"]) == conventions
    assert data["units"]["shufflenet"]["formulas"]["paper"] == "h*w*(2*c*m/g + 9*m)"
