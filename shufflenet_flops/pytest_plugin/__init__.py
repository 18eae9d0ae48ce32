"""The pytest plugin: `@pytest.mark.flops("140 M", input=(1, 3, 224, 224))`, and a fixture `flops`.

On a test, the mark holds the model among its fixtures, or what the test runs where it names no
input; on a factory or a module's class, it makes a test of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from shufflenet_flops.pytest_plugin.flops import Flops, watched
from shufflenet_flops.pytest_plugin.holding import MEASURED, NAME, hold, hold_model, limits_of, note


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--flops-report`."""
    parser.getgroup(NAME).addoption(
        "--flops-report",
        action="store_true",
        help="list what every test with a flops mark or fixture counted, the heaviest first",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Say what the mark is."""
    config.addinivalue_line(
        "markers",
        "flops(macs, *, input, model, params, flops, activations, memory, convention): hold a "
        "model to limits: the one among the test's fixtures (or `model`, the name of one, a module "
        "or a factory) on `input`, batch first; without `input`, the modules that the test calls",
    )


@pytest.fixture
def flops() -> Iterator[Flops]:
    """Counts the outermost calls of modules in a test, on whatever they are called with."""
    with watched() as counted:
        yield counted


def pytest_pycollect_makeitem(collector: Any, name: str, obj: object) -> pytest.Item | None:
    """A marked factory, or class of modules, is a test of its own in the file that defines it."""
    marks = [mark for mark in _own_marks(obj) if mark.name == NAME]
    if not marks or collector.funcnamefilter(name) or not isinstance(collector, pytest.Module):
        return None
    if getattr(obj, "__module__", None) != collector.obj.__name__:
        return None
    item: Factory = Factory.from_parent(collector, name=name, make=obj)
    for mark in marks:
        item.add_marker(getattr(pytest.mark, mark.name)(*mark.args, **mark.kwargs))
    return item


def _own_marks(obj: object) -> list[Any]:
    """Those that were put on the object itself and not on a class that it inherits from."""
    marks = getattr(obj, "__dict__", {}).get("pytestmark", [])
    return [getattr(mark, "mark", mark) for mark in (marks if isinstance(marks, list) else [marks])]


class Factory(pytest.Item):
    """A test of what a factory makes."""

    def __init__(self, *, make: Any, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._make = make

    def runtest(self) -> None:
        """Build the module, count it, hold it to the mark's limits."""
        for mark in self.iter_markers(NAME):
            hold_model(self, mark, self.name, self._make)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """The message alone, where it is ours."""
        if isinstance(excinfo.value, pytest.fail.Exception):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> Any:
        """The file, and what is counted."""
        return self.path, None, f"flops of {self.name}"


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Iterator[None]:
    """Hold a marked test's model before it runs, or what it runs afterwards."""
    __tracebackhide__ = True
    marks = list(pyfuncitem.iter_markers(NAME))
    whole = [mark for mark in marks if "input" not in mark.kwargs]
    for mark in marks:
        if mark not in whole:
            hold_model(pyfuncitem, mark, *_model_of(pyfuncitem, mark))
    counted = pyfuncitem.funcargs.get(NAME)
    if isinstance(counted, Flops) or not whole:
        result = yield
    else:
        with watched() as counted:
            result = yield
    if isinstance(counted, Flops):
        for mark in whole:
            convention = mark.kwargs.get("convention", "paper")
            hold(counted.block_under(convention), limits_of(mark.args, mark.kwargs), pyfuncitem)
        if not whole:
            note(pyfuncitem, counted.block_under("paper"))
    return result


def _model_of(item: pytest.Function, mark: pytest.Mark) -> tuple[str, Any]:
    """The name of the model that a mark is about, and the model or what makes it."""
    from torch import nn

    given = mark.kwargs.get("model")
    if isinstance(given, str):
        if given not in item.funcargs:
            raise pytest.UsageError(f"flops: model={given!r} is no fixture of {item.name}")
        return given, item.funcargs[given]
    if given is not None:
        return getattr(given, "__name__", type(given).__name__), given
    modules = {name: v for name, v in item.funcargs.items() if isinstance(v, nn.Module)}
    if len(modules) != 1:
        told = ", ".join(modules) or "none"
        raise pytest.UsageError(
            f"flops: one fixture of {item.name} must be a module, and these are: {told}; "
            'name it, as in model="net"'
        )
    return next(iter(modules.items()))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """The table of `--flops-report`."""
    if not config.getoption("--flops-report"):
        return
    from shufflenet_flops.counting.amount import figure
    from shufflenet_flops.errors import inert, one_line

    found: list[tuple[int, str]] = []
    reports = [report for of_kind in terminalreporter.stats.values() for report in of_kind]
    for report in reports:
        if getattr(report, "when", "") != "call":
            continue
        for name, value in report.user_properties:
            if name == MEASURED:
                unit = "macs" if "macs" in value else "flops"
                cells = (figure(unit, value[unit]), figure("params", value["params"]))
                line = f"{cells[0]:>14}  {cells[1]:>10} params  {value['model']}  {report.nodeid}"
                found.append((value[unit], inert(one_line(line).rjust(len(line)))))
    terminalreporter.section("FLOPs")
    for _, line in sorted(found, key=lambda pair: -pair[0]):
        terminalreporter.write_line(line)
    if not found:
        terminalreporter.write_line("no test has a flops mark or fixture")
