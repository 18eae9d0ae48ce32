"""A progress bar on stderr, for what takes long."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from shufflenet_flops.latency.sampling import Progress


@contextmanager
def progress_bar(quiet: bool, verb: str = "") -> Iterator[Progress]:
    """What is being done, how far, and the time left, where stderr is a terminal.

    It writes to a copy of stderr, which shows even while converters are silenced.
    """
    if quiet or not sys.stderr.isatty():
        yield lambda name, done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with (
        os.fdopen(os.dup(sys.stderr.fileno()), "w") as terminal,
        Bar(console=Console(file=terminal), transient=True) as bar,
    ):
        task = bar.add_task(verb, total=None)
        phase = ""

        def show(name: str, done: int, total: int) -> None:
            nonlocal phase
            description = f"{verb} {name}".strip()
            if (started := description.partition(" ")[0]) != phase:
                phase = started
                bar.reset(task)  # what one phase took says nothing of the time left in the next
            bar.update(task, description=description, completed=done, total=total)

        yield show
