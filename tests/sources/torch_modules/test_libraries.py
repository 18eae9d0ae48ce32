"""timm and torchvision: the same counts as torch's own counter, no weights, no connection."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from shufflenet_flops.errors import ModelError, ShufflenetFlopsError
from shufflenet_flops.sources import Input, Options, resolve
from shufflenet_flops.sources.torch_modules.module import ModuleSource

pytestmark = pytest.mark.usefixtures("torchvision_ops", "no_network")


@pytest.mark.parametrize(
    "text",
    [
        "torchvision:resnet18",
        "torchvision:shufflenet_v2_x1_0",
        "torchvision:googlenet",
        "timm:resnet18.a1_in1k",
        "timm:mobilenetv3_small_050",
    ],
)
def test_counts(text: str) -> None:
    """MACs are half of torch's FLOPs, and every parameter of the module is counted."""
    source = resolve(text)
    with torch.device("meta"):
        module = source.module()
    with FlopCounterMode(display=False) as counter:
        module(*source.example_inputs(real=False))

    assert 2 * source.table.macs == counter.get_total_flops()
    assert source.counted.params == sum(one.numel() for one in module.parameters())


def test_nothing_is_allocated_to_count(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every parameter that is made is on the meta device."""
    made: list[torch.device] = []
    new = torch.nn.Parameter.__new__

    def remember(cls: Any, data: torch.Tensor, *args: Any, **kwargs: Any) -> Any:
        made.append(data.device)
        return new(cls, data, *args, **kwargs)

    monkeypatch.setattr(torch.nn.Parameter, "__new__", remember)
    resolve("torchvision:vgg16").counted  # noqa: B018

    assert len(made) == 32
    assert set(made) == {torch.device("meta")}


def test_a_model_that_needs_values_to_be_built() -> None:
    """RegNet works out its widths with tensors: it is built with weights, and traced all the same.

    Figures of torchvision's documentation: 5,495,976 parameters, 0.41 GFLOPS.
    """
    counted = resolve("torchvision:regnet_x_400mf").counted

    assert counted.params == 5_495_976
    assert round(counted.table.macs / 1e9, 2) == 0.41
    assert not counted.real_forward


class _Asks(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.conv(x)
        return y * 2 if y.sum() > 1e9 else y


def test_control_flow_that_asks_for_values() -> None:
    """On the meta device there are none: the model is built again and really run."""
    source = ModuleSource("timm:asks", "timm model", (Input((1, 3, 8, 8)),), _Asks)

    assert source.counted.real_forward
    assert source.table.macs == 8 * 6 * 6 * 27


def test_inputs() -> None:
    """timm's own size, and the sizes asked for; arguments reach the builder."""
    assert resolve("timm:vit_base_patch16_384").inputs == (Input((1, 3, 384, 384)),)
    options = Options((Input((2, 1, 64, 64)),), {"in_chans": 1, "num_classes": 10})
    source = resolve("timm:resnet18", options)

    assert source.module()(*source.example_inputs()).shape == (2, 10)
    assert source.counted.params == 11_181_642 - 6_272


def test_a_detection_model_fetches_no_backbone() -> None:
    """Its default would; here the failure would be a connection."""
    assert resolve("torchvision:ssdlite320_mobilenet_v3_large").module()


@pytest.mark.parametrize(
    ("text", "args", "message"),
    [
        ("timm:resnet5o", {}, "unknown timm model 'resnet5o': did you mean resnet50"),
        ("timm:hf-hub:timm/resnet18", {}, "unknown timm model"),
        ("timm:resnet18.no_such_tag", {}, "Invalid pretrained tag"),
        ("timm:resnet18", {"pretrained": True}, "--arg pretrained is refused"),
        ("timm:resnet18", {"checkpoint_path": "x"}, "--arg checkpoint_path is refused"),
        ("timm:resnet18", {"nonsense": 3}, "has no argument"),
        ("torchvision:resnet5o", {}, "unknown torchvision model 'resnet5o': did you mean resnet50"),
        ("torchvision:resnet18", {"weights": "DEFAULT"}, "--arg weights is refused"),
    ],
)
def test_refusals(text: str, args: dict[str, object], message: str) -> None:
    """Names of the registry only, and no weights."""
    with pytest.raises(ShufflenetFlopsError, match=message):
        resolve(text, Options(args=args)).counted  # noqa: B018


@pytest.mark.parametrize("library", ["timm", "torchvision"])
def test_a_torchvision_that_does_not_match(tmp_path: Path, library: str) -> None:
    """One line that says which versions do not go together; exit code 2."""
    (tmp_path / "torchvision").mkdir()
    (tmp_path / "torchvision" / "__init__.py").write_text(
        "raise RuntimeError('operator torchvision::nms does not exist')\n"
    )
    command = ["-m", "shufflenet_flops", "count", f"{library}:resnet18", "--path", str(tmp_path)]
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); sys.argv[1:] = {command[2:]!r}\n"
    code += "from shufflenet_flops.cli.app import main; main()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    versions = [importlib.metadata.version(name) for name in ("torch", "torchvision")]

    assert done.returncode == 2
    assert f"torch {versions[0]}, torchvision {versions[1]}" in done.stderr
    assert "operator torchvision::nms does not exist" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_library_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra that installs it."""

    def missing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(
        "shufflenet_flops.sources.torch_modules.libraries.metadata.version", missing
    )

    with pytest.raises(ShufflenetFlopsError, match=r"pip install .*\[timm\]"):
        resolve("timm:resnet18")


def test_a_library_that_breaks_late_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """transformers imports a model's own module when it is asked for, and hides what failed."""
    transformers = pytest.importorskip("transformers")

    def from_config(config: object) -> object:
        try:
            raise RuntimeError("operator torchvision::nms does not exist")
        except RuntimeError as error:
            raise ModuleNotFoundError("Could not import module 'BertModel'.") from error

    monkeypatch.setattr(transformers.AutoModel, "from_config", from_config)
    with pytest.raises(ModelError) as caught:
        resolve("transformers:bert", Options())

    assert "torch and torchvision do not match" in str(caught.value)
    assert "(RuntimeError: operator torchvision::nms does not exist)" in str(caught.value)
