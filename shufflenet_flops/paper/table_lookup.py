"""The tables that people mean by what they say for them."""

from __future__ import annotations

import re
from collections.abc import Iterable

from shufflenet_flops.errors import UnknownNameError
from shufflenet_flops.paper.published import table_names


def find_tables(text: str, also: Iterable[str] = ()) -> list[str]:
    """The tables that are meant by `4`, `table4`, `Table 4`, `resnext 2`, `resnext` or a name.

    Without a paper, it is ShuffleNet V1. Raises UnknownNameError with the closest of the names,
    and of those that may be meant `also`.
    """
    names = table_names()
    if text in names:
        return [text]
    words = re.sub(r"(?i)\b(?:table|tabel|tab\b\.?)|[_\s,:()\-]+", " ", text.strip()).lower()
    version = re.search(r"v([1-9])\b", words)
    paper = re.match(r"\s*([a-z]+)", re.sub(r"v[1-9]\b", " ", words))
    number = re.search(r"(?<![a-z0-9])(\d+)\s*$", words)
    start = f"{paper[1] if paper else 'shufflenet'}_" + (f"v{version[1]}_" if version else "")
    if paper is None and not version:
        start = "shufflenet_v1_"
    end = f"_table_{number[1]}" if number else ""
    others = re.sub(r"v[1-9]\b", " ", words[: number.start()] if number else words)
    others = others.replace(paper[1], " ", 1) if paper else others
    found = [
        name
        for name in names
        if name.startswith(start)
        and name.endswith(end)
        and set(others.split()) <= set(name.split("_"))
    ]
    if found and (paper or number):
        return found[:1] if number else found
    raise UnknownNameError(
        "table", text, [*names, *also], hint="`shufflenet-flops paper` lists them"
    )
