"""Grids as HTML for a notebook: small tables that sort, folded where they are long."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from shufflenet_flops.report.grid import Grid

FOLD = 30  # rows that are shown at first
_numbers = count(1)


def notebook(grids: Sequence[Grid]) -> str:
    """A piece of HTML with its own style and script, which refers to nothing outside.

    All text is escaped. Where scripts and styles are not run, as in a notebook that is not trusted,
    it is plain tables, whole.
    """
    from shufflenet_flops.report.format.html import templates

    return (
        templates()
        .get_template("notebook.html.j2")
        .render(grids=grids, fold=FOLD, name=f"shufflenet-flops-{next(_numbers)}")
    )
