"""Kill a writer again and again, at moments drawn from a seed, and look at what is left.

Run as `python -m tests.trust.killer WRITER COUNT FOLDER`; prints one line of JSON. Each victim is a
fork of this process, in which everything is imported already, so that a kill hits the work itself.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from random import Random

SMALL = "shufflenet_v1_x0_25_g3"
BUDGET = f'schema = 1\n[[budget]]\nmodel = "{SMALL}"\nmacs = "40 M"\n'
WRITERS: dict[str, tuple[str, ...]] = {
    "count": ("count", SMALL, *(f"-oout/x{suffix}" for suffix in (".json", ".csv", ".md", ".txt"))),
    "lock": ("lock",),
    "check": ("check", "-o", "out/x.xml", "-o", "out/x.json", "-o", "out/x.md"),
    "report": ("report", "count", SMALL, "-o", "out/x.md", "-o", "out/y.html"),
    "report all": ("report", "all", "-o", "out", "--quiet"),
    "sweep": (
        *("sweep", "conv_unit", "--c", "1:40", "--h", "1:40", "--chunk", "100", "--quiet"),
        *("--save", "out/rows", "--save-as", "csv", "--workers", "2", "-o", "out/x.csv"),
    ),
    "models": ("models", "-o", "out/x.md", "-o", "out/x.json"),
}
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
# With the clock, the machine or the time that it took in them, they are never twice the same.
CHANGING = (".json", ".html", ".xml")


def run(writer: str) -> int:
    """One run, in this process."""
    from shufflenet_flops.cli.app import run as run_command
    from shufflenet_flops.cli.report import PARTS

    if writer == "report all":
        for name in [name for name in PARTS if name not in ("units", "budgets")]:
            PARTS.pop(name)  # type: ignore[attr-defined]  # what the others add is time
        PARTS["units"] = ("count", SMALL)  # type: ignore[index]  # without torch
    resume = ("--resume",) if writer == "sweep" and Path("out/rows/manifest.jsonl").exists() else ()
    return run_command([*WRITERS[writer], *resume])


def fork(writer: str) -> int:
    """A child that runs the writer, silently."""
    pid = os.fork()
    if pid:
        return pid
    from shufflenet_flops.cli import interrupts

    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(nowhere, number)
    try:
        interrupts.install()
        code = run(writer)
    except KeyboardInterrupt:  # before or after all else, as `main` has it
        code = 2
    except BaseException:
        code = 99
    os._exit(code)


def files() -> dict[str, bytes]:
    """Everything that is in the folder, by path."""
    return {
        path.relative_to(".").as_posix(): path.read_bytes()
        for path in sorted(Path().rglob("*"))
        if path.is_file()
    }


def torn(whole: dict[str, bytes], now: dict[str, bytes]) -> Iterator[str]:
    """Files that are not as the writer leaves them."""
    for name, content in now.items():
        path = Path(name)
        if path.name.startswith(".") or ".report.part" in path.parts:
            continue  # under way
        if path.name == "manifest.jsonl":
            continue  # it grows; what it says is read by the next run
        if path.suffix == ".json":
            json.loads(content)
        elif path.suffix in CHANGING:
            if not content.rstrip().endswith(whole[name].rstrip()[-8:]):
                yield name
        elif content != whole[name]:
            yield name


def main(writer: str, count: str, folder: str) -> None:
    """Kill it so many times, then let it finish."""
    # Before the forks: in the program itself a signal during these imports ends it at once.
    import shufflenet_flops.cli.app
    import shufflenet_flops.cli.interrupts
    import shufflenet_flops.cli.report
    import shufflenet_flops.report.files  # noqa: F401

    os.chdir(folder)
    Path("out").mkdir()
    Path("flop-budget.toml").write_text(BUDGET)
    random = Random(f"kill {writer}")
    assert os.waitpid(fork("lock"), 0)[1] == 0  # which a report on budgets needs
    warm = fork(writer)
    assert os.waitpid(warm, 0)[1] == 0
    whole = files()
    start = time.monotonic()
    os.waitpid(fork(writer), 0)
    takes = time.monotonic() - start
    found: list[str] = []
    codes: dict[str, int] = {}
    for number in range(int(count)):
        if number % 10 == 0:  # from nothing, too
            shutil.rmtree("out")
            Path("out").mkdir()
        pid = fork(writer)
        time.sleep(random.random() * takes)
        os.kill(pid, SIGNALS[number % len(SIGNALS)])
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        codes[str(status)] = codes.get(str(status), 0) + 1
        found += torn(whole, files())
    end = os.waitstatus_to_exitcode(os.waitpid(fork(writer), 0)[1])
    found += torn(whole, files())
    litter = sorted(set(files()) ^ set(whole))
    result = {"torn": found, "litter": litter, "codes": codes, "last": end}
    sys.stdout.write(json.dumps(result) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
