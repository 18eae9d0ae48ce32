"""What it takes to make networks ready for engines that convert them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from shufflenet_flops.latency.engines.protocol import EngineError
from shufflenet_flops.latency.engines.quiet import quiet
from shufflenet_flops.sources.torch_modules.imports import one_line

KEPT = 16  # networks that are ready, as many as are timed in turn: to convert one takes long


@contextmanager
def converting() -> Iterator[None]:
    """Silence, and no gradients; whatever a converter raises is an EngineError."""
    import torch

    try:
        with quiet(), torch.inference_mode():
            yield
    except EngineError:
        raise
    except Exception as error:
        raise EngineError(one_line(error)) from error
