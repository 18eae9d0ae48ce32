"""A network's closed form as a table of short formulas, one for each stage, with their sum."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shufflenet_flops.design.stages import StageForm
from shufflenet_flops.report.grid import Cell, Column, Grid, grid, percent

# In the order of their columns; those of the map share one.
_WIDTHS = ("c", "m", "c_in")
_MEANINGS: Mapping[str, str] = {
    "h": "h, w: the stage's output map, where the input is H × W",
    "t": "t: tokens, of an input of H × W",
    "c": "c: the stage's output channels",
    "m": "m: its channels in between",
    "c_in": "c_in: its input channels",
    "C": "C: channels of the last stage as published",
}


@dataclass(frozen=True)
class StageFormResult:
    """A stage's part of a closed form in letters of its own: for people, for sympy and in LaTeX.

    `letters` says what each is in the network's letters, of which H, W and C are capital.
    """

    name: str
    letters: Mapping[str, str]
    text: str
    expression: str
    latex: str

    @classmethod
    def of(cls, form: StageForm) -> StageFormResult:
        """All that is said of a stage."""
        import sympy

        return cls(
            form.name,
            {name: str(of) for name, of in form.letters.items()},
            for_people(form.text(str)),
            form.text(str),
            form.text(sympy.latex, " "),
        )


def for_people(text: str) -> str:
    """Text that sympy parses, as people write it: `2·c·m/g + 9·m^2`."""
    return text.replace("**", "^").replace("*", "·")


def stages_grid(
    title: str,
    heading: str,
    stages: Sequence[StageFormResult],
    total: Cell,
    values: Sequence[int] | None,
    notes: Sequence[str],
) -> Grid:
    """The letters and the formula of each stage, and the sum of all; `total` has letters h, w, c.

    With `values` each stage's own is beside it, and its share.
    """
    used = {name for stage in stages for name in stage.letters}
    widths = [name for name in _WIDTHS if name in used]
    has_map = bool(used & {"h", "w", "t"})
    columns = [
        Column("stage", figures=False),
        *([Column("h × w" if "h" in used else "t", figures=False)] if has_map else []),
        *(Column(name, figures=False) for name in widths),
        Column(heading, figures=False),
    ]
    rows: list[list[Cell | str]] = [
        [
            stage.name,
            *([_map(stage.letters)] if has_map else []),
            *(_letter(stage.letters.get(name)) for name in widths),
            Cell(stage.text, latex=stage.latex),
        ]
        for stage in stages
    ]
    in_all = Cell(for_people(_in_capitals(total.text)), latex=_in_capitals(total.latex))
    rows.append(["in all", *[""] * (len(columns) - 2), in_all])
    if values is not None:
        columns += [Column("with these\nnumbers"), Column("share")]
        whole = sum(values)
        for row, value in zip(rows, [*values, whole], strict=True):
            row += [f"{value:,}", percent(value, whole)]
    return grid(title, columns, rows, [*_legend(stages), *notes])


def _in_capitals(text: str) -> str:
    """A formula of the whole network in the letters in which those of its stages are given."""
    return re.sub(r"\b[hwc]\b", lambda found: found[0].upper(), text)


def _map(letters: Mapping[str, str]) -> Cell:
    """The height and width, or the number of tokens."""
    cells = [_letter(letters[name]) for name in ("h", "w", "t") if name in letters]
    if not cells:
        return _letter(None)
    text, latex = (" × ", r" \times ")
    return Cell(
        text.join(cell.text for cell in cells), latex=latex.join(cell.latex for cell in cells)
    )


def _letter(expression: str | None) -> Cell:
    if expression is None:
        return Cell("–")
    import sympy

    return Cell(for_people(expression), latex=sympy.latex(sympy.sympify(expression)))


def _legend(stages: Sequence[StageFormResult]) -> list[str]:
    used = {name for stage in stages for name in stage.letters}
    if any("C" in text for stage in stages for text in (stage.text, *stage.letters.values())):
        used.add("C")
    return ["; ".join(text for name, text in _MEANINGS.items() if name in used)] if used else []
