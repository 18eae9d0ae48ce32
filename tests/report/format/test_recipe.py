"""docs/add-a-format.md: what it says to write is all that a format takes."""

from __future__ import annotations

import pytest

from shufflenet_flops.report.format.registry import PAGES, RESULTS, VERDICTS, formats, renders
from tests.support.recipes import Recipe, recipe

BUDGET = 'schema = 1\n[[budget]]\nmodel = "resnet18"\nmacs = "1.9 G"\n'


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """The package with the page's one file in it."""
    made = recipe("add-a-format.md", tmp_path_factory.mktemp("package"))
    (code,) = made.blocks("python")
    made.write("report/format/tsv.py", code)
    (made.folder / "flop-budget.toml").write_text(BUDGET)
    return made


def test_results_and_verdicts(page: Recipe) -> None:
    """By name on stdout, by suffix in a file."""
    by_name, by_suffix = page.blocks("sh")[0].splitlines()
    first = page.run(by_name)

    assert first.stderr == ""
    assert "A\tA0 A1\tA0 B0\t" in first.stdout
    assert page.run(by_suffix).stderr == ""
    verdicts = (page.folder / "verdicts.tsv").read_text()
    assert verdicts.startswith("ok\tresnet18\tmacs\t1.814 GMAC")


def test_help_and_refusals_know_it(page: Recipe) -> None:
    """Also of commands that the page does not name."""
    assert "tsv" in page.run("shufflenet-flops count --help").stdout
    assert ".tsv" in page.run("shufflenet-flops count resnet18 -o x.doc").stderr
    assert ".tsv" in page.run("shufflenet-flops check -o x.doc").stderr
    assert ".tsv" not in page.run("shufflenet-flops report count resnet18 -o x.doc").stderr


def test_formats_are_as_documented() -> None:
    """The names of each kind, in the order of `--help`."""
    assert list(formats(RESULTS)) == [
        *("table", "json", "csv", "markdown", "latex", "card", "model-explorer", "html"),
    ]
    ci = ["github", "html", "junit", "sarif", "gitlab"]
    assert list(formats(VERDICTS)) == ["text", "json", "markdown", *ci]
    assert list(formats(PAGES)) == ["markdown", "html"]


def test_a_name_that_is_taken_is_refused() -> None:
    """Where the function is defined; the same name for another kind is fine."""
    formats(RESULTS)
    with pytest.raises(ValueError, match="'json' is the name of two formats of results"):
        renders(RESULTS, "json", rank=1)(lambda document: "")
