"""The parts of SARIF 2.1.0's schema and of GitLab's that are written here, as they stand there.

In SARIF's own schema every object is closed: a key that it does not name is refused. Of its keys
those are here that are used, and so a new one has to be looked up there.
"""

from __future__ import annotations

from typing import Any


def _closed(required: list[str], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required,
        "properties": properties,
    }


_TEXT = {"type": "string"}
_MESSAGE = _closed(["text"], text=_TEXT)
_RULE = _closed(["id"], id=_TEXT, shortDescription=_MESSAGE)
_DRIVER = _closed(
    ["name"],
    name=_TEXT,
    version=_TEXT,
    rules={"type": "array", "minItems": 0, "uniqueItems": True, "items": _RULE},
)
_REGION = _closed([], startLine={"type": "integer", "minimum": 1})
_PLACE = _closed(
    ["artifactLocation"],
    artifactLocation=_closed([], uri={"type": "string", "format": "uri-reference"}),
    region=_REGION,
)
_RESULT = _closed(
    ["message"],
    ruleId=_TEXT,
    ruleIndex={"type": "integer", "minimum": -1},
    level={"enum": ["none", "note", "warning", "error"]},
    message=_MESSAGE,
    locations={"type": "array", "items": _closed([], physicalLocation=_PLACE)},
    partialFingerprints={"type": "object", "additionalProperties": _TEXT},
)
SARIF = _closed(
    ["version", "runs"],
    **{"$schema": {"type": "string", "format": "uri"}},
    version={"enum": ["2.1.0"]},
    runs={
        "type": "array",
        "items": _closed(
            ["tool"],
            tool=_closed(["driver"], driver=_DRIVER),
            results={"type": "array", "items": _RESULT},
        ),
    },
)
CODE_QUALITY = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["description", "check_name", "fingerprint", "severity", "location"],
        "properties": {
            "description": _TEXT,
            "check_name": _TEXT,
            "fingerprint": _TEXT,
            "severity": {"enum": ["info", "minor", "major", "critical", "blocker"]},
            "location": {
                "type": "object",
                "required": ["path", "lines"],
                "properties": {
                    "path": _TEXT,
                    "lines": {
                        "type": "object",
                        "required": ["begin"],
                        "properties": {"begin": {"type": "integer", "minimum": 1}},
                    },
                },
            },
        },
    },
}
