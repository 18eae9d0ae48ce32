"""What every result of the Python API can do: be printed, shown in a notebook, saved."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shufflenet_flops.report.document import Document

if TYPE_CHECKING:
    import pandas as pd


class Result(ABC):
    """Prints as the command's table; its `repr` is one line; a notebook shows sortable tables."""

    @abstractmethod
    def document(self) -> Document:
        """The result with its tables, as the command of the same name writes it."""

    @abstractmethod
    def __repr__(self) -> str:
        """The answer on one line."""

    def __str__(self) -> str:
        from shufflenet_flops.report.format.text import document_as_text

        return document_as_text(self.document()).rstrip("\n")

    def _repr_html_(self) -> str:
        from shufflenet_flops.report.format.notebook import notebook

        return notebook(self.document().grids)

    def to_dict(self) -> Any:
        """The result as the command's JSON has it: full integers in base units."""
        from shufflenet_flops.saved import record

        results = record(list(self.document().results))
        return results[0] if len(results) == 1 else results

    def to_pandas(self) -> pd.DataFrame:
        """The lines of the command's CSV as a DataFrame."""
        from shufflenet_flops.report.format.csv import frame

        return frame(self.document())

    def save(self, path: str | Path) -> None:
        """Write a file in the format that its suffix stands for, as `-o` of the command does.

        The file is there whole or not at all. Raises InputError for a suffix without a format, and
        OutputError where it cannot be written.
        """
        from shufflenet_flops.files.whole_file import open_file
        from shufflenet_flops.report.format.registry import RESULTS, format_for

        path = Path(path)
        chosen = format_for(RESULTS, path)
        with open_file(path) as write:
            write(chosen.render(self.document()).encode())
