"""Write SKILL.md and docs/llms.txt, for coding agents, from the docs, the commands and the API."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import typer

import shufflenet_flops
from shufflenet_flops.cli.app import app
from shufflenet_flops.cli.group import Commands

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
SKILL = ROOT / "SKILL.md"
LLMS = DOCS / "llms.txt"

# A command that a page shows with its output, but for those that show how bad input is refused.
_COMMAND = re.compile(r"^\$ (shufflenet-flops .+)\n(?!error: )", re.MULTILINE)
_FRONT_MATTER = """---
name: shufflenet-flops
description: >-
  Count the MACs, FLOPs, parameters, activations and memory access of a PyTorch module, an ONNX file
  or a network by its name. Explain why two FLOP counters disagree. Find the widest network under a
  budget. Make CI fail when a model gets heavier. Reproduce the complexity tables of papers.
---
"""


def skill() -> str:
    """How to use the tool, on one page: what SKILL.md holds."""
    index = (DOCS / "index.md").read_text()
    python, budget = (_block(index, language) for language in ("python", "toml"))
    said = (shufflenet_flops.__doc__ or "").partition("\n\n")[2].rstrip()
    examples = "\n".join(
        f"- [{title}](docs/{page}): {', '.join(f'`{command}`' for command in commands)}"
        for title, page in _pages()["Guides"]
        if (commands := _COMMAND.findall((DOCS / page).read_text()))
    )
    return "\n".join(
        (
            _FRONT_MATTER,
            "# shufflenet-flops\n",
            f"{_first_paragraph(index)}\n",
            'Say the unit and the convention with every figure that you pass on: a bare "FLOPs"',
            "means two or more numbers. `docs/conventions.md` says what each convention counts.\n",
            "## From a shell\n",
            f"{examples}\n",
            "A MODEL is said one way in every command: `resnet50`, `shufflenet_v1@g=3,scale=0.5`,",
            "`net.py:Net`, `package.module:factory`, `timm:NAME`, `torchvision:NAME`,",
            "`transformers:TYPE`, `file.onnx`, `file.pt2`. Naming a file runs its code.\n",
            "All commands; each explains itself with `--help`:\n",
            *(f"- `{name}`: {text}" for name, text in _commands()),
            "\n## What is printed\n",
            f"{_section(DOCS / 'count.md', 'What is printed, and where')}\n",
            "## From Python\n",
            f"```python\n{python}```\n",
            f"{said}\n",
            "## In CI\n",
            f"```toml\n{budget}```\n",
            "With that in `flop-budget.toml`, `shufflenet-flops check` exits with 1 where a model",
            "is over it, and names the layers ([docs/budgets.md](docs/budgets.md)).\n",
        )
    )


def llms() -> str:
    """What the documentation holds, a line for each page, in the form of llmstxt.org."""
    site = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]
    lines = [f"# {site['site_name']}\n", f"> {site['site_description']}\n"]
    for section, pages in _pages().items():
        lines.append(f"## {section}\n")
        lines += [f"- [{title}]({Path(page).stem}/): {_about(page)}" for title, page in pages]
        lines.append("")
    return "\n".join(lines)


def _pages() -> dict[str, list[tuple[str, str]]]:
    """Section of the documentation → title and file of each of its pages."""
    site = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]
    return {
        section: [(title, page) for entry in entries for title, page in entry.items()]
        for part in site["nav"]
        for section, entries in part.items()
        if isinstance(entries, list)
    }


def _about(page: str) -> str:
    """A page's first sentence, or what it lists, where it is made of something else."""
    if page == "commands.md":
        return "Every command, with all its options."
    if page == "api.md":
        return "Every public function and class."
    sentence = re.split(r"(?<=[.:])\s+(?=[A-Z`])", _first_paragraph((DOCS / page).read_text()))[0]
    return re.sub(r"\]\([^)]*\)|\[", "", sentence).rstrip(":.") + "."


def _first_paragraph(text: str) -> str:
    """The first lines of prose on a page."""
    for paragraph in text.split("\n\n"):
        if re.match(r"(?!```)[A-Z`]", paragraph):
            return " ".join(paragraph.split())
    return ""


def _block(text: str, language: str) -> str:
    """The first block of code in a language."""
    found = re.search(rf"```{language}\n(.*?)```", text, re.DOTALL)
    assert found, language
    return found[1]


def _section(page: Path, title: str) -> str:
    """The text below a heading."""
    text = page.read_text().partition(f"## {title}\n")[2].partition("\n## ")[0]
    return re.sub(r"\s\[Commands\].*", "", text.strip())  # which only the site has


def _commands() -> Iterator[tuple[str, str]]:
    """Each command's name and the first line of its help."""
    group = typer.main.get_command(app)
    assert isinstance(group, Commands)
    context = typer.Context(group)
    for name in group.list_commands(context):
        yield name, group.get_command(context, name).get_short_help_str(limit=200)


def main() -> None:
    """Write both."""
    SKILL.write_text(skill())
    LLMS.write_text(llms())


if __name__ == "__main__":
    main()
