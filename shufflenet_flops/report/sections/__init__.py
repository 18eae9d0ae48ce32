"""One module for each kind of result: a function from its saved JSON to a section."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib import import_module
from types import MappingProxyType
from typing import cast

from shufflenet_flops.errors import DataError, UnknownNameError
from shufflenet_flops.files.saved_file import Saved, load
from shufflenet_flops.report.document import Document
from shufflenet_flops.report.section import Section

# By the command that writes the results: the module here whose `section` tells about them.
SECTIONS: Mapping[str, str] = MappingProxyType(
    {
        "compare": "compare",
        "count": "count",
        "explain": "explain",
        "latency": "latency",
        "latency-diff": "latency_diff",
        "paper": "paper",
        "paper fit-table-4": "table4_fits",
        "check": "check",
        "history": "history",
    }
)


def section_of(saved: Saved) -> Section:
    """The section about results of any command that SECTIONS has.

    Raises UnknownNameError where there is none, DataError for results that do not fit.
    """
    check_command(saved.command)
    module = import_module(f"{__name__}.{SECTIONS[saved.command]}")
    section = cast("Callable[[Saved], Section]", module.section)
    try:
        return section(saved)
    except ArithmeticError as error:  # a time, a size or a total of 0 where none can be
        raise DataError(
            f"{saved.command}: its figures cannot belong together ({error}); run it again"
        ) from None


def section_about(document: Document) -> Section:
    """The section about what a command found; its tables alone where SECTIONS has none."""
    if document.command in SECTIONS:
        from shufflenet_flops.report.format.json import document_as_json

        section = section_of(load(document_as_json(document), document.command))
    else:
        section = Section(
            name=document.command,
            question=document.grids[0].title,
            findings=tuple(document.notes),
            grids=tuple(document.grids),
            explorer=document.explorer,
        )
    return replace(section, command=document.made_by)


def check_command(command: str) -> None:
    """Raise UnknownNameError unless there is a report on the results of this command."""
    if command not in SECTIONS:
        raise UnknownNameError("report", command, [*SECTIONS, "all"])
