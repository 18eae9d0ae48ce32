"""The lock: read back as written, and no single change of it goes unseen."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from shufflenet_flops.budget.block import Block, Lock
from shufflenet_flops.budget.block import block as block_of_count
from shufflenet_flops.budget.diff import compare
from shufflenet_flops.budget.layer_line import FORM
from shufflenet_flops.budget.lock import parse, relocked, render
from shufflenet_flops.counting import find_convention
from shufflenet_flops.errors import ConfigError, Problem
from shufflenet_flops.files.json_lines import JsonFile
from shufflenet_flops.sources import Options, parse_input, resolve
from tests.budget_documents import blocks, leaves, locks, old_form


def read(text: str) -> tuple[Lock, tuple[Problem, ...]]:
    """What a lock's text holds, or what is wrong with it; any other error is a defect."""
    try:
        return parse("x.lock", text), ()
    except ConfigError as error:
        return (), error.problems


@given(locks)
def test_a_lock_is_read_back_as_written(lock: Lock) -> None:
    """Blocks sorted, and the text the same whatever order they are in."""
    text = render(lock)

    assert parse("x.lock", text) == tuple(sorted(lock, key=lambda one: one.order))
    assert render(lock[::-1]) == text
    assert json.loads(text)["schema"] == 2


def is_found(lock: Lock, mutated: str) -> bool:
    """Whether the text is refused, each time with a line of it, or differs from the lock."""
    after, problems = read(mutated)
    assert all(1 <= problem.line <= mutated.count("\n") + 1 for problem in problems)
    return bool(problems) or any(one.status != "same" for one in compare(lock, after))


@given(st.lists(blocks(), min_size=1, max_size=2, unique_by=lambda one: one.order), st.data())
def test_any_single_value_or_key_that_changes_is_found(
    found: list[Block], data: st.DataObject
) -> None:
    """In the very layout that `lock` writes."""
    text = render(tuple(found))
    token = data.draw(st.sampled_from(list(re.finditer(r'"[^"\n]*"|[0-9]+', text))))
    value = data.draw(st.one_of(st.integers(), st.text(max_size=3), st.sampled_from([None, True])))
    assume(json.loads(token[0]) != value or type(value) is bool)

    assert is_found(tuple(found), text[: token.start()] + json.dumps(value) + text[token.end() :])


@given(locks, st.data())
def test_any_few_signs_that_change_are_found(lock: Lock, data: st.DataObject) -> None:
    """Cut, doubled, overwritten, or pushed apart by a blank."""
    text = render(lock)
    at = data.draw(st.integers(0, len(text) - 1))
    noise = data.draw(
        st.one_of(st.text(max_size=2), st.sampled_from([" ", "\n", "[", "{", "9" * 5000]))
    )
    fuzzed = text[:at] + noise + text[at + data.draw(st.integers(0, 2)) :]
    assume(fuzzed != text)

    assert is_found(lock, fuzzed)


def test_whole_blocks_and_lines_that_are_gone_or_doubled_are_found() -> None:
    """As a merge by hand may leave them."""
    lines = render(parse("x.lock", MODEL)).split("\n")
    lock = parse("x.lock", MODEL)
    for start in range(len(lines)):
        for end in range(start + 1, len(lines) + 1):
            assert is_found(lock, "\n".join(lines[:start] + lines[end:]))
            assert is_found(lock, "\n".join(lines[:end] + lines[start:]))


MODEL = """{
"schema": 2,
"layers": "FORM",
"models": [
{
"model": "a",
"args": {},
"input": ["1x3x8x8"],
"convention": "paper",
"fingerprint": "434cdfa1028d96c6dfcf7c379224079a",
"totals": {"macs": 1, "params": 1, "activations": 1, "memory_bytes": 1},
"unknown_ops": {},
"stages": [
{"stage": "c", "macs": 1, "params": 1, "activations": 1, "memory_bytes": 1, \
"hash": "0123456789abcdef", "layers": [
"- conv2d k1x1 1x3x8x8>1x8x8x8 1 1",
".bn batch_norm 0 0"
]}
]
}
]
}
""".replace("FORM", FORM)
_EDITED = "is not what `lock` writes: was it edited"


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('"schema": 2', '"schema": 3', 2, "not comparable: the lock has schema 3"),
        ('"schema": 2', '"schema": true', 2, "not comparable: the lock has schema True"),
        ('"schema": 2', '"schema": 1', 5, "has no params"),
        ('"paper"', '"papr"', 9, "not comparable: unknown convention 'papr': did you mean paper?"),
        ('"macs": 1,', '"macs": 2,', 11, _EDITED),
        ('"macs": 1,', '"macs": true,', 11, _EDITED),
        ('"args"', '"more": 1,\n"args"', 7, _EDITED),
        ("]\n}\n]\n}\n", "]\n}\n]\n}", 21, _EDITED),
        ('"model": "a",\n', "", 5, "has no model"),
        ('"a"', '"\\u001b[31m"', 6, "cannot be '\\x1b[31m'"),
        ('"1x3x8x8"', "3", 8, "cannot be 3"),
        ("8 1 1", "8 1 1.0", 15, "is no layer"),
        ("8 1 1", "8 1 2", 14, _EDITED),
        ("8 1 1", "8 01 1", 15, _EDITED),
        ("k1x1", "k1x1 s1x1", 15, _EDITED),
        ("8 1 1", "8 1 1\\u0007", 15, "cannot be"),
        ('"- conv2d k1x1 1x3x8x8>1x8x8x8 1 1"', "17", 15, "cannot be 17"),
        ('"models"', '"model"', 1, "is no lock: run `shufflenet-flops lock`"),
        ('"models": [', '"models": 3, "x": [', 4, "must be an array"),
        ('"params": 1, "activations": 1, "memory_bytes": 1},', '"params": true},', 11, "cannot be"),
        ('"hash": ', '"hush": ', 14, "has no hash"),
        ('{"stage": "c",', '{"stage": "c.d",', 15, _EDITED),
        ("]\n}\n", "]\n", 19, "not valid JSON"),
        ("path in", "pith in", 3, _EDITED),
    ],
)
def test_what_is_no_lock_is_refused_on_its_line(
    old: str, new: str, line: int, message: str
) -> None:
    """And told how to write it anew."""
    assert_refused(MODEL, old, new, line, message)


def assert_refused(whole: str, old: str, new: str, line: int, message: str) -> None:
    """`whole` can be read; with `new` for the first `old`, it is refused on that line."""
    assert old in whole
    assert not read(whole)[1]
    (problem,) = read(whole.replace(old, new, 1))[1]

    assert message in problem.what
    assert problem.line == line


@given(locks)
def test_a_lock_of_the_old_form_is_the_same_lock(lock: Lock) -> None:
    """With all its layers, and its models on their lines."""
    text = old_form(lock)
    read = parse("x.lock", text)
    lines = text.split("\n")

    assert read == lock
    assert [block.all_layers for block in read] == [block.all_layers for block in lock]
    for block in read:
        assert lines[(block.line or 0) - 1].startswith(f'"model": {json.dumps(block.model)}')


def test_the_versions_of_a_trace_are_read_back() -> None:
    """They are no figures: another text of them makes no other lock, but it must be text."""
    (block,) = parse("x.lock", render(parse("x.lock", OLD)))
    text = render((replace(block, traced_with={"torch": "2.13.0"}),))

    assert parse("x.lock", text)[0].traced_with == {"torch": "2.13.0"}
    for damage in ("3", '"\\u001b"'):
        (problem,) = read(text.replace('"2.13.0"', damage))[1]
        assert "cannot be" in problem.what
        assert problem.line == 10
    assert read(text.replace('{"torch": "2.13.0"}', "[]"))[1][0].line == 10


OLD = """{
"schema": 1,
"columns": [],
"models": [
{
"model": "a",
"args": {},
"input": ["1x3x8x8"],
"convention": "paper",
"fingerprint": "434cdfa1028d96c6dfcf7c379224079a",
"macs": 1,
"params": 1,
"activations": 1,
"memory_bytes": 1,
"unknown_ops": {},
"stages": {
"c": {"macs": 1, "params": 1, "activations": 1, "memory_bytes": 1}
},
"layers": [
["c", "conv2d", "1x3x8x8", "1x8x8x8", "1x1", "1x1", 1, 1, 1, 1, 1]
]
}
]
}
"""


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ('"macs": 1,\n', '"macs": 2,\n', 11, "is not what the layers below add up to"),
        ('"434c', '"534c', 10, "is not what the layers below add up to"),
        ('{"macs": 1', '{"macs": 2', 16, "is not what the layers below add up to"),
        ('"1x1", 1, 1, 1', '"1x1", 1, 2, 1', 11, "is not what the layers below add up to"),
        ('"1x1", 1, 1, 1', '"1x1", 1, 1.0, 1', 20, "is no layer"),
        ('"conv2d"', '"\\u001b"', 20, "cannot be '\\x1b'"),
        ('"model": "a",\n', "", 5, "has no model"),
    ],
)
def test_a_damaged_lock_of_the_old_form_is_refused(
    old: str, new: str, line: int, message: str
) -> None:
    """On its line."""
    assert_refused(OLD, old, new, line, message)


@given(
    st.recursive(
        st.one_of(st.integers(), st.text(max_size=3), st.none()),
        lambda inner: st.one_of(
            st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=3), inner, max_size=3)
        ),
        max_leaves=12,
    )
)
def test_every_value_of_a_json_document_has_its_line(value: object) -> None:
    """One value a line, as `json` writes it with an indent."""
    text = json.dumps(value, indent=1)
    json_file = JsonFile("x.json", text)
    lines = text.split("\n")
    for path in leaves(value):
        inner: Any = value
        for step in path:
            inner = inner[step]
        assert json.dumps(inner) in lines[json_file.line(path) - 1]


def test_a_reason_stays_while_the_figures_do() -> None:
    """It is the named model's alone, written, read, and no part of what the model is."""
    source = resolve("shufflenet_v1_x0_25_g3", Options((parse_input("1x3x64x64"),)))
    one = block_of_count(source.name, source.inputs, {}, find_convention("paper"), source.counted)
    other = replace(one, model="other")
    first = relocked((), (one, other), ["other"], "why")
    assert [(held.model, held.reason) for held in first] == [("other", "why")]
    both = relocked(first, (one, other))
    assert {held.model: held.reason for held in both} == {one.model: "", "other": "why"}
    assert parse("x.lock", render(both)) == both
    assert [held.reason for held in parse("x.lock", render(both))] == ["why", ""]
    heavier = replace(other, params=other.params + 1)
    assert [held.reason for held in relocked(both, (one, heavier))] == ["", ""]
    text = render(both).replace('"why"', '"\\u001b"')
    with pytest.raises(ConfigError, match="reason"):
        parse("x.lock", text)
