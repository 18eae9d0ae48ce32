"""What to say of a command line that cannot be read, and what to type instead."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

# What to type where something is missing, by command.
EXAMPLES: Mapping[str, str] = MappingProxyType(
    {
        "count": "count resnet50",
        "explain": "explain resnet50",
        "predict": "predict resnet50",
        "calibrate": "calibrate --engine onnxruntime",
        "report": "report count resnet50 -o resnet50.html",
        "diff": "diff HEAD~1:flop-budget.lock flop-budget.lock",
        "latency-diff": "latency-diff old.json new.json",
    }
)
_IMAGE = ("--input 1x3x224x224",)
# Options that other tools have, and what does the same here; the first that a command has is meant.
INSTEAD: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        **dict.fromkeys(("--json", "--output-format", "--fmt", "-f"), ("--format json",)),
        "--csv": ("--format csv",),
        "--html": ("-o x.html",),
        **dict.fromkeys(("--markdown", "--md"), ("--format markdown",)),
        **dict.fromkeys(("--size", "--image-size", "--img-size", "--img", "--imgsz"), _IMAGE),
        **dict.fromkeys(("--input-size", "--input-shape", "--shape", "--resolution"), _IMAGE),
        **dict.fromkeys(("--batch-size", "--bs", "-b"), ("--batch 8",)),
        **dict.fromkeys(("--depth", "--layers", "--per-layer", "--detailed"), ("--by layer",)),
        **dict.fromkeys(("--verbose", "-v"), ("--by layer", "--version")),
        "-V": ("--version",),
        **dict.fromkeys(("--flops", "--gflops"), ("--convention flops",)),
        "--macs": ("--where 'macs < 140M'", "--sort macs", "--metric macs"),
        "--params": ("--where 'params < 2M'", "--sort params", "--metric params"),
        "--memory": ("--where 'memory_bytes < 20M'", "--sort memory", "--metric memory"),
        **dict.fromkeys(("--latency", "--time"), ("--time 5ms", "--engine onnxruntime")),
        "--budget": ("--macs 140M",),
    }
)


def usage(error: Any) -> str:
    """A usage error that typer found, in words of ours, with what works or where to read more."""
    # What checks an enum's value for typer puts its own name before the sentence.
    said = error.format_message().replace("Value error, ", "").removesuffix(".")
    context = getattr(error, "ctx", None)
    path = getattr(context, "command_path", "") or "shufflenet-flops"
    name = path.partition(" ")[2]
    if said.startswith("Missing") and name in EXAMPLES:
        return f"{said}, as in `shufflenet-flops {EXAMPLES[name]}`"
    known = {option for one in context.command.params for option in one.opts} if context else set()
    typed = getattr(error, "option_name", None)
    if typed is not None and said.startswith("No such option"):
        return _unknown_option(path, typed, known)
    extra = re.search(r"unexpected extra arguments?(?:\(s\))? \((.*)\)$", said)
    if extra and (meant := _meant_by(name, extra[1].split(), known)):
        return f"{path} takes no {extra[1]!r}: {meant}"
    return f"{said} (see {path} --help)"


def _unknown_option(path: str, typed: str, known: set[str]) -> str:
    if typed == "--version":
        return f"{path} has no --version: write `shufflenet-flops --version`"
    for instead in INSTEAD.get(typed, ()):
        if instead.partition(" ")[0] in known:
            return f"{path} has no {typed}: write {instead}"
    # By their letters: two dashes make any two options alike.
    bare = {option.lstrip("-"): option for option in known if option.startswith("--")}
    word = typed.lstrip("-")
    close = difflib.get_close_matches(word, bare, n=2) or [
        name for name in bare if len(word) > 2 and name.startswith(word)
    ]
    if close:
        return f"{path} has no {typed}: did you mean {' or '.join(bare[one] for one in close)}?"
    return f"{path} has no {typed} (see {path} --help)"


def _meant_by(name: str, extra: Sequence[str], known: set[str]) -> str:
    """What may be meant by arguments that a command does not take; empty where nobody knows."""
    if name == "explain" and re.match(r"\d+\.|\d+[kMGT]", extra[0]):
        return f"is it --reported {extra[0]}?"
    if "--input" in known and all(re.fullmatch(r"\d+(x\d+)*", one) for one in extra):
        return "a shape is written with x between its sizes: --input 1x3x224x224"
    if name in ("count", "explain"):
        return f"`shufflenet-flops compare A B` sets models side by side; {name} takes one"
    return _of_another(name, extra[0], known)


def _of_another(name: str, extra: str, known: set[str]) -> str:
    """The line for what another command takes, or this one as the value of an option."""
    from shufflenet_flops.sources.resolve import is_a_model

    if "--config" in known and extra.endswith(".toml"):
        return f"write --config {extra}"
    if is_a_model(extra):
        command = "predict" if name == "calibrate" else "count"
        return f"write `shufflenet-flops {command} {shlex.quote(extra)}`"
    return ""
