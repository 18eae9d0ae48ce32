"""Which parameters a training step trains: those that want gradients, less what patterns freeze."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from shufflenet_flops.errors import InputError, shown


@dataclass(frozen=True)
class Trained:
    """Patterns of parameters that are frozen, and of those that are trained.

    A pattern is a glob, such as `stage[12].*`, of a parameter's name or of the path of a module
    that holds it; a `*` stands for dots too. With `train` alone all others are frozen; with both,
    `train` has the last word.
    """

    freeze: tuple[str, ...] = ()
    train: tuple[str, ...] = ()

    def is_trained(self, name: str, wanted: bool = True) -> bool:
        """Whether the parameter of this name is trained; `wanted` where no pattern says."""
        if _matches(name, self.train):
            return True
        if _matches(name, self.freeze):
            return False
        return wanted and not (self.train and not self.freeze)

    def check(self, names: Iterable[str]) -> None:
        """Raise InputError for a pattern that matches none of the parameters, or leaves none."""
        names = list(names)
        for option, patterns in (("freeze", self.freeze), ("train", self.train)):
            for pattern in patterns:
                if not any(_matches(name, (pattern,)) for name in names):
                    raise InputError(
                        f"--{option} {shown(pattern)} matches no parameter: {_near(pattern, names)}"
                    )


ALL = Trained()


def _matches(name: str, patterns: Iterable[str]) -> bool:
    parts = name.split(".")
    held = [".".join(parts[: i + 1]) for i in range(len(parts))]
    return any(fnmatchcase(part, pattern) for pattern in patterns for part in held)


def _near(pattern: str, names: list[str]) -> str:
    """What would match: a parameter of a similar name, else the first ones."""
    modules = {name.rpartition(".")[0] for name in names if "." in name}
    close = difflib.get_close_matches(pattern, [*modules, *names], n=3, cutoff=0.5)
    if close:
        return f"did you mean {' or '.join(close)}?"
    tops = list(dict.fromkeys(name.partition(".")[0] for name in names))
    return f"its parameters are under {', '.join(tops[:6])}{', …' if len(tops) > 6 else ''}"
