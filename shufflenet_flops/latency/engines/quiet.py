"""Silence for converters, which print, warn and log from Python, C++ and child processes."""

from __future__ import annotations

import logging
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout


@contextmanager
def quiet() -> Iterator[None]:
    """Nothing reaches the process's stdout and stderr, nor the log, and no warning is raised."""
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = {number: os.dup(number) for number in (1, 2)}
    try:
        with (
            open(os.devnull, "w") as nowhere,
            redirect_stdout(nowhere),
            redirect_stderr(nowhere),
            warnings.catch_warnings(),
        ):
            for number in kept:
                os.dup2(nowhere.fileno(), number)
            warnings.simplefilter("ignore")
            yield
    finally:
        for number, copy in kept.items():
            os.dup2(copy, number)
            os.close(copy)
        logging.disable(disabled)
