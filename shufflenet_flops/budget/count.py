"""Find and count the models of a configuration; what goes wrong with one is said of that one."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from shufflenet_flops import zoo
from shufflenet_flops.budget.block import Block, Lock, block
from shufflenet_flops.budget.config import Config, Entry
from shufflenet_flops.errors import InputError, ShufflenetFlopsError, one_line, short
from shufflenet_flops.running.foreign import contained
from shufflenet_flops.sources import Options, Source, resolve
from shufflenet_flops.sources.torch_modules.imports import one_line as first_line

_LOG = logging.getLogger(__name__)
_PATH = 'to import from the directory of this file, write path = ["."] at its top'


@dataclass(frozen=True)
class Subject:
    """One model that an entry is about: its source, counted, or what went wrong with it."""

    entry: Entry
    model: str
    source: Source | None = None
    block: Block | None = None
    error: str = ""
    hint: str = ""

    @property
    def name(self) -> str:
        """The model with its arguments."""
        return self.block.name if self.block else self.model


@dataclass
class ModelCounts:
    """Counts each model once, however many entries are about it."""

    config: Config
    _sources: dict[str, Source] = field(default_factory=dict)

    def subjects(self) -> list[Subject]:
        """Every model of every entry, in order; those of entries that are off are left alone."""
        return [
            self._subject(entry, model)
            for entry in self.config.entries
            for model in zoo.expand(entry.model)
        ]

    def _subject(self, entry: Entry, model: str) -> Subject:
        if entry.level == "off":
            return Subject(entry, model)
        try:
            with contained():
                source = self.source(entry, model)
                counted = block(model, source.inputs, entry.args, entry.convention, source.counted)
        except Exception as error:
            # A user's code may raise anything; that is no figure over a budget.
            _LOG.debug("%s cannot be counted:", one_line(model), exc_info=True)
            message = told(error).removeprefix(model).removeprefix(":").strip()
            is_lost = isinstance(error, InputError) and ":" in model and not self.config.path
            return Subject(entry, model, error=message, hint=_PATH if is_lost else "")
        return Subject(entry, model, source, counted)

    def reference(self, entry: Entry, model: str) -> Source:
        """The model that an entry's time is set against, on the same inputs, without its args."""
        return self.source(replace(entry, args={}), model)

    def source(self, entry: Entry, model: str) -> Source:
        """The source of a model on an entry's inputs."""
        key = repr((model, entry.inputs, sorted(entry.args.items())))
        if key not in self._sources:
            options = Options(entry.inputs, entry.args, self.config.path)
            is_file = model.endswith((".onnx", ".pt2"))
            text = str(self.config.directory / model) if is_file else model
            self._sources[key] = resolve(text, options)
        return self._sources[key]


def lock_of(subjects: Sequence[Subject]) -> Lock:
    """What a lock of these models holds, each model once."""
    blocks = {subject.block.order: subject.block for subject in subjects if subject.block}
    return tuple(blocks[order] for order in sorted(blocks))


def looked_at(earlier: Lock, subjects: Sequence[Subject]) -> Lock:
    """Of earlier blocks, those that can be held against: not of models that are off, nor of those
    that cannot be counted now."""
    present = {subject.block.order for subject in subjects if subject.block}
    left = {subject.model for subject in subjects if not subject.block}
    return tuple(block for block in earlier if block.model not in left or block.order in present)


def told(error: BaseException) -> str:
    """What went wrong, in one line; our own errors need no type."""
    told = str(error) if isinstance(error, ShufflenetFlopsError) else first_line(error)
    # The command line's option has another name in a budget file.
    return short(one_line(told).replace("--input ", ""))
