"""Work for several samples at once and in threads of forward's own, in the trace and in counters.

Every module has its MACs worked out by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from threading import Thread
from typing import Any, ClassVar

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.func import functional_call, jvp, stack_module_state

from shufflenet_flops.counters.explain import Explanation, explain
from shufflenet_flops.trace import trace

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.jit", "ignore:.*TorchScript")
Work = Callable[[nn.ModuleList, Tensor], Tensor]


class Calls(nn.Module):
    """A function of some modules and one input."""

    def __init__(self, function: Work, *modules: nn.Module) -> None:
        super().__init__()
        self.function, self.parts = function, nn.ModuleList(modules)

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.parts, x)


def _each(parts: nn.ModuleList, x: Tensor) -> Tensor:
    y: Tensor = torch.vmap(nn.Sequential(*parts))(x)
    return y


def _attended(parts: nn.ModuleList, x: Tensor) -> Tensor:
    y: Tensor = torch.vmap(lambda a: parts[0](a[None], a[None], a[None])[0])(x)
    return y


# Three samples of 5 tokens of 8, and two of one image of 3 x 10 x 10.
TOKENS, IMAGES = (3, 5, 8), (2, 1, 3, 10, 10)
SAMPLES: dict[str, tuple[int, Callable[[], nn.Module], tuple[int, ...]]] = {
    "linear": (15 * 8 * 4, lambda: Calls(_each, nn.Linear(8, 4)), TOKENS),
    "linear without bias": (15 * 8 * 4, lambda: Calls(_each, nn.Linear(8, 4, bias=False)), TOKENS),
    "samples along another axis": (
        15 * 8 * 4,
        lambda: Calls(lambda parts, x: torch.vmap(parts[0], in_dims=1)(x), nn.Linear(8, 4)),
        TOKENS,
    ),
    "convolution": (2 * 4 * 27 * 64, lambda: Calls(_each, nn.Conv2d(3, 4, 3)), IMAGES),
    "convolution with groups": (
        2 * 6 * 9 * 64, lambda: Calls(_each, nn.Conv2d(3, 6, 3, groups=3, bias=False)), IMAGES
    ),
    "convolution and linear": (
        2 * (4 * 27 * 64 + 256 * 5),
        lambda: Calls(_each, nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(256, 5)),
        IMAGES,
    ),
    "norm and activation": (
        15 * 64, lambda: Calls(_each, nn.Linear(8, 8), nn.LayerNorm(8), nn.GELU()), TOKENS
    ),
    "sums and products": (
        0, lambda: Calls(lambda _, x: torch.vmap(lambda a: torch.add(a * 2, a) + a)(x)), TOKENS
    ),
    "product of matrices": (
        3 * 5 * 5 * 8, lambda: Calls(lambda _, x: torch.vmap(lambda a: a @ a.T)(x)), TOKENS
    ),
    "within one another": (
        15 * 64,
        lambda: Calls(lambda parts, x: torch.vmap(torch.vmap(parts[0]))(x), nn.Linear(8, 8)),
        TOKENS,
    ),
}  # fmt: skip


def _explained(module: nn.Module, shape: tuple[int, ...]) -> Explanation:
    return explain("model", module.eval(), [torch.randn(shape)])


@pytest.mark.parametrize("case", SAMPLES)
def test_samples_at_once(case: str) -> None:
    """Hooks see one sample, and the profiler sees products once for one and once for all."""
    macs, build, shape = SAMPLES[case]
    found = _explained(build(), shape)
    residuals = {
        name: report.residual for name, report in found.counters.items() if report.status == "ok"
    }

    assert found.macs == macs
    assert residuals == dict.fromkeys(residuals, 0)
    assert {"torch", "thop", "ptflops", "profiler"} <= residuals.keys()
    assert found.miscounts["torch"] == found.miscounts["ptflops-aten"] == ()


def test_hooks_count_one_sample() -> None:
    """A third of the work of three samples, and why."""
    found = _explained(SAMPLES["linear"][1](), TOKENS)
    (miscount,) = found.miscounts["thop"]

    assert found.counters["thop"].reported == 5 * 8 * 4
    assert miscount.macs == -2 * 5 * 8 * 4
    assert miscount.reason == "counts one of the samples that torch.vmap runs at once"


def test_attention_of_samples() -> None:
    """Four projections of 8 x 8, scores and sums over all pairs, three times."""
    module = Calls(_attended, nn.MultiheadAttention(8, 2, batch_first=True)).eval()
    assert trace(module, torch.randn(TOKENS)).table.macs == 3 * (4 * 5 * 64 + 2 * 5 * 5 * 8)


def _in_a_pool(parts: nn.ModuleList, x: Tensor) -> Tensor:
    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(lambda part: part(x), parts)
    y: Tensor = first + second
    return y


def _in_a_thread(parts: nn.ModuleList, x: Tensor) -> Tensor:
    found: list[Tensor] = []
    thread = Thread(target=lambda: found.append(parts[1](parts[0](x))))
    thread.start()
    thread.join()
    return found[0]


@pytest.mark.parametrize("work", [_in_a_pool, _in_a_thread])
def test_threads_of_its_own(work: Work) -> None:
    """torch's counter sees nothing of them, and hooks all."""
    found = _explained(Calls(work, nn.Linear(8, 8), nn.Linear(8, 8)), (1, 5, 8))
    reported = {
        name: (report.reported, report.residual)
        for name, report in found.counters.items()
        if report.status == "ok"
    }

    assert found.macs == 2 * 5 * 64
    assert reported["torch"] == reported["ptflops-aten"] == (0, 0)
    assert reported["thop"] == (2 * 5 * 64, 0)
    assert {residual for _, residual in reported.values()} == {0}
    assert {miscount.reason for miscount in found.miscounts["torch"]} == {
        "misses what runs in other threads"
    }


def _dropped(_: nn.ModuleList, x: Tensor) -> Tensor:
    return F.alpha_dropout(x, 0.5, True) + F.feature_alpha_dropout(x, 0.5, True)


def _leaky(parts: nn.ModuleList, x: Tensor) -> Tensor:
    y: Tensor = parts[0](F.rrelu(x) + F.rrelu(x, training=True))
    return y


FUNCTIONS: dict[str, tuple[int, Callable[[], nn.Module]]] = {
    "dropout of self-normalising networks": (0, lambda: Calls(_dropped)),
    "random slopes": (0, lambda: Calls(_leaky, nn.RReLU())),
    "norms of parts": (0, lambda: Calls(lambda _, x: torch.renorm(x, 2, 0, 1.0))),
    "equation with dots": (
        15 * 64,
        lambda: Calls(lambda _, x: torch.einsum("...j,jk", x, torch.ones(8, 8))),
    ),
    "equation with dots that are broadcast": (
        2 * 15 * 5 * 8,
        lambda: Calls(lambda _, x: torch.einsum("...ij,...kj->...ik", x, torch.ones(2, 1, 5, 8))),
    ),
    # torch first sums over the dots, which one factor has alone.
    "equation that sums over dots": (
        5 * 8, lambda: Calls(lambda _, x: torch.einsum("...ij,...j->i", x, torch.ones(8)))
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", FUNCTIONS)
def test_functions(case: str) -> None:
    macs, build = FUNCTIONS[case]
    found = _explained(build(), TOKENS)

    assert found.macs == macs
    assert {report.residual for report in found.counters.values()} == {0}


def _of_copies(parts: nn.ModuleList, x: Tensor) -> Tensor:
    params, buffers = stack_module_state(list(parts))
    base = deepcopy(parts[0]).to("meta")

    def one(params: Any, buffers: Any) -> Any:
        return functional_call(base, (params, buffers), (x,))

    y: Tensor = torch.vmap(one)(params, buffers)
    return y


def _tangent(parts: nn.ModuleList, x: Tensor) -> Tensor:
    y: Tensor = jvp(nn.Sequential(*parts), (x,), (torch.ones_like(x),))[1]
    return y


def _attend(x: Tensor) -> Tensor:
    return F.scaled_dot_product_attention(x, x, x)


# What runs in the end: a tangent takes the product again, and once more with none.
TRANSFORMS: dict[str, tuple[int, Work, tuple[nn.Module, ...]]] = {
    "tangent": (3 * 15 * 8 * 4, _tangent, (nn.Linear(8, 4),)),
    "tangent of two layers": (
        3 * 15 * (8 * 8 + 8 * 4), _tangent, (nn.Linear(8, 8), nn.Linear(8, 4))
    ),
    "an ensemble": (2 * 15 * 8 * 4, _of_copies, (nn.Linear(8, 4), nn.Linear(8, 4))),
    "weights alone": (
        3 * 5 * 8 * 4 * 3,
        lambda _, x: torch.vmap(lambda w: F.linear(x, w))(torch.ones(3, 4, 8)),
        (),
    ),
    "a matrix and vectors": (
        15 * 8 * 4, lambda _, x: torch.vmap(lambda a: torch.ones(4, 8) @ a)(x.flatten(0, 1)), ()
    ),
    "a layer of no sample": (
        15 * 8 * 4, lambda parts, x: torch.vmap(lambda a: parts[0](x) + a.sum())(x),
        (nn.Linear(8, 4),),
    ),
    "attention with a kernel": (
        3 * 2 * 5 * 5 * 8,
        lambda _, x: torch.vmap(_attend)(x[:, None, None]),
        (),
    ),
    "attention without": (
        3 * 2 * 5 * 5 * 8,
        lambda _, x: torch.vmap(_attend)(x[:, None]),
        (),
    ),
    "a norm before a tangent": (
        3 * 15 * 8 * 4, lambda parts, x: _tangent(parts[1:], parts[0](x)),
        (nn.LayerNorm(8), nn.Linear(8, 4)),
    ),
    "what is added to products": (
        3 * 5 * 5 * 8,
        lambda _, x: torch.vmap(
            lambda a: torch.baddbmm(a.new_ones(1, 5, 5), a[None], a.mT[None])
        )(x),
        (),
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore:There is a performance drop")
@pytest.mark.parametrize("case", TRANSFORMS)
def test_transforms(case: str) -> None:
    """Of derivatives and samples every counter sees something else."""
    macs, work, layers = TRANSFORMS[case]
    found = _explained(Calls(work, *layers), TOKENS)
    residuals = {
        name: report.residual for name, report in found.counters.items() if report.status == "ok"
    }

    assert found.macs == macs
    assert residuals == dict.fromkeys(residuals, 0)
    assert {"torch", "ptflops", "profiler"} <= residuals.keys()


def test_what_a_graph_has_of_a_tangent() -> None:
    """TorchScript leaves out the product of a value that nobody uses."""
    found = _explained(Calls(_tangent, nn.Linear(8, 4)), TOKENS)
    (miscount,) = found.miscounts["fvcore"]

    assert (found.counters["fvcore"].reported, miscount.macs) == (2 * 15 * 32, -15 * 32)
    assert miscount.reason == "sees transforms of torch.func in its own way"


@pytest.mark.parametrize(
    ("macs", "work", "layers"),
    [
        (15 * 8 * 4, lambda parts, x: parts[0](x), (nn.Linear(8, 4),)),
        (
            3 * 8 * 4 * 5 * 3 + 3 * 8 * 4 * 2 * 3,
            lambda parts, x: parts[1](parts[0](x)),
            (nn.Conv1d(5, 4, 3, padding=1), nn.ConvTranspose1d(4, 2, 3)),
        ),
        (3 * 5 * 5 * 8, lambda _, x: torch.einsum("bij,bkj->bik", x, x), ()),
        (15 * 64, lambda parts, x: parts[1](parts[0](x)), (nn.Linear(8, 8), nn.RMSNorm(8))),
        # Every gate multiplies 8 inputs and a state of 6; a projection gives 3.
        (15 * 18 * 14, lambda parts, x: parts[0](x)[0], (nn.GRU(8, 6),)),
        (15 * (24 * 11 + 18), lambda parts, x: parts[0](x)[0], (nn.LSTM(8, 6, proj_size=3),)),
        (15 * 2 * 6 * 14, lambda parts, x: parts[0](x)[0], (nn.RNN(8, 6, bidirectional=True),)),
    ],
)
def test_inference_mode(macs: int, work: Work, layers: tuple[nn.Module, ...]) -> None:
    """Torch hands over whole layers, of which one counter knows the parts alone."""
    found = _explained(Calls(torch.inference_mode()(work), *layers), TOKENS)

    assert found.macs == macs
    assert {report.residual for report in found.counters.values()} == {0}


class Keeps(nn.Module):
    """Fills a cache of its class in its first run."""

    cache: ClassVar[dict[str, Tensor]] = {}

    def forward(self, x: Tensor) -> Tensor:
        if "twice" not in self.cache:
            self.cache["twice"] = x * 2
        return self.cache["twice"] + x


def test_every_counter_sees_the_first_run() -> None:
    """A counter leaves no cache behind, neither for the next one nor for the user."""
    found = _explained(Keeps(), TOKENS)

    assert {report.residual for report in found.counters.values()} == {0}
    assert found.counters["torchprofile"].reported == 3 * 5 * 8
    assert Keeps.cache == {}


def test_rows_that_are_too_long_are_multiplied() -> None:
    """Two of three rows, once each, by a number that the profiler takes for the first factor."""
    layer = nn.Embedding(4, 2, max_norm=1.0)
    layer.weight = nn.Parameter(torch.tensor([[9.0, 0], [0.1, 0], [9, 0], [9, 0]]))
    found = explain("model", layer.eval(), [torch.tensor([[0, 1, 2, 2]])])

    assert (found.counters["profiler"].reported, found.counters["profiler"].residual) == (2, 0)
