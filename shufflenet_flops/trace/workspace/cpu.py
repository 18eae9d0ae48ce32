"""What the kernels of this processor go by."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path

import torch


@cache
def channel_block() -> int:
    """How many channels oneDNN keeps side by side: as many floats as a register holds."""
    asked = os.environ.get("ONEDNN_MAX_CPU_ISA", "").upper()
    is_wide = "AVX512" in torch.backends.cpu.get_cpu_capability()
    return 16 if is_wide and not asked.startswith(("SSE", "AVX2", "AVX")) else 8


# Where the rules of this folder were held to what the allocator is asked for.
_CHECKED_TORCH = "2.13."
_CHECKED_UNITS, _OTHER_UNITS = {"avx512_bf16", "avx512_vnni"}, {"amx_tile"}
CHECKED = "torch 2.13 on a processor with AVX-512 and bfloat16, and without AMX"


@cache
def is_checked() -> bool:
    """Whether the rules were held to kernels such as those of this process."""
    try:
        text = Path("/proc/cpuinfo").read_text()
    except OSError:  # another system
        return False
    units = set(text.partition("flags")[2].partition("\n")[0].split())
    return (
        torch.__version__.startswith(_CHECKED_TORCH)
        and units >= _CHECKED_UNITS
        and not units & _OTHER_UNITS
        and not os.environ.get("ONEDNN_MAX_CPU_ISA")
    )


def kernels() -> str:
    """Whose kernels they are, in words, and whether the rules were held to these."""
    asked = os.environ.get("ONEDNN_MAX_CPU_ISA")
    limit = f" and ONEDNN_MAX_CPU_ISA={asked}" if asked else ""
    capability = torch.backends.cpu.get_cpu_capability()
    known = (
        "other processors and versions have others"
        if is_checked()
        else f"an estimate here: the rules were held to those of {CHECKED}"
    )
    whose = f"torch {torch.__version__}'s kernels for {capability}{limit}"
    return f"{whose}, eager, on one thread; {known}"


def rounded(channels: int, block: int | None = None) -> int:
    """The channels with those that only fill the last block."""
    block = block or channel_block()
    return -(-channels // block) * block
