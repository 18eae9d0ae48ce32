"""docs/add-a-counter.md: what it says to write is all that a counter takes."""

from __future__ import annotations

import pytest

from shufflenet_flops.counters.protocol import Counter, CounterTotal
from shufflenet_flops.counters.registry import counter
from tests.support.recipes import Recipe, recipe


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    """The package with the page's one file in it."""
    made = recipe("add-a-counter.md", tmp_path_factory.mktemp("package"))
    (code,) = made.blocks("python")
    made.write("counters/linear_counter.py", code)
    return made


def test_explain_takes_it(page: Recipe) -> None:
    """With the total that the page shows, and no residual."""
    (command,) = page.blocks("sh")
    (total,) = page.blocks("")
    done = page.run(command.strip())

    assert done.stderr == ""
    assert total.strip() in done.stdout
    assert any(line.split() == ["residual", "0"] for line in done.stdout.splitlines())


def test_completion_knows_it(page: Recipe) -> None:
    """As it knows all others."""
    code = "from shufflenet_flops.cli.completion import complete_counter as c; print(c('lin'))"

    assert page.run(f'python -c "{code}"').stdout == "['linear-counter']\n"


def test_a_name_that_is_taken_is_refused() -> None:
    """Where the class is defined."""

    class Second(Counter):
        name = "thop"
        unit = "MAC"
        rank = 1

        def count(self, model: object, inputs: object) -> CounterTotal:
            return CounterTotal(0)

    with pytest.raises(ValueError, match="'thop' is the name of two counters"):
        counter(Second)
