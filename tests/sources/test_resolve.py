"""MODEL texts: what each leads to, and how each is refused."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from shufflenet_flops import zoo
from shufflenet_flops.errors import ShufflenetFlopsError
from shufflenet_flops.sources import Input, Options, parse_args, parse_input, resolve, resolve_all
from shufflenet_flops.trace.trace import trace


@pytest.mark.parametrize(
    ("text", "shape", "dtype"),
    [
        ("1x3x224x224", (1, 3, 224, 224), "float32"),
        ("1X128:int64", (1, 128), "int64"),
        ("7:bool", (7,), "bool"),
    ],
)
def test_inputs(text: str, shape: tuple[int, ...], dtype: str) -> None:
    """Sizes, and a dtype after a colon; the example has both, on the meta device or for real."""
    found = parse_input(text)

    assert found == Input(shape, dtype)
    assert parse_input(str(found)) == found
    for real in (True, False):
        example = found.example(real=real)
        assert (tuple(example.shape), str(example.dtype)) == (shape, f"torch.{dtype}")
        assert example.is_meta is not real


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1x0", "sizes must be positive whole numbers joined by x"),
        ("", "sizes must be positive"),
        ("1x-3", "sizes must be positive"),
        ("1x٣", "sizes must be positive"),
        ("9" * 5000, "sizes must be positive"),
        ("4294967296x4294967296", "more elements than a tensor can have"),
        ("1x3:float31", "did you mean float32"),
        ("1x3:", "unknown dtype"),
    ],
)
def test_bad_inputs(text: str, message: str) -> None:
    """One line each."""
    with pytest.raises(ShufflenetFlopsError, match=message):
        parse_input(text)


def test_args() -> None:
    """A Python literal, else the text; nothing is evaluated."""
    texts = ["a=3", "b=(1, 2)", "c=resnet", "d=None", "e=__import__('os')", "f=x=y", "g="]

    assert parse_args(texts) == {
        "a": 3,
        "b": (1, 2),
        "c": "resnet",
        "d": None,
        "e": "__import__('os')",
        "f": "x=y",
        "g": "",
    }


@pytest.mark.parametrize("texts", [["a"], ["=3"], ["a b=3"], ["a=1", "a=2"]])
def test_bad_args(texts: list[str]) -> None:
    """A key that is no name, or given twice."""
    with pytest.raises(ShufflenetFlopsError, match="--arg"):
        parse_args(texts)


def test_a_network_of_the_zoo() -> None:
    """Counted from its spec; its module, traced, agrees."""
    source = resolve("resnet18", Options((Input((2, 3, 64, 64)),)))

    assert source.network is not None
    assert source.counted.params == 11_689_512
    assert source.trace().table.macs == source.table.macs
    assert source.module()(*source.example_inputs()).shape == (2, 1000)


def test_the_zoo_needs_no_torch() -> None:
    """In a subprocess, so that nothing else has loaded it; a factory does load it."""
    code = "import sys; from shufflenet_flops.sources import resolve; {}; "
    code += "print('torch' in sys.modules)"

    def loads_torch(statement: str) -> str:
        command = [sys.executable, "-c", code.format(statement)]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    assert loads_torch("resolve('resnet18').counted") == "False"
    assert loads_torch("resolve('torch.nn:Identity').counted") == "True"


def test_a_factory(user_code: Path) -> None:
    """A class, with arguments; its trace is that of the module it makes."""
    options = Options((Input((1, 3, 32, 32)),), parse_args(["width=16", "name=x"]), (user_code,))
    source = resolve("users_models:Net", options)
    module = source.module()

    assert source.table.macs == 30 * 30 * 16 * 27 + 160
    assert source.counted.params == 16 * 28 + 170
    assert module.get_parameter("fc.weight").shape == (10, 16)
    assert not module.training
    assert trace(module, torch.zeros(1, 3, 32, 32)).table == source.table


def test_a_module_as_a_factory(user_code: Path) -> None:
    """An instance is the model; by default it gets an image."""
    source = resolve("users_models:net", Options(path=(user_code,)))

    assert source.inputs == (Input((1, 3, 224, 224)),)
    assert source.module() is sys.modules["users_models"].net


@pytest.mark.parametrize(
    ("factory", "model", "inputs"),
    [
        ("by_name", "Masked", [(1, 7, 16), (1, 7)]),
        ("pair", "Masked", [(1, 7, 16), (1, 7)]),
        ("one", "Net", [(2, 3, 32, 32)]),
    ],
)
def test_an_input_factory(
    user_code: Path, factory: str, model: str, inputs: list[tuple[int, ...]]
) -> None:
    """A dictionary goes by name, a list by position; both for tracing and for running."""
    options = Options(path=(user_code,), input_factory=f"users_models:{factory}")
    source = resolve(f"users_models:{model}", options)

    assert [one.shape for one in source.inputs] == inputs
    assert source.table.macs > 0
    source.module()(*source.example_inputs())
    assert all(one.is_meta for one in source.example_inputs(real=False))


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("users_models:Nett", {}, "unknown factory in module users_models: 'Nett': did you mean"),
        ("users_model:Net", {}, "no module 'users_model' to import: did you mean users_models?"),
        ("timmm:resnet50", {}, "did you mean timm?"),
        ("nowhere.at.all:f", {}, "no module 'nowhere' to import: it is neither installed nor"),
        ("broken_models:f", {}, "importing broken_models failed: ModuleNotFoundError"),
        ("users_models:raising", {}, "users_models:raising failed: ValueError: no luck$"),
        ("users_models:leaving", {}, "users_models:leaving failed: SystemExit: 3"),
        ("users_models:nothing", {}, "gave None, not a torch.nn.Module"),
        ("users_models:one", {}, "gave a value of type Tensor, not a torch.nn.Module"),
        ("users_models:number", {}, "is a value of type int, not a factory"),
        ("users_models:net", {"args": {"width": 3}}, "is a module already, and takes no --arg"),
        (
            "users_models:Net",
            {"args": {"widht": 3}},
            "users_models:Net has no argument widht: did you mean width?",
        ),
        ("users_models:", {}, "write package.module:name"),
        ("a:b:c", {}, "write package.module:name"),
        ("../users_models:Net", {}, "write package.module:name"),
        ("resnet50", {"args": {"g": 3}}, "write a family's options as family@key=value"),
        ("resnet50", {"input_factory": "a:b"}, "--input-factory cannot be used"),
        ("resnet50", {"inputs": (Input((1, 3, 64, 64)),) * 2}, "takes one input"),
        ("resnet50", {"inputs": (Input((1, 3, 64, 64), "int8"),)}, "counted in float32"),
        ("resnet50", {"inputs": (Input((1, 3, 16, 16)),)}, "the smallest is 1x3x32x32"),
        ("resnt50", {}, "did you mean resnet50"),
        ("weights.pth", {}, "no graph that can be read safely"),
        ("users_models:Masked", {"input_factory": "users_models:none"}, "gave no tensor"),
        (
            "users_models:Masked",
            {"input_factory": "users_models:misnamed"},
            "names of its inputs do not fit",
        ),
        (
            "users_models:ByName",
            {"input_factory": "users_models:by_name"},
            "names of its inputs do not fit",
        ),
        (
            "users_models:Net",
            {"inputs": (Input((1,)),), "input_factory": "users_models:one"},
            "give one of them",
        ),
    ],
)
def test_refusals(user_code: Path, text: str, options: dict[str, object], message: str) -> None:
    """One line that names the value and the rule."""
    with pytest.raises(ShufflenetFlopsError, match=message) as caught:
        resolve(text, Options(path=(user_code,), **options))  # type: ignore[arg-type]

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "inputs", "message"),
    [
        ("Masked", [(1, 7, 16)], "its forward takes x, mask, and 1 is given"),
        ("Net", [(1, 3, 8, 8), (1,)], "its forward takes x, and 2 are given"),
        ("Net", [(1, 4, 8, 8)], "users_models:Net: the model's forward pass failed in 'conv'"),
        ("ByName", [(1, 4)], "its forward takes x, and 1 is given"),
    ],
)
def test_inputs_that_do_not_fit(
    user_code: Path, text: str, inputs: list[tuple[int, ...]], message: str
) -> None:
    """Too many, too few, or of a wrong shape: found when it is counted."""
    options = Options(tuple(map(Input, inputs)), path=(user_code,))

    with pytest.raises(ShufflenetFlopsError, match=message):
        resolve(f"users_models:{text}", options).counted  # noqa: B018


def test_a_path_that_is_no_directory(tmp_path: Path) -> None:
    """Before anything is imported."""
    with pytest.raises(ShufflenetFlopsError, match="there is no such directory"):
        resolve("users_models:Net", Options(path=(tmp_path / "nowhere",)))


def test_the_current_directory_is_importable_for_what_stands_in_it(user_code: Path) -> None:
    """For a module that is named and stands there; from elsewhere, --path says where."""
    command = [sys.executable, "-m", "shufflenet_flops", "count", "users_models:Net"]
    arguments = ["--input", "1x3x8x8"]

    def code(cwd: Path, *more: str) -> int:
        done = subprocess.run([*command, *arguments, *more], cwd=cwd, capture_output=True)
        return done.returncode

    elsewhere = user_code / "elsewhere"
    elsewhere.mkdir()
    assert code(user_code) == 0
    assert code(elsewhere) == 2
    assert code(elsewhere, "--path", "..") == 0


def test_unknown_ops_are_told(user_code: Path) -> None:
    """Not counted is not zero."""
    source = resolve("users_models:Odd", Options((Input((4,)),), path=(user_code,)))

    assert source.counted.unknown_ops == {"users.odd": 1}


def test_several_models_share_what_fits(user_code: Path) -> None:
    """Arguments go to the factory, not to the zoo; alone, the zoo refuses them."""
    options = Options(args={"width": 4}, path=(user_code,))
    zoo_source, factory_source = resolve_all(["resnet18", "users_models:Net"], options)

    assert zoo_source.network == zoo.find("resnet18")
    assert factory_source.module().get_parameter("fc.weight").shape == (10, 4)
    with pytest.raises(ShufflenetFlopsError, match="--arg cannot be used"):
        resolve_all(["resnet18", "resnet50"], options)
    with pytest.raises(ShufflenetFlopsError, match="named twice"):
        resolve_all(["resnet18", "resnet18"], options)
