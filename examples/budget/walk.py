"""Walk through the life of a budget in a copy of this folder, and check every step.

`python examples/budget/walk.py` prints each command with its output and exit code.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
FILES = ("model.py", "flop-budget.toml")


class Walk:
    """A copy of the example, to be changed and checked."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in FILES:
            shutil.copy(HERE / name, folder)

    def run(self, command: str, code: int, *messages: str, without: str = "\0") -> None:
        """Run a command, which must exit with `code` and say all of `messages`."""
        print(f"$ shufflenet-flops {command}")
        done = subprocess.run(
            [sys.executable, "-m", "shufflenet_flops", *command.split()],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        print(done.stdout, f"exit code {done.returncode}", sep="", end="\n\n")
        if done.returncode != code:
            raise SystemExit(f"walk: exit code {done.returncode}, expected {code}")
        for message in messages:
            if message not in done.stdout:
                raise SystemExit(f"walk: the output does not say {message!r}")
        if without in done.stdout:
            raise SystemExit(f"walk: the output says {without!r}")

    def replace(self, name: str, old: str, new: str) -> None:
        """Change a file, as an editor would."""
        path = self.folder / name
        text = path.read_text()
        if old not in text:
            raise SystemExit(f"walk: {name} has no {old!r}")
        path.write_text(text.replace(old, new))

    @contextmanager
    def change(self, title: str, *replacements: tuple[str, str, str]) -> Iterator[None]:
        """A change, for the steps inside; then everything is as it was before."""
        print(f"# {title}\n")
        before = {path: path.read_bytes() for path in self.folder.iterdir() if path.is_file()}
        for name, old, new in replacements:
            self.replace(name, old, new)
        yield
        for path, content in before.items():
            path.write_bytes(content)


def main() -> None:
    """All steps, in a folder that is gone afterwards."""
    with tempfile.TemporaryDirectory() as folder:
        walk = Walk(Path(folder))
        adoption(walk)
        regression(walk)
        improvement(walk)
        rename(walk)
        inserted_layer(walk)
    print("walk: every step was as it should be")


def adoption(walk: Walk) -> None:
    """A ceiling first, then a lock."""
    print("# Adoption\n")
    walk.run("check", 0, "3.35 MMAC ≤ 3.42 MMAC", "2 checked, all fine")
    walk.run("check --locked", 2, "run `shufflenet-flops lock`")
    walk.run("lock", 0, "locked 1 model")
    walk.run("check --locked", 0, "as locked, 3,350,976 MAC")


def regression(walk: Walk) -> None:
    """The last convolution of every unit loses its groups."""
    expand = "nn.Conv2d(middle, channels, 1, groups=groups, bias=False)"
    dense = "nn.Conv2d(middle, channels, 1, bias=False)"
    with walk.change("Regression: a 1x1 convolution loses its groups", ("model.py", expand, dense)):
        walk.run(
            "check",
            1,
            "FAIL  model:Net  macs",
            "stage1.0.expand  groups 3 → 1",
            "reason: fits the frame time of the camera",
            "flop-budget.toml:7",
        )
        walk.run("check --exit-zero", 0, "groups 3 → 1")


def improvement(walk: Walk) -> None:
    """Narrower units: fine, and the limit is told to follow."""
    change = ("model.py", "middle = channels // 4", "middle = channels // 8")
    with walk.change("Improvement: narrower units", change):
        walk.run("check", 0, "the limit can drop to 3.17 M")
        walk.run("check --locked", 1, "−182.0 kMAC (−5.4 %)", "if this is meant, run")


def rename(walk: Walk) -> None:
    """The same layers under another name."""
    changes = [
        ("flop-budget.toml", "model:Net", "model:CameraNet"),
        ("model.py", "class Net(", "class CameraNet("),
    ]
    with walk.change("Rename", *changes):
        walk.run("check --locked", 1, "renamed model:Net → model:CameraNet")
        walk.run("lock", 0)
        walk.run("check --locked", 0, "3 checked, all fine")


def inserted_layer(walk: Walk) -> None:
    """One layer more: it alone is named, and the layers after it are not."""
    made = "self.down = nn.Conv2d("
    used = "self.down(self.stage1("
    changes = [
        ("model.py", made, f"self.mix = nn.Conv2d(48, 48, 1, groups=3)\n        {made}"),
        ("model.py", used, "self.down(self.mix(self.stage1("),
        ("model.py", "self.stem(x))))", "self.stem(x)))))"),
    ]
    with walk.change("An inserted layer", *changes):
        walk.run("check --locked", 1, "mix  new: conv2d 1x1", "1x48x16x16", without="stage2")
        shutil.copy(walk.folder / "flop-budget.lock", walk.folder / "before.lock")
        walk.run("lock", 0)
        walk.run("diff before.lock flop-budget.lock", 1, "mix  new: conv2d 1x1", without="stage2")


if __name__ == "__main__":
    main()
