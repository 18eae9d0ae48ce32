"""What torch's oldest promised version does otherwise, so that a test of it says nothing there."""

from __future__ import annotations

from typing import Any

import pytest
import torch

IS_2_9 = torch.__version__.startswith("2.9.")

# `torch.utils.checkpoint` without reentrance compares what it computes again with what it kept: of
# stand-ins the devices differ there, and the step ends with its message.
checkpoint_without_reentrance: Any = pytest.mark.skipif(
    IS_2_9, reason="in torch 2.9 a checkpoint that runs again finds stand-ins on another device"
)
# The witness, not what is tested: no op is named for what `cat` takes.
memory_of_cat: Any = pytest.mark.skipif(
    IS_2_9, reason="the profiler of torch 2.9 does not tell what `cat` takes"
)
# There is no event for a mode, and none for an op that does nothing but run itself.
ops_handed_to_a_mode: Any = pytest.mark.skipif(
    IS_2_9,
    reason="the profiler of torch 2.9 does not tell an op that a mode took apart from others",
)
