"""Somebody else's code: whatever it raises is an error of its own, and ends nothing of ours."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


class ForeignExit(Exception):  # noqa: N818  # it stands for an exception that is no error
    """What would have ended the program, such as `sys.exit(0)` in a model's forward."""


@contextmanager
def contained() -> Iterator[None]:
    """Raise ForeignExit for whatever is no Exception, but for Ctrl-C, which is the user's own."""
    try:
        yield
    except (Exception, KeyboardInterrupt):
        raise
    except BaseException as error:
        # By its own name, which messages show.
        raise type(type(error).__name__, (ForeignExit,), {})(*error.args) from error
