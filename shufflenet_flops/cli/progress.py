"""Progress bars on stderr, when that is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

# What is being worked on, how much is done, and how much there is.
Progress = Callable[[str, int, int], None]


@contextmanager
def progress_bar(quiet: bool, verb: str) -> Iterator[Progress]:
    """A function that shows how far the work is; it does nothing where nobody watches."""
    if quiet or not sys.stderr.isatty():
        yield lambda name, done, total: None
        return
    from rich.console import Console
    from rich.progress import Progress as Bar

    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(verb, total=None)

        def show(name: str, done: int, total: int) -> None:
            bar.update(task, description=f"{verb} {name}", completed=done, total=total)

        yield show
