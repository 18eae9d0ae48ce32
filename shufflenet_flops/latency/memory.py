"""How much memory there is, so that what cannot fit is refused, not killed by the system."""

from __future__ import annotations

from pathlib import Path

from shufflenet_flops.latency.engines.protocol import EngineError


def available_bytes() -> int | None:
    """Memory that can be had without swapping; None where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    fields = dict(line.split(":", 1) for line in lines)
    return int(fields["MemAvailable"].split()[0]) * 1024


def check_fits(needed: int) -> None:
    """Raise EngineError where `needed` bytes are more than are available."""
    available = available_bytes()
    if available is not None and needed > available:
        raise EngineError(
            f"out of memory: it needs at least {needed / 1e9:.1f} GB and "
            f"{available / 1e9:.1f} GB are available; give a smaller --input or --batch"
        )
