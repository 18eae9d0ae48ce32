"""Results as JSON, with full integers in base units."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from shufflenet_flops.report.format.registry import RESULTS, VERDICTS, renders

if TYPE_CHECKING:
    from shufflenet_flops.environment import Environment
    from shufflenet_flops.report.document import Document, Verdicts


def as_json(
    command: str,
    convention: str | None,
    results: Sequence[Any],
    notes: Sequence[str] = (),
    measured_in: Environment | None = None,
) -> str:
    """The envelope that every command's JSON has, with its results."""
    from shufflenet_flops.environment import environment
    from shufflenet_flops.files.saved_file import SCHEMA
    from shufflenet_flops.saved import record

    envelope = {
        "schema": SCHEMA,
        "command": command,
        "convention": convention,
        "environment": record(measured_in or environment()),
        "results": record(list(results)),
        **({"notes": list(notes)} if notes else {}),
    }
    return json_text(envelope)


def json_text(content: Any) -> str:
    """Lines of JSON in which every sign is printable, and which start no command in a log."""
    text = json.dumps(content, indent=2, ensure_ascii=False) + "\n"
    # What is not printable, and what starts a command in a workflow's log, stands in texts alone,
    # where JSON has an escape of its own for it.
    text = text.replace("##[", "#\\u0023[")
    if text.replace("\n", "").isprintable():
        return text
    return "".join(
        sign if sign.isprintable() or sign == "\n" else json.dumps(sign)[1:-1] for sign in text
    )


@renders(RESULTS, "json", ".json", rank=20)
def document_as_json(document: Document) -> str:
    """The results in their envelope."""
    return as_json(
        document.command,
        document.convention,
        document.results,
        document.notes,
        document.environment,
    )


@renders(VERDICTS, "json", ".json", rank=20)
def verdicts_as_json(verdicts: Verdicts) -> str:
    """One result for each model and metric."""
    return as_json(verdicts.command, None, verdicts.report.verdicts)
