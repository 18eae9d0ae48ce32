"""From the text of MODEL to a source; torch is imported only where the text needs it."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from shufflenet_flops import zoo
from shufflenet_flops.errors import InputError, UnknownNameError
from shufflenet_flops.sources import zoo_networks as networks
from shufflenet_flops.sources.options import Options
from shufflenet_flops.sources.source import Source

# Files that hold no model, and what does something with them.
_ELSEWHERE = {
    ".json": "saved results: `shufflenet-flops report {0}` shows them, and `shufflenet-flops diff` "
    "what changed between two counts",
    ".lock": "figures of models: `shufflenet-flops diff HEAD:{0} {0}` shows what changed in it",
    ".toml": "budgets: `shufflenet-flops check --config {0}` holds their models against them",
}
_CHECKPOINTS = (".pt", ".pth", ".ckpt", ".bin", ".pkl", ".safetensors")


def resolve(text: str, options: Options | None = None) -> Source:
    """The source that MODEL names.

    A name of the zoo or `family@key=value`, `file.py:Net`, `file.py`, `package.module:factory`,
    `timm:NAME`, `torchvision:NAME`, `transformers:TYPE`, or a file that ends in `.pt2` or `.onnx`.
    A factory's module is imported,
    which runs its code; a file is only read, and nothing in it is run or unpickled.

    Raises a ShufflenetFlopsError, one line, where that does not lead to a model.
    """
    options = options or Options()
    if not text.strip():
        raise InputError("MODEL is empty: name one, such as resnet50")
    if "://" in text:
        raise InputError(f"{text}: nothing is fetched: download the file, and name that")
    if text.endswith(".onnx"):
        from shufflenet_flops.sources.onnx import file as onnx_file

        return onnx_file.find(text, options)
    if text.endswith(".pt2"):
        from shufflenet_flops.sources.pt2 import exported

        return exported.find(text, options)
    if text.endswith(_CHECKPOINTS):
        raise InputError(
            f"{text}: holds weights and perhaps code, but no graph that can be read safely: "
            "save the model with torch.export.save as .pt2, or export it as .onnx"
        )
    refuse_results(text)
    text = _as_library(text)
    if not is_built_by_code(text):
        return _named(text, options)
    from shufflenet_flops.sources.torch_modules import factory, libraries, transformers

    match text.partition(":")[0]:
        case "timm":
            return libraries.find_timm(text, options)
        case "torchvision":
            return libraries.find_torchvision(text, options)
        case "transformers":
            return transformers.find(text, options)
    return factory.find(text, options)


def refuse_results(text: str) -> None:
    """Raise InputError for a file that holds results or budgets, with the command that takes it."""
    if (suffix := Path(text).suffix) in _ELSEWHERE:
        raise InputError(f"{text}: is no model, but {_ELSEWHERE[suffix].format(text)}")


_LIBRARIES = {
    "timm": "timm",
    "torchvision": "torchvision",
    "transformers": "transformers",
    "hf": "transformers",
    "huggingface": "transformers",
}


def _as_library(text: str) -> str:
    """`timm/NAME`, `hf:TYPE` and the like as `timm:NAME` and `transformers:TYPE`."""
    if match := re.fullmatch(r"(timm|torchvision)(?:\.models)?\.(\w+)", text):
        return f"{match[1]}:{match[2]}"
    match = re.fullmatch(r"(\w+)[:/](.+)", text)
    if match and match[1].lower() in _LIBRARIES and not text.endswith(".py"):
        return f"{_LIBRARIES[match[1].lower()]}:{match[2]}"
    return text


def _named(text: str, options: Options) -> Source:
    """A network of the zoo.

    Raises UnknownNameError, with the libraries that have one of that name, and else with the
    closest names of all.
    """
    try:
        return networks.find(text, options)
    except UnknownNameError as error:
        base = text.partition("@")[0]
        if base in zoo.families() or base in zoo.names():  # one of its options is unknown
            raise
        from shufflenet_flops.sources.registered import holders

        exact, known = holders(base)
        if exact:
            raise InputError(
                f"unknown model {text!r}: did you mean {' or '.join(exact)}?"
            ) from None
        if meant := _no_name(text) or _beside(text):
            raise InputError(meant) from None
        if "did you mean" in str(error):
            raise
        names = {name.partition(":")[2]: name for name in reversed(known)}
        close = difflib.get_close_matches(base, names, n=3)
        if close:
            meant = " or ".join(names[name] for name in close)
            raise InputError(f"unknown model {text!r}: did you mean {meant}?") from None
        raise


def _no_name(text: str) -> str:
    """What to say of a text that is something else than a model's name; else empty."""
    typed = shlex.quote(text)
    if re.fullmatch(r"[\d.]+ ?[kMGT]\w*", text):
        return (
            f"{text}: is a count, and no model: `shufflenet-flops explain MODEL --reported {typed}`"
            f" says who gives it, `shufflenet-flops fit FAMILY --macs {typed}` what keeps to it"
        )
    if re.fullmatch(r"\d+|\w=\d+", text):
        return (
            f"{text}: is a size, and no model: write `shufflenet-flops compare --c 240 --g 3`, "
            "or a unit as shufflenet_unit@c=240,g=3"
        )
    if re.search(r"(?i)(?:^|_)table[ _]?\d+$", text):
        return f"{text}: is a table: write `shufflenet-flops paper {typed}`"
    if zoo.expand(text) != [text]:
        return (
            f"{text}: is a pattern, and one model is asked for: `shufflenet-flops models {typed}` "
            "lists what it stands for"
        )
    if "," in text and "@" not in text:
        return f"unknown model {text!r}: write several models apart: {' '.join(text.split(','))}"
    return ""


def _beside(text: str) -> str:
    """What to say where a directory or a file is called so; else empty."""
    if Path(text).is_dir():
        return f"{text}: is a directory: name a Python file in it, as net.py:Net"
    if Path(text).is_file():
        return (
            f"{text}: is a file whose name does not tell what it is: let it end in .onnx, .pt2 or "
            ".py; what is compressed is to be unpacked first"
        )
    module, dot, name = text.rpartition(".")
    places = {f"{text}.py": "", f"{text.replace('.', '/')}.py": ""}
    if dot:
        places[f"{module.replace('.', '/')}.py"] = f":{name}"
    for file, rest in places.items():
        if Path(file).is_file():
            return f"unknown model {text!r}: did you mean {file}{rest}?"
    return ""


def resolve_all(texts: Sequence[str], options: Options) -> list[Source]:
    """The sources of several models, in order; a glob stands for all networks that it matches.

    Arguments and an input factory go to the models that are built by code; `resolve` would refuse
    them for the others. Raises InputError for a model that is named twice.
    """
    texts = [name for text in texts for name in zoo.expand(text)]
    for text in texts:
        refuse_results(text)
    if len(set(texts)) < len(texts):
        raise InputError(f"a model is named twice: {' '.join(texts)}")
    if not any(map(is_built_by_code, texts)):
        return [resolve(text, options) for text in texts]
    without = replace(options, args={}, input_factory=None)
    return [resolve(text, options if is_built_by_code(text) else without) for text in texts]


def may_be_a_design(text: str) -> bool:
    """Whether MODEL may name a unit or family of the zoo: it is no code and no file."""
    return not (is_built_by_code(text) or text.endswith((".onnx", ".pt2", *_ELSEWHERE)))


def is_a_model(text: str) -> bool:
    """Whether a text is a MODEL, and can be nothing else: no file of results, no table, no size."""
    if Path(text).suffix in _ELSEWHERE:
        return False
    base, library = text.partition("@")[0], _as_library(text).partition(":")[0]
    return (
        base in zoo.names()
        or base in zoo.families()
        or library in _LIBRARIES.values()
        or text.endswith((".onnx", ".pt2", ".py"))
        or ".py:" in text
    )


def is_built_by_code(text: str) -> bool:
    """Whether MODEL names code that builds a module, and no network of the zoo and no file."""
    text = _as_library(text)
    return text.endswith(".py") or (":" in text and not text.endswith((".onnx", ".pt2")))
