"""A report as the files it is made of: a page, and its figures where it refers to files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from shufflenet_flops.report.document import Page
from shufflenet_flops.report.format.registry import PAGES, format_of
from shufflenet_flops.report.plot.figure import image
from shufflenet_flops.report.section import Section

FIGURES = "figures"  # the folder beside a report


def report_files(name: str, title: str, sections: Sequence[Section]) -> Mapping[str, bytes]:
    """The files of the report called `name` (x.html, or x.md with its figures), by their path.

    The report itself comes last, so that what it refers to is there before it.
    """
    path = Path(name)
    page = Page(title, tuple(sections), f"{FIGURES}/{path.stem}-")
    text = format_of(PAGES, path).render(page)
    figures = {
        f"{page.figures}{picture.name}{suffix}": image(picture.figure, suffix)
        for section in sections
        for picture in section.pictures
        if page.link(picture.name) in text
        for suffix in (".svg", ".png")
    }
    return {**figures, name: text.encode()}
