"""docs/add-a-network.md and docs/add-an-op.md, done as they say on a copy of the package."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.recipes import Recipe, recipe


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    copy = recipe("add-a-network.md", tmp_path_factory.mktemp("network"))
    assert copy.write_all() == ["shufflenet_flops/zoo/tiny.py", "shufflenet_flops/zoo/tiny_stem.py"]
    return copy


@pytest.fixture(scope="module")
def op(tmp_path_factory: pytest.TempPathFactory) -> Recipe:
    copy = recipe("add-an-op.md", tmp_path_factory.mktemp("op"))
    assert copy.write_all() == ["shufflenet_flops/spec/ops.py", "shufflenet_flops/build.py"]
    return copy


def results(copy: Recipe, command: str) -> list[dict[str, object]]:
    done = copy.run(f"{command} --format json")

    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout)["results"])


COMMANDS = [
    command
    for block in Recipe("add-a-network.md", Path()).blocks("sh")
    for command in block.splitlines()
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_of_the_page_takes_the_network(network: Recipe, command: str) -> None:
    assert results(network, command)


def test_the_page_names_every_command_that_takes_a_network() -> None:
    shown = {command.split()[1] for command in COMMANDS}

    assert shown >= {"count", "compare", "formula", "fit", "sweep", "latency"}


def test_the_network_is_counted_right(network: Recipe) -> None:
    """3 to 24 channels at 16x16, 24 to 48 at 8x8, then 48 to 10."""
    (counted,) = results(network, "shufflenet-flops count tiny@width=24")
    (compared,) = results(network, "shufflenet-flops compare tiny@width=24 --no-latency")

    macs = 9 * (3 * 24 * 16 * 16 + 24 * 48 * 8 * 8) + 48 * 10
    assert counted["macs"] == macs
    assert counted["params"] == 9 * (3 * 24 + 24 * 48) + 2 * (24 + 48) + 48 * 10 + 10
    assert compared["analytic_macs"] == compared["traced_macs"] == macs


def test_fit_finds_the_widest_network_and_keeps_its_own_rule(network: Recipe) -> None:
    """With w channels in conv1 the first has 9 (768 w + 128 w^2) + 20 w MACs, and c = 2 w."""
    (fitted,) = results(network, "shufflenet-flops fit tiny --macs 2M")
    (own_rule,) = results(network, "shufflenet-flops fit tiny_stem --params 10k")

    macs = [9 * (768 * w + 128 * w * w) + 20 * w for w in range(100)]
    widest = max(w for w in range(100) if macs[w] <= 2_000_000)
    assert (fitted["channels"], fitted["macs"]) == (2 * widest, macs[widest])
    params = [9 * (24 + 4 * c) + c * c // 2 + 10 * c + 10 for c in range(0, 1000, 2)]
    assert own_rule["params"] == max(number for number in params if number <= 10_000)


def test_completion_knows_the_network(network: Recipe) -> None:
    code = "from shufflenet_flops.cli.completion import complete_model as c; print(c('tiny'))"

    assert (
        network.run(f"python -c {json.dumps(code)}").stdout == "['tiny_x2', 'tiny', 'tiny_stem']\n"
    )


OP_NETWORK = """
from shufflenet_flops.spec import Conv2d, Flatten, GlobalAvgPool, Linear, seq
from shufflenet_flops.spec.ops import ChannelGate
from shufflenet_flops.zoo.registry import Network, family


@family("a test")
def gated(classes: int = 10) -> Network:
    spec = seq(
        conv=Conv2d(3, 16, 3, 1, 1), gate=ChannelGate(16), pool=GlobalAvgPool(), flatten=Flatten(),
        fc=Linear(16, classes),
    )
    return Network(spec, (1, 3, 8, 8))
"""


def test_every_reader_of_a_network_asks_the_new_op(op: Recipe) -> None:
    """Layer table, trace, closed form, fit and sweep: the same figures, worked out by hand."""
    op.write("zoo/gated.py", OP_NETWORK)
    (counted,) = results(op, "shufflenet-flops count gated")
    (traced,) = results(op, "shufflenet-flops compare gated --no-latency")
    (swept,) = results(op, "shufflenet-flops sweep gated --c 16 --quiet")
    (formula,) = results(op, "shufflenet-flops formula gated --metric memory --c 16")
    (fitted,) = results(op, "shufflenet-flops fit gated --params 1k")

    rows = {row["path"]: row for row in counted["rows"]}
    assert (rows["gate"]["op"], rows["gate"]["kind"]) == ("channel_gate", "element-wise")
    assert rows["gate"]["params"] == 16
    assert rows["gate"]["read_bytes"] == 4 * (16 * 8 * 8 + 16)
    assert rows["gate"]["write_bytes"] == 4 * 16 * 8 * 8
    params = 27 * 16 + 16 + 170
    assert counted["params"] == traced["params"] == params
    (row,) = swept["pareto"]
    for metric in ("macs", "params", "activations", "memory_bytes"):
        assert row[metric] == counted[metric]
    assert formula["value"] == traced["memory_bytes"] == counted["memory_bytes"]
    # 27 c + c + 10 c + 10 parameters.
    assert (fitted["channels"], fitted["params"]) == (26, 38 * 26 + 10)


def test_an_op_without_a_kind_cannot_be_made() -> None:
    """Python says so itself; so no op can vanish from a table."""
    from shufflenet_flops.spec import Op

    class Nameless(Op):
        """Does not say what it is."""

    with pytest.raises(TypeError, match=re.escape("kind")):
        Nameless()  # type: ignore[abstract]  # that is the point
