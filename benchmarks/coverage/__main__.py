"""Count every model of other people's libraries, then write reports/coverage.md.

`python -m benchmarks.coverage [LIBRARY...]`, all by default; those must be installed.
Results are kept in build/coverage/ as they come, and a second run takes up where the first stopped;
`--fresh` starts anew.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from functools import partial
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path

from benchmarks.coverage.compared import Result
from benchmarks.coverage.libraries import LIBRARIES, checked
from benchmarks.coverage.report import Coverage, report

RESULTS = Path("build/coverage")
REPORT = Path("reports/coverage.md")


def main() -> None:
    """Count every model that has no result yet, then write the report on all that were counted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("libraries", nargs="*", metavar="LIBRARY", help=", ".join(LIBRARIES))
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--fresh", action="store_true", help="forget earlier results")
    options = parser.parse_args()
    RESULTS.mkdir(parents=True, exist_ok=True)
    for name in options.libraries or LIBRARIES:
        if options.fresh:
            _file(name).unlink(missing_ok=True)
        _count(name, options.workers)
    REPORT.write_text(report([_saved(name) for name in LIBRARIES]))


def _count(name: str, workers: int) -> None:
    library = LIBRARIES[name]
    done = {result.model for result in _saved(name).results}
    models = [model for model in library.names() if model not in done]
    # A process for a few models only: some libraries change it for the models that follow.
    with (
        get_context("spawn").Pool(workers, maxtasksperchild=50) as pool,
        _file(name).open("a") as file,
    ):
        versions = {"version": version(library.package), "torch": version("torch")}
        file.write(json.dumps(versions) + "\n")
        for result in pool.imap(partial(checked, name), models):
            file.write(json.dumps(asdict(result)) + "\n")
            file.flush()
            if result.status != "equal" or result.unknown_ops:
                print(result, flush=True)


def _saved(name: str) -> Coverage:
    path = _file(name)
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
    versions = [line for line in lines if "version" in line]
    results = [Result(**line) for line in lines if "version" not in line]
    last = versions[-1] if versions else {}
    title = f"{name.replace('-', ', ')} ({last.get('version', '')})"
    return Coverage(title, last.get("torch", ""), LIBRARIES[name].how, tuple(results))


def _file(name: str) -> Path:
    return RESULTS / f"{name}.jsonl"


if __name__ == "__main__":
    main()
