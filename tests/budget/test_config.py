"""The budget file: parsed, printed back, and every problem in it found with its line."""

from __future__ import annotations

import json
import tomllib
from importlib import resources
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shufflenet_flops.budget.config import Config
from shufflenet_flops.budget.load import TABLE, load
from shufflenet_flops.budget.parse import parse
from shufflenet_flops.errors import ConfigError, InputError, Problem
from tests.budget_documents import configs, to_toml

SCHEMA = json.loads(
    (resources.files("shufflenet_flops.budget") / "flop-budget.schema.json").read_text()
)
BAD = """\
schma = 1
input = [1, 3, "x"]
[[budget]]
modle = "resnet50"
macs = "140 Q"
convention = "papr"
flops = 1.5
level = "eror"
[[budget]]
model = "x"
reason = \"\"\"
[[budget]]
\"\"\"
latency = "12"
[[budget]]
model = "a"
convention = "thop"
flops = 1
args = 3
[[budget]]
model = "b"
"""


@given(configs)
def test_valid_configurations_parse_and_print_back(config: Config) -> None:
    """Whatever can be written is read as it was meant, and the editors' schema agrees."""
    text = to_toml(config)

    assert parse("flop-budget.toml", text) == config
    jsonschema.validate(tomllib.loads(text), SCHEMA)


def test_all_problems_together() -> None:
    """Each with file, line, key path and what would work."""
    with pytest.raises(ConfigError) as caught:
        parse("flop-budget.toml", BAD)
    messages = caught.value.messages

    expected = [
        "flop-budget.toml:1: schma: unknown key 'schma': did you mean schema?",
        "flop-budget.toml:1: schema: is missing: write schema = 1",
        "flop-budget.toml:2: input: [1, 3, 'x'] is no input",
        "flop-budget.toml:3: budget[0]: has no model",
        "flop-budget.toml:4: budget[0].modle: unknown key 'modle': did you mean model?",
        "flop-budget.toml:5: budget[0].macs: '140 Q': unknown unit 'Q'",
        "flop-budget.toml:6: budget[0].convention: unknown convention 'papr': did you mean paper?",
        "flop-budget.toml:7: budget[0].flops: 1.5 is not an amount",
        "flop-budget.toml:8: budget[0].level: unknown level 'eror': did you mean error?",
        "flop-budget.toml:14: budget[1].latency: '12' has no unit",
        "flop-budget.toml:18: budget[2].flops: convention thop counts more than",
        "flop-budget.toml:19: budget[2].args: must be a table",
        "flop-budget.toml:20: budget[3]: has no limit: give one or more of macs, flops",
    ]
    assert len(messages) == len(expected)
    for message, start in zip(messages, expected, strict=True):
        assert message.startswith(start)
        assert "\n" not in message


@pytest.mark.parametrize(
    "text",
    [
        "schema = 2\n[[budget]]\nmodel = 'a'\nmacs = 1",
        "schema = 1",
        "schema = 1\nbudget = 3",
        "schema = 1\n[[budget]]\nmacs = 1",
        "schema = 1\n[[budget]]\nmodel = 'a'",
        "schema = 1\n[[budget]]\nmodel = 'a'\nmacs = 1.5",
        "schema = 1\n[[budget]]\nmodel = 'a'\nmacs = '1 X'",
        "schema = 1\n[[budget]]\nmodel = 'a'\nmacs = 1\nlevel = 'x'",
        "schema = 1\ninput = []\n[[budget]]\nmodel = 'a'\nmacs = 1",
        "schema = 1\ninput = [0]\n[[budget]]\nmodel = 'a'\nmacs = 1",
        "schema = 1\nextra = 1\n[[budget]]\nmodel = 'a'\nmacs = 1",
        "schema = 1\n[[budget]]\nmodel = 'a'\nlatency = '12'",
    ],
)
def test_the_editors_schema_refuses_what_we_refuse(text: str) -> None:
    """Where it can: whether a name exists is not its business."""
    with pytest.raises(ConfigError):
        parse("x.toml", text)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(tomllib.loads(text), SCHEMA)


@pytest.mark.parametrize(
    ("metric", "amounts"),
    [
        ("macs", ["140M", "140 MMAC", "1.4e8", "140_000_000", "137,460,672 MAC", "0.14G"]),
        ("flops", ["38 MFLOPs", "1 FLOP"]),
        ("params", ["2 M", "2 M params", "1,865,728"]),
        ("activations", ["3 k", "3M activations"]),
        ("memory", ["1 kB", "95.5 MiB", "104.6 MB", "2 G", "12 B"]),
        ("latency", ["12 ms", "250 us", "250 µs", "1.5s", "0.4 x resnet18"]),
    ],
)
def test_the_editors_schema_takes_what_we_take(metric: str, amounts: list[str]) -> None:
    """Every amount of a metric; and what is another metric's is refused by both."""
    for amount in amounts:
        text = f'schema = 1\n[[budget]]\nmodel = "a"\n{metric} = "{amount}"\n'
        assert parse("x.toml", text).entries[0].limits
        jsonschema.validate(tomllib.loads(text), SCHEMA)
    for other in {"3 MMAC", "3 MFLOP", "3 MB", "3 ms"} - {
        {"macs": "3 MMAC", "flops": "3 MFLOP", "memory": "3 MB", "latency": "3 ms"}.get(metric, "")
    }:
        text = f'schema = 1\n[[budget]]\nmodel = "a"\n{metric} = "{other}"\n'
        with pytest.raises(ConfigError, match="is no unit of"):
            parse("x.toml", text)
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(tomllib.loads(text), SCHEMA)


def problems_of(text: str) -> tuple[Problem, ...]:
    """What is wrong with a file; anything else that it raises is a defect."""
    try:
        parse("x.toml", text)
    except ConfigError as error:
        return error.problems
    return ()


@given(st.data())
def test_fuzzed_toml_is_refused_with_a_line(data: st.DataObject) -> None:
    """A file cut, doubled or with something else in it: a configuration, or problems with lines."""
    text = to_toml(data.draw(configs))
    start, end = sorted(data.draw(st.tuples(*[st.integers(0, len(text))] * 2)))
    noise = data.draw(
        st.one_of(
            st.text(max_size=5), st.sampled_from(["[", "[[a]]\n", '"""', "= {", "\n[budget]"])
        )
    )
    fuzzed = text[:start] + noise + text[end:]
    lines = [problem.line for problem in problems_of(fuzzed)]
    assert all(1 <= line <= fuzzed.count("\n") + 1 for line in lines)


def test_defaults_and_own_inputs() -> None:
    """An entry's own input wins; a graph has its own and takes no default."""
    config = parse(
        "x.toml",
        "schema = 1\ninput = [1, 3, 64, 64]\n"
        "[[budget]]\nmodel = 'resnet18'\nmacs = 1\n"
        "[[budget]]\nmodel = 'resnet18'\nmacs = 1\ninput = '1x3x32x32:float16'\n"
        "[[budget]]\nmodel = 'a.onnx'\nmacs = 1\n",
    )

    assert [[str(one) for one in entry.inputs] for entry in config.entries] == [
        ["1x3x64x64"],
        ["1x3x32x32:float16"],
        [],
    ]


def test_a_time_in_seconds_only_warns() -> None:
    """Unless its entry says more; a ratio is an error like all others."""
    config = parse(
        "x.toml",
        "schema = 1\n"
        "[[budget]]\nmodel = 'a'\nlatency = '12 ms'\n"
        "[[budget]]\nmodel = 'a'\nlatency = '12 ms'\nlevel = 'error'\n"
        "[[budget]]\nmodel = 'a'\nlatency = '0.4 x b'\n",
    )

    levels = [entry.level_of(entry.limits[0]) for entry in config.entries]
    assert levels == ["warn", "error", "error"]


def test_pyproject(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same table, with the lines of its file; two places are one too many."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"there is no flop-budget.toml here"):
        load()
    entry = "[[tool.shufflenet-flops.budget]]\nmodel = 'a'\nmacs = 1\n"
    Path("pyproject.toml").write_text(f"[tool.shufflenet-flops]\nschema = 1\n{entry}")
    config = load()

    assert config.file == "pyproject.toml"
    assert config.entries[0].line("macs") == 5
    Path("flop-budget.toml").write_text("schema = 1\n")
    with pytest.raises(InputError, match="are both here: keep one"):
        load()
    with pytest.raises(ConfigError, match=r"pyproject.toml:3: tool.shufflenet-flops.budget"):
        parse("pyproject.toml", "[tool]\nx = 1\n[tool.shufflenet-flops]\nschema = 1\n", TABLE)


def test_what_is_no_text_has_a_line(tmp_path: Path) -> None:
    """Bytes that are not UTF-8, on their line."""
    file = tmp_path / "flop-budget.toml"
    file.write_bytes(b"schema = 1\n# \xff\n")
    with pytest.raises(ConfigError, match=r"flop-budget.toml:2: is not text in UTF-8"):
        load(file)
    with pytest.raises(InputError, match=r"cannot read .*: No such file"):
        load(tmp_path / "none.toml")


@pytest.mark.parametrize("text", ["\\u0007", "\\n", "\\u001b[31m"])
def test_names_that_could_act_on_a_terminal_are_refused(text: str) -> None:
    """In a model's name; a reason may have line breaks but no more."""
    with pytest.raises(ConfigError, match="cannot be printed"):
        parse("x.toml", f'schema = 1\n[[budget]]\nmodel = "a{text}b"\nmacs = 1\n')
