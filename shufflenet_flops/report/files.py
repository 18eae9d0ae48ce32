"""A report as the files it is made of: a page, or Markdown with its figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath

from shufflenet_flops.report.format.html import html
from shufflenet_flops.report.format.markdown import markdown_report
from shufflenet_flops.report.plot.figure import image
from shufflenet_flops.report.section import Section

SUFFIXES = (".md", ".html")
FIGURES = "figures"  # the folder beside a Markdown report


def report_files(name: str, title: str, sections: Sequence[Section]) -> Mapping[str, bytes]:
    """The files of the report called `name` (x.html, or x.md of one section), by their path.

    The report itself comes last, so that what it refers to is there before it.
    """
    path = PurePosixPath(name)
    if path.suffix == ".html":
        return {name: html(title, sections).encode()}
    (section,) = sections

    def stem(picture: str) -> str:
        return f"{FIGURES}/{path.stem}-{picture}"

    figures = {
        stem(picture.name) + suffix: image(picture.figure, suffix)
        for picture in section.pictures
        for suffix in (".svg", ".png")
    }
    text = markdown_report(section, lambda picture: f"{stem(picture)}.svg")
    return {**figures, name: text.encode()}
