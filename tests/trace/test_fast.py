"""`trace/fast` only makes a trace faster: with it and without it the trace is the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from shufflenet_flops import zoo
from shufflenet_flops.build import build
from shufflenet_flops.errors import ModelError
from shufflenet_flops.trace import Trace, fast, trace
from shufflenet_flops.trace.dispatch_mode import Tracer
from shufflenet_flops.trace.fast.known_calls import KnownCalls
from shufflenet_flops.trace.shortcuts import NONE, SWITCH, Shortcuts, shortcuts
from shufflenet_flops.trace.state import State
from tests.sources.onnx.models import models
from tests.support import torchvision_ops
from tests.trace.test_trace_modules import META_ONLY
from tests.trace.test_trace_ops import ATTENTION, MACS, RECURRENT, Call, key, query
from tests.trace.user_modules import cases

Made = tuple[nn.Module, tuple[Any, ...]]

TORCHVISION = """
    alexnet convnext_tiny densenet121 efficientnet_b0 efficientnet_v2_s googlenet inception_v3
    maxvit_t mnasnet0_5 mobilenet_v2 mobilenet_v3_large mobilenet_v3_small resnet18
    resnext50_32x4d shufflenet_v2_x0_5 squeezenet1_1 swin_t swin_v2_t vgg11_bn vit_b_16
    wide_resnet50_2
    """.split()
TIMM = """
    beit_base_patch16_224 botnet26t_256 cait_xxs24_224 coat_lite_tiny crossvit_9_240 davit_tiny
    edgenext_xx_small efficientvit_b0 eva02_tiny_patch14_224 fastvit_t8 ghostnet_100 gmlp_s16_224
    halonet26t hiera_tiny_224 hrnet_w18_small inception_next_tiny lambda_resnet26t levit_128s
    mixer_s32_224 mobilevit_xxs mvitv2_tiny nest_tiny nfnet_f0 pit_ti_224 poolformer_s12 pvt_v2_b0
    res2net50_14w_8s rexnet_100 sequencer2d_s skresnet18 tiny_vit_5m_224 twins_pcpvt_small
    vit_tiny_patch16_224 volo_d1_224 xcit_nano_12_p16_224
    """.split()


def both_ways(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[], Made], *, training: bool = False
) -> tuple[Trace, Trace, Trace]:
    """The first and the second trace with `trace/fast`, and one without."""
    fast.KNOWN.clear()
    module, inputs = make()
    monkeypatch.setenv(SWITCH, "1")
    quick = trace(module, *inputs, training=training), trace(module, *inputs, training=training)
    monkeypatch.setenv(SWITCH, "0")
    return *quick, trace(module, *inputs, training=training)


def check(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[], Made], *, training: bool = False
) -> None:
    first, second, plain = both_ways(monkeypatch, make, training=training)

    assert first.table.rows == plain.table.rows
    assert first == second == plain


def test_the_switch_turns_all_of_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read when a trace is made; nothing is remembered then."""
    monkeypatch.setenv(SWITCH, "0")
    fast.KNOWN.clear()
    trace(nn.Linear(3, 4), torch.ones(2, 3))
    assert shortcuts() == NONE
    assert len(fast.KNOWN) == 0

    monkeypatch.delenv(SWITCH)
    trace(nn.Linear(3, 4), torch.ones(2, 3))
    assert shortcuts() is fast.SHORTCUTS
    assert len(fast.KNOWN) == 1


def test_what_is_known_is_bounded() -> None:
    """It starts anew where it would hold too much."""
    known = KnownCalls(limit=3)
    ways = Shortcuts(known.work_out)
    tracer = Tracer(State([], []), ways, values=False)
    for size in range(1, 6):
        tracer.op(torch.ops.aten.relu.default, (torch.ones(size),))

    assert len(tracer.rows) == 5
    assert len(known) == 2


def unusual() -> dict[str, Made]:
    """Layers that a known call of another must not stand for."""
    x = torch.ones(1, 4, 5, 5)
    listed, same, shared = (nn.Conv2d(4, 4, 3) for _ in range(3))
    listed.stride = [2, 2]  # type: ignore[assignment] # what torch takes as well
    same.padding = "same"
    shared.bias = nn.Parameter(torch.ones(4))
    norm, twins = nn.BatchNorm2d(4), nn.BatchNorm2d(4)
    twins.bias = twins.weight  # read once
    own = nn.Conv2d(4, 4, 3)
    weight = own.weight.detach()
    del own.weight
    own.weight = weight  # no parameter any more
    return {
        "a list": (listed, (x,)),
        "a word": (same, (x,)),
        "one image without a batch": (shared, (x[0],)),
        "a plain norm": (norm, (x,)),
        "a shared weight": (twins, (x,)),
        "a weight that is no parameter": (own, (x,)),
        "twice the same": (Call(lambda a: nn.functional.linear(a, a)), (torch.ones(3, 3),)),
    }


def test_a_known_layer_stands_for_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the usual layer, and each other before, is known."""
    fast.KNOWN.clear()
    for layer in (nn.Conv2d(4, 4, 3), nn.Conv2d(4, 4, 3, stride=2), nn.BatchNorm2d(4)):
        trace(layer, torch.ones(1, 4, 5, 5))
    for name, (module, inputs) in unusual().items():
        monkeypatch.setenv(SWITCH, "1")
        first, second = trace(module, *inputs), trace(module, *inputs)
        monkeypatch.setenv(SWITCH, "0")
        assert first == second == trace(module, *inputs), name


def test_a_layer_that_was_changed_is_another() -> None:
    """As pruning changes the sizes of a weight, which stays the same parameter."""
    layer = nn.Conv2d(4, 8, 3, bias=False)
    x = torch.ones(1, 4, 5, 5)
    assert trace(layer, x).table.macs == trace(layer, x).table.macs == 8 * 4 * 9 * 9
    layer.weight.data = layer.weight.data[:2]
    assert trace(layer, x).table.macs == 2 * 4 * 9 * 9


def test_what_a_norm_refuses_is_refused_though_its_op_is_known() -> None:
    """The op takes three axes, which `BatchNorm2d` does not."""
    x = torch.ones(2, 4, 5)
    trace(nn.BatchNorm1d(4), x)
    for _ in range(2):
        with pytest.raises(ModelError, match="expected 4D input"):
            trace(nn.BatchNorm2d(4), x)


@pytest.mark.parametrize("name", sorted(models()))
def test_small_models(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every kind of layer and function."""
    check(monkeypatch, lambda: models()[name])


@pytest.mark.parametrize("name", cases())
def test_modules_of_users(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """In evaluation, and in training."""

    def make() -> Made:
        module, x, _ = cases()[name]
        return module, (x,)

    for training in (False, True):
        check(monkeypatch, make, training=training)


@pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning")
@pytest.mark.parametrize("name", META_ONLY)
def test_modules_as_they_come(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scripted, compiled, shared, hooked, caching, writing into views."""
    check(monkeypatch, lambda: (META_ONLY[name][0](), META_ONLY[name][1]))


FUNCTIONS: dict[str, Callable[[], Made]] = {
    **{
        f"attention: {name}": lambda function=function: (Call(function), (query, key))
        for name, function in ATTENTION.items()
    },
    **{
        f"recurrent: {name}": lambda layer=layer: (layer, (torch.ones(5, 2, 8),))
        for name, (layer, _) in RECURRENT.items()
    },
    **{
        f"product: {name}": lambda function=function, inputs=inputs: (
            function if isinstance(function, nn.Module) else Call(function),
            inputs,
        )
        for name, (function, inputs, _) in MACS.items()
    },
    **{
        f"pool by keywords: {kwargs}": lambda kwargs=kwargs: (
            Call(lambda x: F.avg_pool2d(x, 3, **kwargs)),
            (torch.ones(1, 2, 8, 8),),
        )
        for kwargs in (
            {"stride": 2, "ceil_mode": True},
            {"padding": 1, "count_include_pad": False},
            {"divisor_override": 2},
        )
    },
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Products of every kind, by modules and by functions."""
    check(monkeypatch, FUNCTIONS[name])


def on_meta(make: Callable[[], nn.Module], shape: tuple[int, ...]) -> Made:
    with torch.device("meta"):
        return make().eval(), (torch.empty(shape),)


@pytest.mark.slow
@pytest.mark.parametrize("name", zoo.names())
def test_networks_of_the_zoo(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the meta device."""
    model = zoo.find(name)
    check(monkeypatch, lambda: on_meta(lambda: build(model.spec), model.input))


@pytest.mark.slow
@pytest.mark.parametrize("name", TORCHVISION)
def test_networks_of_torchvision(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the meta device."""
    torchvision_ops.declare()
    import torchvision

    options = {"init_weights": False} if name in ("googlenet", "inception_v3") else {}
    size = 299 if name == "inception_v3" else 224
    check(
        monkeypatch,
        lambda: on_meta(lambda: getattr(torchvision.models, name)(**options), (1, 3, size, size)),
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", TIMM)
def test_networks_of_timm(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On the meta device."""
    torchvision_ops.declare()
    import timm

    size = timm.get_pretrained_cfg(name).input_size
    check(monkeypatch, lambda: on_meta(lambda: timm.create_model(name), (1, *size)))
