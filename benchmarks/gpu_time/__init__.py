"""How well FLOPs, and rows, tell the time that timm measured: reports/gpu-time.md."""
