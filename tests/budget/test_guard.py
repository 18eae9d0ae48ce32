"""Guards: what may be written, and how much a metric may grow by them."""

from __future__ import annotations

import json
import tomllib
from importlib import resources

import jsonschema
import pytest

from shufflenet_flops.budget.guard import Guard, parse_guards
from shufflenet_flops.budget.parse import parse
from shufflenet_flops.errors import ConfigError, InputError

SCHEMA = json.loads(
    (resources.files("shufflenet_flops.budget") / "flop-budget.schema.json").read_text()
)
HEAD = "schema = 1\n"
MODEL = '[[budget]]\nmodel = "resnet18"\n'


@pytest.mark.parametrize(
    ("text", "before", "most"),
    [
        ("+2 %", 1000, 1020),
        ("+2%", 49, 49),  # less than one more is none
        ("+ 2.5 %", 1000, 1025),
        ("+0 %", 7, 7),
        ("+0", 7, 7),
        ("+10 k", 5, 10_005),
        ("+10 kMAC", 5, 10_005),
        ("+1_000", 0, 1000),
        ("+100 %", 10**29 + 1, 2 * 10**29 + 2),
    ],
)
def test_what_a_metric_may_grow_to(text: str, before: int, most: int) -> None:
    """Percent of what it was, or a number; and it can be written again."""
    (guard,) = parse_guards("macs", text)

    assert guard.most(before) == most
    assert parse_guards("macs", str(guard)) == (guard,)


@pytest.mark.parametrize(
    "value", ["2 %", "-2 %", "+2 MB", "+x", "+", "", 3, True, [], ["+2 %", 3], "+-2 %", "+1e99"]
)
def test_what_is_no_guard(value: object) -> None:
    """It begins with a plus, and has a unit of its metric."""
    with pytest.raises(InputError):
        parse_guards("macs", value)


def test_a_guard_for_all_and_one_for_some() -> None:
    """That of the model goes first, metric by metric; each of several on a metric holds."""
    text = (
        f'{HEAD}[guard]\nmacs = "+2 %"\nparams = "+10 k"\n{MODEL}'
        f'{MODEL}guard = {{macs = ["+5 %", "+1 M"]}}\n'
    )
    first, second = parse("x.toml", text).entries

    assert list(map(str, first.guards)) == ["+2 %", "+10 k"]
    assert [(guard.metric, str(guard)) for guard in second.guards] == [
        ("macs", "+5 %"),
        ("macs", "+1 M"),
        ("params", "+10 k"),
    ]
    jsonschema.validate(tomllib.loads(text), SCHEMA)


def test_with_a_guard_no_limit_is_needed() -> None:
    """Neither for all models nor for one."""
    for text in (
        f'{HEAD}[guard]\nmacs = "+2 %"\n{MODEL}',
        f'{HEAD}{MODEL}guard = {{params = "+0"}}\n',
    ):
        (entry,) = parse("x.toml", text).entries
        assert entry.limits == ()
        assert len(entry.guards) == 1
        jsonschema.validate(tomllib.loads(text), SCHEMA)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{HEAD}[guard]\n{MODEL}", "x.toml:3: budget[0]: has no limit"),
        (f"{HEAD}{MODEL}guard = {{}}", "has no limit: give one or more of macs, flops"),
        (f'{HEAD}guard = 3\n{MODEL}macs = "1 M"', "x.toml:2: guard: must be a table"),
        (f'{HEAD}[guard]\nmacs = "2 %"\n{MODEL}', "x.toml:3: guard.macs: '2 %' is no guard"),
        (f'{HEAD}[guard]\nmac = "+2 %"\n{MODEL}', "unknown key 'mac': did you mean macs?"),
        (f'{HEAD}[guard]\nlatency = "+2 %"\n{MODEL}', "unknown key 'latency'"),
    ],
)
def test_a_wrong_guard_is_told_with_its_line(text: str, message: str) -> None:
    """And editors refuse it as well."""
    with pytest.raises(ConfigError) as caught:
        parse("x.toml", text)
    assert any(message in line for line in caught.value.messages)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tomllib.loads(text), SCHEMA)


def test_a_unit_that_a_convention_does_not_count() -> None:
    """Said where the guard is the model's, and where the convention is."""
    entry = f'{MODEL}convention = "thop"\nflops = 1\n'
    for text in (
        f'{HEAD}[guard]\nflops = "+1 k"\n{entry}',
        f'{HEAD}{entry}guard = {{flops = "+1"}}',
    ):
        with pytest.raises(
            ConfigError, match=r"budget\[0\]\.(guard|convention): guard: convention"
        ):
            parse("x.toml", text)


def test_the_default() -> None:
    """Where a budget file says nothing, 2 % of what its convention counts."""
    from shufflenet_flops.budget.guard import default_guards

    assert list(map(str, default_guards("flops"))) == ["+2 %"]
    assert default_guards("macs") == parse_guards("macs", "+2 %") != (Guard("macs"),)
