"""Tables as data: what a file may say, and what is said of one that is wrong."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from shufflenet_flops.errors import DataError, UnknownNameError
from shufflenet_flops.files.toml_lines import key_lines, path_text
from shufflenet_flops.paper import CellVerdict, load_table, parse_table, table_names

GOOD = """\
paper = "A paper"
source = "somewhere"
table = "Table 1"
where = "section 1"
caption = "Costs."
row_header = "Model"

[[columns]]
name = "FLOPs"
quantity = "macs"
unit = "MAC"

[[columns]]
name = "err."
unit = "error %"

[[rows]]
name = "ours"
model = "resnet50"
verdict = "exact"
cells = { "FLOPs" = "4.1e9", "err." = "24.0" }

[[rows]]
name = "theirs"
cells = { "FLOPs" = "5e9" }
"""


def test_a_cell_with_a_model_is_computed_and_any_other_is_quoted() -> None:
    table = parse_table("t", GOOD)

    assert (table.rows, table.columns) == (("ours", "theirs"), ("FLOPs", "err."))
    assert [cell.verdict for cell in table.cells] == [
        CellVerdict.EXACT,
        CellVerdict.QUOTED,
        CellVerdict.QUOTED,
    ]
    computed, error, quoted = table.cells
    assert computed.reading is not None
    assert (computed.reading.model, computed.reading.convention) == ("resnet50", "paper")
    assert error.reading is None
    assert quoted.reading is None
    assert computed.line == 21


def test_a_cell_overrides_its_row_and_the_row_its_column() -> None:
    text = GOOD.replace('model = "resnet50"', 'model = "resnet50"\nunit = "MMAC"').replace(
        '"FLOPs" = "4.1e9"', '"FLOPs" = { printed = "4089", convention = "paper-conv" }'
    )
    cell = parse_table("t", text).cell("ours", "FLOPs")

    assert cell.unit == "MMAC"
    assert cell.reading is not None
    assert cell.reading.convention == "paper-conv"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('caption = "Costs."', "", "t.toml:1: caption: missing"),
        ('paper = "A paper"', "paper = 3", "t.toml:1: paper: 3 must be a string"),
        ('paper = "A paper"', 'paper = ""', "t.toml:1: paper: must not be empty"),
        ('row_header = "Model"', 'row_headr = "Model"', "t.toml:6: row_headr: unknown key"),
        ('table = "Table 1"', "table = ", "t.toml:3: not valid TOML"),
        ('quantity = "macs"', 'quantity = "mac"', "rows[0].cells.FLOPs.quantity: unknown quantity"),
        ('unit = "MAC"', 'unit = "MACs"', "unknown unit 'MACs': did you mean MAC"),
        ('unit = "MAC"', "", "t.toml:21: rows[0].cells.FLOPs.unit: missing"),
        ('"FLOPs" = "4.1e9"', '"FLOP" = "4.1e9"', "rows[0].cells.FLOP: unknown column 'FLOP'"),
        ('"FLOPs" = "4.1e9"', '"FLOPs" = 4.1', "rows[0].cells.FLOPs: 4.1 must be a table"),
        ('"FLOPs" = "4.1e9"', '"FLOPs" = "four"', "printed: 'four' is no figure such as 143M"),
        ('"FLOPs" = "4.1e9"', '"FLOPs" = { note = "x" }', "rows[0].cells.FLOPs.printed: missing"),
        ('verdict = "exact"', 'verdict = "exat"', "unknown verdict 'exat': did you mean exact"),
        ('verdict = "exact"', "", "rows[0].cells.FLOPs.verdict: missing"),
        ('verdict = "exact"', 'verdict = "near"', "a cell that is near needs a note that says why"),
        ('name = "theirs"', 'name = "ours"', "t.toml:24: rows[1].name: 'ours' is there twice"),
        ('name = "theirs"', 'nam = "theirs"', "t.toml:24: rows[1].nam: unknown key 'nam'"),
        (
            'model = "resnet50"',
            'model = "resnet50"\ninput = "224"',
            "'224' is no input size such as 480x640",
        ),
        (
            'model = "resnet50"',
            'model = "resnet50"\nconvention = "papr"',
            "convention: unknown convention 'papr': did you mean paper",
        ),
        (
            'model = "resnet50"',
            'model = "resnet50"\nkinds = ["convolution"]',
            "kinds: unknown kinds 'convolution'",
        ),
        (
            'model = "resnet50"',
            'model = "resnet50"\nalternatives = [{ model = "resnet18" }]',
            "rows[0].cells.FLOPs.alternatives[0].reading: missing",
        ),
    ],
)
def test_a_malformed_file_is_named_with_line_and_key(old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(DataError, match=re.escape(message)) as error:
        parse_table("t", GOOD.replace(old, new, 1))

    assert re.match(r"t\.toml:\d+: ", str(error.value))
    assert "\n" not in str(error.value)


def test_lines_of_keys() -> None:
    """Headers, dotted and quoted keys, and tables under an array's latest entry."""
    text = 'a = 1\n[[r]]\nb.c = 2\n[[r]]\n[r.d."e f"]\ng = 3\n'

    assert key_lines(text) == {
        ("a",): 1,
        ("r",): 2,
        ("r", 0): 2,
        ("r", 0, "b"): 3,
        ("r", 0, "b", "c"): 3,
        ("r", 1): 4,
        ("r", 1, "d"): 5,
        ("r", 1, "d", "e f"): 5,
        ("r", 1, "d", "e f", "g"): 6,
    }
    assert path_text(("r", 1, "d", "e f", "g")) == 'r[1].d."e f".g'


def test_unknown_tables_rows_and_columns() -> None:
    with pytest.raises(UnknownNameError, match="did you mean shufflenet_v1_table_1"):
        load_table("shufflenet_v1_table1")
    with pytest.raises(UnknownNameError, match="unknown row of t 'our': did you mean ours"):
        parse_table("t", GOOD).cell("our", "FLOPs")
    with pytest.raises(UnknownNameError, match="unknown column of row 'theirs' of t"):
        parse_table("t", GOOD).cell("theirs", "err.")


def test_tables_come_paper_by_paper_and_all_are_listed() -> None:
    names = table_names()
    files = resources.files("shufflenet_flops.paper") / "tables"

    assert names[:2] == ["shufflenet_v1_table_1", "shufflenet_v1_table_2"]
    assert {f"{name}.toml" for name in names} == {entry.name for entry in files.iterdir()}


@pytest.mark.parametrize("name", table_names())
def test_every_file_says_where_it_is_from(name: str) -> None:
    table = load_table(name)

    assert table.source
    assert table.where
    assert {cell.column for cell in table.cells} == set(table.columns)
    assert {cell.row for cell in table.cells} == set(table.rows)
