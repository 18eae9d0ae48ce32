"""`nn.Module` to rows: the aten ops of one forward pass, watched without running a kernel."""

from shufflenet_flops.trace.trace import Trace as Trace
from shufflenet_flops.trace.trace import trace as trace
