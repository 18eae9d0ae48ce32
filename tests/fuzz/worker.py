"""One process that runs a reader on many inputs, and says what it should not have done.

python -m tests.fuzz.worker READER SEED COUNT FOLDER: a line of JSON for each fault, and one at the
end with how many inputs were refused.
"""

from __future__ import annotations

import contextlib
import io
import json
import resource
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from random import Random
from types import FrameType
from typing import NoReturn

from tests.fuzz.readers import READERS, run_quietly

SECONDS = 10
BYTES = 2 * 2**30


class TooLongError(BaseException):
    """Nothing in between may catch it."""


def _ring(number: int, frame: FrameType | None) -> NoReturn:
    raise TooLongError


def fault(arguments: list[str]) -> tuple[str, int]:
    """What a command did that it must not, empty where it behaved; and its exit code."""
    from shufflenet_flops.cli.app import run

    out, err = io.StringIO(), io.StringIO()
    code = -1
    signal.alarm(SECONDS)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run(arguments)
    except TooLongError:
        return f"takes more than {SECONDS} s", code
    except BaseException as error:
        return f"lets {type(error).__name__} through: {error}", code
    finally:
        signal.alarm(0)
    lines = err.getvalue().splitlines()
    said = out.getvalue() + err.getvalue()
    if "defect" in err.getvalue() or "Traceback" in said:
        return err.getvalue(), code
    if code not in (0, 1, 2) or (code == 2 and not lines and arguments[0] not in ("diff", "check")):
        return f"exit code {code} without a word", code
    if code == 2 and not all(line.startswith("error: ") for line in lines):
        return f"more than errors: {lines}", code
    if arguments[0] != "check" and len(lines) > 1:
        return f"more than one line: {lines}", code
    seen = "\n\N{NO-BREAK SPACE}"
    unseen = {sign for sign in said if not sign.isprintable() and sign not in seen}
    return (f"shows {sorted(unseen)} as they are" if unseen else ""), code


def peak_bytes() -> int:
    """Not of `getrusage`, which starts with what the process that started this one had."""
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def faults(name: str, seed: int, count: int, folder: Path) -> Iterator[dict[str, object]]:
    refused = 0
    started = time.monotonic()
    for number in range(count):
        arguments = READERS[name](Random(f"{name} {seed} {number}"), folder)
        what, code = fault(arguments)
        refused += code == 2
        if what:
            yield {"reader": name, "number": number, "what": what[:600], "arguments": arguments[:9]}
    peak = peak_bytes()
    if peak > BYTES:
        yield {"reader": name, "what": f"takes {peak:,} bytes of memory"}
    yield {"reader": name, "refused": refused, "seconds": time.monotonic() - started}


def main(name: str, seed: str, count: str, folder: str) -> None:
    signal.signal(signal.SIGALRM, _ring)
    # What asks for far more than it may have is told so, and does not bring the machine down.
    resource.setrlimit(resource.RLIMIT_DATA, (2 * BYTES, 2 * BYTES))
    warnings.simplefilter("error")
    run_quietly(["count", "torch.nn:ReLU", "--input", "1"])  # torch is there before the clock runs
    for found in faults(name, int(seed), int(count), Path(folder)):
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
