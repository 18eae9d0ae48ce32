"""What the shell can complete: names that the zoo and the data have."""

from __future__ import annotations

from collections.abc import Iterable

from shufflenet_flops.cli.group import PAPER_COMMANDS

# typer finds out what a completion takes by the names of its parameters.


def complete_model(incomplete: str) -> list[str]:
    """Networks and families; after `family@` or a comma, the family's options."""
    from shufflenet_flops import zoo

    base, at, text = incomplete.partition("@")
    families = zoo.families()
    if not at or base not in families:
        return _starting(incomplete, dict.fromkeys((*zoo.names(), *families)))
    done, comma, _ = text.rpartition(",")
    options = (f"{base}@{done}{comma}{option}=" for option in families[base].options)
    return _starting(incomplete, options)


def complete_unit(incomplete: str) -> list[str]:
    """The units of ShuffleNet's section 3.2."""
    from shufflenet_flops.zoo.units import UNIT_NAMES

    return _starting(incomplete, UNIT_NAMES)


def complete_table(incomplete: str) -> list[str]:
    """The papers' tables, and the second words of commands that begin with `paper`."""
    from shufflenet_flops.paper import table_names

    return _starting(incomplete, [*table_names(), *PAPER_COMMANDS])


def complete_convention(incomplete: str) -> list[str]:
    """The conventions."""
    from shufflenet_flops.counting import CONVENTIONS

    return _starting(incomplete, CONVENTIONS)


def complete_engine(incomplete: str) -> list[str]:
    """The engines that `latency` knows, installed or not."""
    from shufflenet_flops.latency.engines import ENGINE_NAMES

    return _starting(incomplete, ENGINE_NAMES)


def complete_calibrated_engine(incomplete: str) -> list[str]:
    """The engines that `calibrate` measures."""
    from shufflenet_flops.latency.predict.profilers import profiler_names

    return _starting(incomplete, profiler_names())


def complete_counter(incomplete: str) -> list[str]:
    """The counters that `explain` runs."""
    from shufflenet_flops.counters import all_counters

    return _starting(incomplete, [counter.name for counter in all_counters()])


def complete_report(incomplete: str) -> list[str]:
    """What there is a report on."""
    from shufflenet_flops.report.sections import SECTIONS

    return _starting(incomplete, [*SECTIONS, "atlas", "all"])


def _starting(incomplete: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
