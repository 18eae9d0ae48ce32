"""`init`: a first budget file for a repository."""

from __future__ import annotations

import shlex
from contextlib import ExitStack
from pathlib import Path

from shufflenet_flops.cli.streams import emit, results
from shufflenet_flops.cli.verdicts import print_text
from shufflenet_flops.errors import one_line
from shufflenet_flops.files.whole_file import replace_together, replacement


def command() -> int:
    """Propose a flop-budget.toml for this repository, and the step for its CI.

    Models are found by reading: modules that need no arguments, models of timm and torchvision,
    .onnx and .pt2 files. Then each is counted once, which runs the code of the repository's own;
    those that cannot be counted are left in the file as comments. Nothing is overwritten.
    """
    from shufflenet_flops.budget.init.first_budget import first_budget
    from shufflenet_flops.report.view.budget import text

    found = first_budget(Path())
    with ExitStack() as stack:
        files = []
        for file in found.files:
            file.path.parent.mkdir(parents=True, exist_ok=True)
            files.append((stack.enter_context(replacement(file.path)), file.content.encode()))
        replace_together(files)
    for file in found.files:
        emit(f"wrote {one_line(shlex.quote(str(file.path)))}, which {file.words}\n")
    if results().isatty():
        print_text(found.report)
    else:
        emit(text(found.report))
    emit("next:\n")
    for line, purpose in found.next:
        emit(f"  {line}\n      {purpose}\n")
    return found.report.exit_code
