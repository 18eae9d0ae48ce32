"""What coding agents read is made from the docs, the commands and the API, and is in step."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import yaml

from benchmarks.agents import LLMS, SKILL, llms, skill
from shufflenet_flops.cli.group import NAMES

ROOT = Path(__file__).parents[1]


def test_both_are_in_step(update_golden: bool) -> None:
    """`--update-golden` writes them anew, as `make docs` does."""
    if update_golden:
        SKILL.write_text(skill())
        LLMS.write_text(llms())

    assert SKILL.read_text() == skill()
    assert LLMS.read_text() == llms()


def test_every_command_of_the_skill_is_one_that_the_docs_run() -> None:
    """Each is shown there with its output, which is held to what comes out."""
    pages = "".join(page.read_text() for page in sorted((ROOT / "docs").glob("*.md")))
    commands = re.findall(r"`(shufflenet-flops [^`]+)`", SKILL.read_text())
    commands = [command for command in commands if command != "shufflenet-flops check"]

    assert len(commands) >= 8
    for command in commands:
        assert shlex.split(command)[1] in NAMES
        assert f"$ {command}\n" in pages


def test_the_skill_names_every_command() -> None:
    assert set(re.findall(r"^- `(.+?)`: \S", SKILL.read_text(), re.MULTILINE)) == set(NAMES)


def test_the_front_matter_is_as_agents_read_it() -> None:
    """A name in lower case with hyphens, and a description of at most 1,024 characters."""
    text = yaml.safe_load(SKILL.read_text().split("---\n")[1])
    assert set(text) == {"name", "description"}
    assert re.fullmatch(r"[a-z0-9-]{1,64}", text["name"])
    assert 100 < len(text["description"]) <= 1024


def test_every_link_leads_to_a_page() -> None:
    """Of the skill as a file, of llms.txt as a page of the site."""
    for path in re.findall(r"\]\(([^)]+)\)", SKILL.read_text()):
        assert (ROOT / path).is_file(), path
    pages = re.findall(r"\]\(([^)]+)/\)", LLMS.read_text())
    assert len(pages) >= 15
    for page in pages:
        assert page == "commands" or (ROOT / "docs" / f"{page}.md").is_file(), page
