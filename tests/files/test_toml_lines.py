"""Keys are found on the line on which their statement begins, whatever surrounds them."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shufflenet_flops.errors import ConfigError
from shufflenet_flops.files.toml_lines import TomlFile, key_lines

VALUES = (
    "1",
    '"a # [b] = c"',
    "'[x]'",
    '"""\n[[budget]]\nkey = 1\n"""',
    "'''\n# no comment\n[table]'''",
    "[\n  1, # one\n  2,\n]",
    '{ a = 1, b.c = "}" }',
    "[{ a = 1 }, { a = 2 }]",
    "1979-05-27T07:32:00Z",
)
KEYS = ("a", "b-1", '"q.r"', "'s # t'", '"["')


@st.composite
def documents(draw: st.DrawFn) -> tuple[str, dict[tuple[str | int, ...], int]]:
    """A document, and the line of each of its statements by key path."""
    lines: list[str] = []
    expected: dict[tuple[str | int, ...], int] = {}

    def add(*text: str) -> int:
        lines.extend(draw(st.lists(st.sampled_from(["", "# [x]", "  # k = 1"]), max_size=2)))
        number = len(lines) + 1
        lines.extend("\n".join(text).split("\n"))
        return number

    def body(path: tuple[str | int, ...]) -> None:
        for key in draw(st.lists(st.sampled_from(KEYS), unique=True, max_size=3)):
            indent = draw(st.sampled_from(["", "  ", "\t"]))
            number = add(f"{indent}{key} = {draw(st.sampled_from(VALUES))} # end")
            expected[(*path, key.strip("\"'"))] = number

    body(())
    for i in range(draw(st.integers(0, 3))):
        expected["budget", i] = add(" [[ budget ]] # [[budget]]")
        body(("budget", i))
        if draw(st.booleans()):
            expected["budget", i, "inner"] = add("[budget.inner]")
            body(("budget", i, "inner"))
        for j in range(draw(st.integers(0, 2))):
            expected["budget", i, "list", j] = add("[[budget.list]]")
            body(("budget", i, "list", j))
    if draw(st.booleans()):
        expected["tool", "x y"] = add('[tool . "x y"]')
        body(("tool", "x y"))
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    return newline.join(lines) + draw(st.sampled_from(["", newline])), expected


@given(documents())
def test_lines_of_generated_documents(case: tuple[str, dict[tuple[str | int, ...], int]]) -> None:
    """Multi-line strings that look like headers, arrays, comments, quoted and dotted keys."""
    text, expected = case
    found = key_lines(text)

    assert {path: found[path] for path in expected} == expected


@given(documents())
def test_every_key_that_tomllib_finds_has_a_line(
    case: tuple[str, dict[tuple[str | int, ...], int]],
) -> None:
    """At every depth, keys in inline tables and elements of arrays too."""
    text, _ = case
    paths: list[tuple[str | int, ...]] = []

    def collect(value: object, path: tuple[str | int, ...]) -> None:
        if path:
            paths.append(path)
        if isinstance(value, dict):
            for key, item in value.items():
                collect(item, (*path, key))
        elif isinstance(value, list):
            for i, item in enumerate(value):
                collect(item, (*path, i))

    collect(tomllib.loads(text.replace("\r\n", "\n")), ())
    assert set(paths) <= set(key_lines(text))


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a = 1\nb = \n", 2, "not valid TOML"),
        ("a = 1\n\nb = [1,\n", 3, "not valid TOML"),
        ("a = " + "9" * 5000, 1, "not valid TOML"),
        ("a = 1\nb = " + "[" * 5000, 2, "nested too deeply"),
    ],
)
def test_what_is_no_toml_has_a_line(text: str, line: int, what: str) -> None:
    """Also where tomllib lets another error through."""
    with pytest.raises(ConfigError) as caught:
        TomlFile("x.toml", text)

    (problem,) = caught.value.problems
    assert problem.line == line
    assert what in problem.what
