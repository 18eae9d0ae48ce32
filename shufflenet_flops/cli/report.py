"""`report`: results as something to read, in Markdown with figures or as one HTML page."""

from __future__ import annotations

import contextlib
import io
import shlex
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from shufflenet_flops.budget.load import OWN_FILE
from shufflenet_flops.cli import interrupts
from shufflenet_flops.cli.completion import complete_report
from shufflenet_flops.cli.group import NAMES, Commands
from shufflenet_flops.cli.options import QuietOption
from shufflenet_flops.cli.output import open_files
from shufflenet_flops.cli.progress import progress_bar
from shufflenet_flops.cli.staging import Staging
from shufflenet_flops.cli.streams import emit
from shufflenet_flops.errors import InputError, UnknownNameError

if TYPE_CHECKING:
    from shufflenet_flops.files.saved_file import Saved
    from shufflenet_flops.report.section import Section

Invoke = Callable[[Sequence[str]], None]

# No command's results, but what the zoo and all tables say together.
ATLAS = "atlas"
# What `report all` has: each report's name and the command whose results it shows.
PARTS: Mapping[str, tuple[str, ...]] = {
    "units": ("compare", "--no-latency"),
    "networks": (
        "compare",
        "shufflenet_v1_x1_0_g3",
        "shufflenet_v2_x1_0",
        "mobilenet_v1_x1_0",
        "resnet50",
        "resnext50_32x4d",
        "--no-latency",
    ),
    "shufflenet": ("count", "shufflenet_v1_x1_0_g3"),
    "counters": ("explain", "shufflenet_v1_x1_0_g3"),
    "paper": ("paper",),
    ATLAS: (ATLAS,),
    "budgets": ("check", "--locked"),
}
PAGE = "report.html"
DIRECTORY = Path("reports")
BUDGETS = Path(OWN_FILE)
_ALSO = {"budget": "check"}  # a report is named by its subject, too
TITLE = "Every FLOP accounted for"


def command(
    context: typer.Context,
    what: Annotated[
        str,
        typer.Argument(
            metavar="WHAT",
            help="A command with its arguments (compare, count, explain, paper, latency, "
            "latency-diff, check or budget); a .json file that such a command wrote; the atlas of "
            "networks; or all.",
            autocompletion=complete_report,
        ),
    ],
    output: Annotated[
        list[Path] | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Write x.md, with its figures in a folder beside it, or x.html, one page. "
            "Repeatable. For all: a directory, by default reports, or x.html.",
            show_default="Markdown on stdout",
        ),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Make a report of any results: Markdown, or one HTML page.

    An HTML report needs no network and has the live explorer of the formulas. `report all` keeps
    what it has finished when it is interrupted, and goes on from there.
    """
    arguments = list(context.args)
    if what == "all":
        if arguments:
            raise InputError(f"report all takes no further arguments, got {shlex.join(arguments)}")
        _all(output or [DIRECTORY], _invoker(context, quiet), quiet)
        return
    paths = output or []
    if what == ATLAS:
        _atlas(paths, arguments)
        return
    from shufflenet_flops.report.files import report_files

    with open_files(paths) as write:
        saved = _saved(what, arguments, _invoker(context, quiet))
        from shufflenet_flops.report.format.markdown import markdown_report

        shown = [*arguments, *(part for path in paths for part in ("-o", str(path)))]
        section = _section(saved, shlex.join(["shufflenet-flops", "report", what, *shown]))
        for path in paths:
            write(path, report_files(path.name, section.question, [section]))
        if not paths:
            emit(markdown_report(section))


def _atlas(paths: Sequence[Path], arguments: Sequence[str]) -> None:
    """The atlas of networks in files, or in Markdown on stdout."""
    if arguments:
        raise InputError(f"report atlas takes no further arguments, got {shlex.join(arguments)}")
    from shufflenet_flops.report.atlas import atlas_report

    with open_files(paths) as write:
        names = [path.name for path in paths] or [f"{ATLAS}.md"]
        files = atlas_report().files(names)
        for path in paths:
            write(path, {path.name: files[path.name]})
        if not paths:
            emit(files[names[0]].decode())


def _staged_atlas(stage: Staging, alone: bool) -> Section:
    """The atlas's own files, and of it what belongs on the page of all: what the figures say."""
    from shufflenet_flops.report.atlas import atlas_report

    report = atlas_report()
    if not alone:
        stage.add(report.files([f"{ATLAS}.md", f"{ATLAS}.html"]))
    made_by = shlex.join(["shufflenet-flops", "report", ATLAS, "-o", f"{ATLAS}.html"])
    return replace(report.findings, name=ATLAS, command=made_by)


def _saved(what: str, arguments: Sequence[str], invoke: Invoke) -> Saved:
    """Results from a file that has them, or of a command that is run for them."""
    from shufflenet_flops.files.saved_file import load
    from shufflenet_flops.files.text_file import read_text
    from shufflenet_flops.report.sections import check_command

    if what.endswith(".json"):
        if arguments:
            raise InputError(
                f"report {what}: saved results take no further arguments, "
                f"got {shlex.join(arguments)}"
            )
        try:
            return load(read_text(Path(what)), what)
        except InputError as error:
            raise InputError(f"{error}; `-o x.json` of a command writes such a file") from None
    what = _ALSO.get(what, what)
    try:
        check_command(what)
    except UnknownNameError:
        from shufflenet_flops.sources.resolve import is_a_model, refuse_results

        if is_a_model(what):
            raise InputError(
                f"{what}: is a model: write `shufflenet-flops report count {what} -o net.html`"
            ) from None
        words = (what, *arguments)
        if _is_a_table(" ".join(words)):
            line = shlex.join(("report", "paper", *words, "-o", "table.html"))
            said = " ".join(words)
            raise InputError(f"{said}: is a table: write `shufflenet-flops {line}`") from None
        if what in NAMES:
            raise InputError(
                f"report {what}: `shufflenet-flops {what} … -o x.html` writes its page"
            ) from None
        refuse_results(what)
        raise
    return load(_json([what, *arguments], invoke), what)


def _is_a_table(text: str) -> bool:
    from shufflenet_flops.paper import find_tables

    try:
        return bool(find_tables(text))
    except UnknownNameError:
        return False


def _json(arguments: Sequence[str], invoke: Invoke) -> str:
    """What a command writes to a JSON file; what it prints to stdout is dropped."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "results.json"
        with contextlib.redirect_stdout(io.StringIO()):
            invoke([*arguments, "-o", str(path)])
        return path.read_text(encoding="utf-8")


def _invoker(context: typer.Context, quiet: bool) -> Invoke:
    """Runs another command of the same program, as if it was typed; `quiet` where it can be."""
    root = context.find_root().command

    def invoke(arguments: Sequence[str]) -> None:
        name, command, rest = cast(Commands, root).resolve_command(context, list(arguments))
        if quiet and any(parameter.name == "quiet" for parameter in command.params):
            rest = ["--quiet", *rest]
        code = command.main(rest, prog_name=f"shufflenet-flops {name}", standalone_mode=False)
        if code == interrupts.INTERRUPTED:
            raise KeyboardInterrupt

    return invoke


def _section(saved: Saved, made_by: str) -> Section:
    from shufflenet_flops.report.sections import section_of

    return replace(section_of(saved), command=made_by)


def _all(targets: Sequence[Path], invoke: Invoke, quiet: bool) -> None:
    """Every report and the page of all in one directory, or the page alone, replaced at the end."""
    target, *others = targets
    if others or target.suffix not in ("", ".html"):
        raise InputError("report all writes one directory or one page: -o reports or -o all.html")
    alone = target.suffix == ".html"
    directory, page = (target.parent, target.name) if alone else (target, PAGE)
    if alone and not directory.is_dir():
        raise InputError(f"cannot write {target}: there is no directory {directory}")
    from shufflenet_flops.files.saved_file import load
    from shufflenet_flops.report.files import report_files

    parts = dict(PARTS)
    if "budgets" in parts and not BUDGETS.exists():
        del parts["budgets"]
        print(f"no report on budgets: there is no {BUDGETS} here", file=sys.stderr)
    with Staging(directory) as stage, progress_bar(quiet, "report on") as progress:
        sections = []
        for number, (name, arguments) in enumerate(parts.items()):
            progress(name, number, len(parts) + 1)
            if name == ATLAS:
                sections.append(_staged_atlas(stage, alone))
                continue
            make = partial(_json, arguments, invoke)
            # A check depends on files and on models' code that nobody can list: never an old one.
            text = make() if name == "budgets" else stage.kept(name, arguments, make)
            made_by = shlex.join(["shufflenet-flops", "report", *arguments, "-o", f"{name}.md"])
            section = _section(load(text, name), made_by)
            if not alone:
                stage.add(report_files(f"{name}.md", section.question, [section]))
            if name == "paper" and not alone:  # the page would weigh twice as much
                said = (*section.findings, f"Every table is in {name}.md, cell by cell.")
                section = replace(section, findings=said, details=())
            sections.append(replace(section, name=name))
        progress("all of them", len(parts), len(parts) + 1)
        stage.add(report_files(page, TITLE, sections))
        stage.publish()
