"""Damage, drawn from a seed: to JSON documents, to texts and to bytes."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

# What a hostile or broken writer puts in the place of a value.
VALUES: Sequence[Any] = (
    *(None, True, False, 0, 1, -1, 2, 0.5, -0.0, "", "x", "paper", "1x3x8x8", [], {}, [[]], [None]),
    *(2**31, 2**63, -(2**63), 10**30, 10**400, 1e308, -1e308, 5e-324),
    *(float("nan"), float("inf"), float("-inf")),
    *(
        "\x1b[31mred\x1b[0m",
        "a\nb",
        "\x00",
        "\u202egnp",
        "\x9b2J",
        "|<b>&",
        "=1+1",
        "\ud800",
        "$x$",
    ),
    *("nonsense", "{}", "%s", "é" * 300, [0], [-1, 3], [10**30], {"x": {"x": 1}}, [[1, 2], "x"]),
)
_DEEP = "[" * 3000 + "]" * 3000
_LONG = "9" * 5000
_PLACE = "the place of something that `json` does not write"


def places(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value within nested JSON."""
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield (*above, key)
        if isinstance(item, dict | list):
            yield from places(item, (*above, key))


def damaged_json(random: Random, document: Any) -> str:
    """The text of `document` after one to three changes: to values, keys, lists, or the text."""
    changed = copy.deepcopy(document)
    damage = random.choice((_damage, _distort))
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        damage(random, changed)
    text = json.dumps(changed)
    text = text.replace(json.dumps(_PLACE), random.choice((_DEEP, _LONG, "1e999", "-", "nul")))
    if random.random() < 0.03:
        text = text[: random.randrange(len(text))]
    if random.random() < 0.05:
        text = "{" + f'"{random.choice(list(document))}": {random.choice(("1", "[]"))}, ' + text[1:]
    return text


def _distort(random: Random, document: Any) -> None:
    """Change one value for another of its type, so that the document keeps its form."""
    holder = document.get("results") or document
    *above, key = random.choice(list(places(holder)))
    for step in above:
        holder = holder[step]
    match holder[key]:
        case bool(value):
            holder[key] = not value
        case int(value):
            holder[key] = random.choice((0, 1, 2, 2**31, 2**63, 10**29, value + 1, value * 1000))
        case float(value):
            holder[key] = random.choice((0.0, 1.0, 5e-324, 1e-30, 1e29, -value, value * 1e6))
        case str():
            holder[key] = random.choice([text for text in VALUES if isinstance(text, str)])
        case list(value):
            holder[key] = random.choice(([], value[:1], value[1:], value * 2, value[::-1]))
        case dict(value) if value:
            value.pop(random.choice(list(value)))


def _damage(random: Random, document: Any) -> None:
    """Change one value, uniformly over depths, so that the few keys at the top get their share."""
    by_depth: dict[int, list[tuple[Any, ...]]] = {}
    for place in places(document):
        by_depth.setdefault(len(place), []).append(place)
    if not by_depth:
        return
    *above, key = random.choice(by_depth[random.choice(sorted(by_depth))])
    holder = document
    for step in above:
        holder = holder[step]
    old = holder[key]
    match random.randrange(8):
        case 0:
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[random.choice(("", "x", "\x1b", f"{key}s", "__class__"))] = holder.pop(key)
        case 1:
            holder.insert(key, copy.deepcopy(old))
        case 2:
            holder[key] = [old]
        case 3 if isinstance(old, int | float) and not isinstance(old, bool):
            holder[key] = random.choice((-old, 0, old + 1, old * 10**40, float(old), str(old)))
        case 3 if isinstance(old, list | dict):
            holder[key] = type(old)()
        case 4 if isinstance(old, list) and old:
            holder[key] = random.choice((old[:1], old[1:], old * 2, old[::-1]))
        case 5:
            holder[key] = _PLACE
        case _:
            holder[key] = copy.deepcopy(random.choice(VALUES))


_SIGNS = tuple("\"'[]{}=.,:#-\n\t 0x19\\\x1b\x00\u202eé\ud800")


def damaged_text(random: Random, text: str) -> str:
    """The text after one to four changes: to signs, words or lines, which may be very many."""
    for _ in range(random.randint(1, 4)):
        at = random.randrange(len(text) + 1)
        end = min(len(text), at + random.choice((0, 1, 1, 3, 20)))
        lines = text.split("\n")
        line = random.randrange(len(lines))
        match random.randrange(7):
            case 0:
                text = text[:at] + random.choice(_SIGNS) + text[end:]
            case 1:
                text = text[:at] + text[end:]
            case 2:
                text = text[:at] + random.choice(_SIGNS) * random.choice((2, 50, 5000)) + text[at:]
            case 3:
                text = "\n".join([*lines[:line], *lines[line + 1 :]])
            case 4:
                text = "\n".join([*lines[:line], *lines[line : line + 1] * 3, *lines[line:]])
            case 5 if "=" in lines[line]:
                value = random.choice((_LONG, "[" * 500, "0x" + _LONG, "nan", "1e400"))
                lines[line] = f"{lines[line].partition('=')[0]}= {value}"
                text = "\n".join(lines)
            case _:
                number = random.choice((_LONG, "-1", "1.5", "9" * 40, "true"))
                text = re.sub("[0-9]+", number, text[:end], count=1) + text[end:]
    return text


def damaged_bytes(random: Random, content: bytes) -> bytes:
    """The bytes after one to eight changes, or cut short, or others altogether."""
    if random.random() < 0.1:
        return random.randbytes(random.randrange(300))
    changed = bytearray(content)
    for _ in range(random.randint(1, 8)):
        start = random.randrange(len(changed))
        changed[start : start + random.randint(0, 8)] = random.randbytes(random.randint(0, 8))
    return bytes(changed[: random.randrange(len(changed))] if random.random() < 0.1 else changed)


def junk(random: Random, *words: str) -> str:
    """A text of words and signs, seldom very long; without the null byte, which no argument has."""
    parts = random.choices(words, k=random.choice((1, 2, 3, 5, 9, 20)))
    if random.random() < 0.2:
        parts.append(random.choice([sign for sign in _SIGNS if sign not in "\x00\ud800"]))
    if random.random() < 0.05:
        parts = [random.choice(parts) * 1500]
    return random.choice(("", " ")).join(parts)
