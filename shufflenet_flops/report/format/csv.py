"""Results as flat CSV."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from shufflenet_flops.errors import inert, printable
from shufflenet_flops.report.format.registry import RESULTS, renders

if TYPE_CHECKING:
    import pandas as pd

    from shufflenet_flops.report.document import Document


@renders(RESULTS, "csv", ".csv", rank=30)
def document_as_csv(document: Document) -> str:
    """One line per record; nested keys are joined by dots, a shape is `1x3x224x224`."""
    return str(frame(document).to_csv(index=False, lineterminator="\n"))


def frame(document: Document) -> pd.DataFrame:
    """One row per record, with the columns that the CSV has."""
    import pandas as pd

    from shufflenet_flops.saved import record

    records = document.results if document.records is None else document.records
    table = pd.json_normalize([_flat(record(line)) for line in records], sep=".")
    # Nullable types keep a column of integers with gaps from turning into floats.
    return table.convert_dtypes()


def _flat(line: Mapping[str, Any]) -> dict[str, Any]:
    """Without lists: shapes become text, lists of records are left to JSON."""
    flat: dict[str, Any] = {}
    for name, value in line.items():
        key = _text(name)
        if isinstance(value, Mapping):
            flat[key] = _flat(value)
        elif isinstance(value, list | tuple):
            if not any(isinstance(item, Mapping) for item in value):
                apart = " " if any(isinstance(item, str) for item in value) else "x"
                flat[key] = _text(apart.join(map(str, value)))
        else:
            flat[key] = _text(value) if isinstance(value, str) else value
    return flat


def _text(text: str) -> str:
    """A text that can be shown, and that no spreadsheet takes for a formula."""
    shown = inert(printable(text))
    return f"'{shown}" if shown.startswith(("=", "+", "-", "@")) else shown
