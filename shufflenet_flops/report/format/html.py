"""Reports as one HTML page that needs nothing but itself."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import TYPE_CHECKING, Any

from shufflenet_flops.errors import printable
from shufflenet_flops.report.format.registry import PAGES, RESULTS, VERDICTS, renders

if TYPE_CHECKING:
    import jinja2

    from shufflenet_flops.report.document import Document, Page, Verdicts
    from shufflenet_flops.report.section import Picture, Section

_TEMPLATES = "templates"


@renders(PAGES, "html", ".html", rank=50)
def page_as_html(page: Page) -> str:
    """One file, with its figures in it."""
    return html(page.title, page.sections)


@renders(RESULTS, "html", ".html", rank=50)
def document_as_html(document: Document) -> str:
    """The report on the results, or their tables where there is no report on such."""
    from shufflenet_flops.report.sections import section_about

    section = section_about(document)
    return html(section.question, [section])


@renders(VERDICTS, "html", ".html", rank=50)
def verdicts_as_html(found: Verdicts) -> str:
    """The report on verdicts."""
    from shufflenet_flops.report.sections.check import verdicts_section

    section = verdicts_section(found.command, found.title, found.report.verdicts)
    return html(section.question, [section])


@dataclass(frozen=True)
class Live:
    """A part of a page that answers to its reader: `name`.html.j2 and `name`.js of the templates.

    `data` is of JSON types, for the script.
    """

    name: str
    title: str
    data: Any


def html(title: str, sections: Sequence[Section], *, live: Live | None = None) -> str:
    """The page: sections in order, after the first that has a live explorer that explorer.

    `live` comes after the first section.

    All text is escaped. The page's content-security policy allows its own style and scripts, by
    their hashes, and images within the page: nothing else, and nothing from outside.
    """
    from importlib import metadata

    from markupsafe import Markup

    shown = [_for_template(section) for section in sections]
    made = ((section, section["explorer"]()) for section in shown if section["explorer"])
    explored, explorer = next(((section, made) for section, made in made if made), (None, None))
    scripts = ["tables.js"]
    if any(section.portrait for section in sections):
        scripts += ["d3-hierarchy.min.js", "icicle.js"]
    if explorer:
        scripts += ["exact.js", "shares.js", f"explorer_{explorer.name}.js"]
    if live:
        scripts.append(f"{live.name}.js")
    page = (
        templates()
        .get_template("report.html.j2")
        .render(
            title=title,
            version=metadata.version("shufflenet-flops"),
            sections=shown,
            style=_Inline.of("style.css", _kind_rules()),
            scripts=[_Inline.of(name) for name in scripts],
            explored=explored,
            explorer=explorer,
            explorer_json=Markup(_json(explorer.data if explorer else None)),
            live=live,
            live_json=Markup(_json(live.data)) if live else "",
        )
    )
    return page + "\n"


def _kind_rules() -> str:
    """A class for each kind of layer, with its colour and that of text on it."""
    from shufflenet_flops.report.plot.bars import KIND_COLOURS

    return "".join(
        f".{_kind_class(kind)}{{--kind:{colour};--on-kind:{_ink_on(colour)}}}\n"
        for kind, colour in KIND_COLOURS.items()
    )


def _kind_class(kind: str) -> str:
    return f"k-{re.sub('[^a-z]+', '-', kind)}"


def _ink_on(colour: str) -> str:
    """Black or white, whichever has more contrast (WCAG 2.2, relative luminance)."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (
        value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4
        for value in channels
    )
    return "#000" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 else "#fff"


def templates() -> jinja2.Environment:
    """The templates, in which all text is escaped and can be shown."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("shufflenet_flops.report", _TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["code"] = _code
    environment.filters["branch"] = _branch
    environment.filters["kind_class"] = _kind_class
    return environment


@dataclass(frozen=True)
class _Inline:
    """A style sheet or script of our own, and the hash by which the policy allows it."""

    text: str
    hash: str

    @classmethod
    def of(cls, name: str, more: str = "") -> _Inline:
        from importlib import resources

        from markupsafe import Markup

        file = resources.files("shufflenet_flops.report") / _TEMPLATES / name
        text = file.read_text(encoding="utf-8") + more
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        return cls(Markup(text), f"sha256-{digest}")


def _shown(value: Any) -> Any:
    """A text of ours or of strangers as it can be shown; markup is all ours."""
    is_text = isinstance(value, str) and not hasattr(value, "__html__")
    return printable(value, "\n") if is_text else value


def _branch(text: str) -> str:
    """A name with what a tree has before it, on one line with its first word."""
    return re.sub(r"^([├└]) ", "\\1\N{NO-BREAK SPACE}", text)


def _code(text: str) -> str:
    """Escaped text in which what stands between backticks is code."""
    from markupsafe import Markup, escape

    parts = re.split(r"`([^`]+)`", printable(text, "\n"))
    marked = (Markup("<code>{}</code>").format(part) for part in parts[1::2])
    return Markup("").join(
        piece
        for pair in zip_longest(map(escape, parts[::2]), marked, fillvalue="")
        for piece in pair
    )


def _json(data: Any) -> str:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(data, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _for_template(section: Section) -> dict[str, Any]:
    from shufflenet_flops.report.section import stamp

    return {
        **vars(section),
        "name": anchor(section.name),
        "pictures": [_embedded(picture) for picture in section.pictures],
        "stamp": stamp(section.environment) if section.environment else "",
    }


def anchor(name: str) -> str:
    """A name as part of an address and of a file's name."""
    return re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-")


def _embedded(picture: Picture) -> dict[str, Any]:
    from shufflenet_flops.report.plot.figure import image

    svg = image(picture.figure, ".svg")
    width, height = (round(96 * inches) for inches in picture.figure.get_size_inches())
    source = f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"
    return {"caption": picture.caption, "source": source, "width": width, "height": height}
