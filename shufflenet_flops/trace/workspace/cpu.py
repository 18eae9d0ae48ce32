"""What the kernels of this processor go by."""

from __future__ import annotations

import os
from functools import cache

import torch


@cache
def channel_block() -> int:
    """How many channels oneDNN keeps side by side: as many floats as a register holds."""
    asked = os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper()
    is_wide = "AVX512" in torch.backends.cpu.get_cpu_capability()
    return 16 if is_wide and not asked.startswith(("SSE", "AVX2", "AVX")) else 8


def kernels() -> str:
    """Whose kernels they are, in words."""
    asked = os.environ.get("ONEDNN_MAX_CPU_ISA")
    limit = f" and ONEDNN_MAX_CPU_ISA={asked}" if asked else ""
    capability = torch.backends.cpu.get_cpu_capability()
    return (
        f"torch {torch.__version__}'s kernels for {capability}{limit}, eager, on one thread; "
        "other processors and versions have others"
    )


def rounded(channels: int, block: int | None = None) -> int:
    """The channels with those that only fill the last block."""
    block = block or channel_block()
    return -(-channels // block) * block
