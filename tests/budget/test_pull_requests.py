"""200 pull requests, generated: `check --against` agrees with figures worked out by hand.

Each changes a network of its own, so that many are held against their base in one run.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.budget.repository import Repository

SIZE = 32
BATCHES, OF_A_BATCH = 10, 20


@dataclass(frozen=True)
class Conv:
    """A convolution of a network that is a row of them, each with a ReLU after it."""

    name: str
    channels: int
    kernel: int = 3
    stride: int = 1
    groups: int = 1


Net = tuple[Conv, ...]


def source(net: Net) -> str:
    """A module `make` of PyTorch's."""
    lines, before = [], 4
    for conv in net:
        lines.append(
            f"        ('{conv.name}', nn.Conv2d({before}, {conv.channels}, {conv.kernel}, "
            f"{conv.stride}, {conv.kernel // 2}, groups={conv.groups}, bias=False)),\n"
            f"        ('{conv.name}_relu', nn.ReLU()),"
        )
        before = conv.channels
    body = "\n".join(lines)
    return (
        "from collections import OrderedDict\n\nfrom torch import nn\n\n\ndef make():\n"
        f"    return nn.Sequential(OrderedDict([\n{body}\n    ]))\n"
    )


def macs(net: Net) -> int:
    """By the formula, layer by layer."""
    total, before, size = 0, 4, SIZE
    for conv in net:
        size = (size + 2 * (conv.kernel // 2) - conv.kernel) // conv.stride + 1
        total += size * size * conv.kernel**2 * before // conv.groups * conv.channels
        before = conv.channels
    return total


def some_net(dice: random.Random) -> Net:
    """Four to seven convolutions, of channels that four groups divide."""
    return tuple(
        Conv(f"conv{i}", 4 * dice.randint(2, 6), dice.choice((1, 3)), 1, dice.choice((1, 2, 4)))
        for i in range(dice.randint(4, 7))
    )


# A kind of change: the network afterwards, and the names of which one must be told.
Outcome = tuple[Net | None, tuple[str, ...]]


def widened(net: Net, dice: random.Random) -> Outcome:
    i = dice.randrange(len(net) - 1)
    return edited(net, i, channels=net[i].channels + 4), (net[i].name, net[i + 1].name)


def groups_lost(net: Net, dice: random.Random) -> Outcome:
    i = dice.randrange(len(net))
    return edited(net, i, groups=1 if net[i].groups > 1 else 2), (net[i].name,)


def added(net: Net, dice: random.Random) -> Outcome:
    i = dice.randrange(1, len(net))
    return (*net[:i], Conv("extra", net[i - 1].channels, 1), *net[i:]), ("extra",)


def removed(net: Net, dice: random.Random) -> Outcome:
    same = [i for i in range(1, len(net)) if net[i].channels == net[i - 1].channels]
    if not same:
        net = (*net, replace(net[-1], name="last"))
        same = [len(net) - 1]
    i = dice.choice(same)
    return (*net[:i], *net[i + 1 :]), (net[i].name,)


def strided(net: Net, dice: random.Random) -> Outcome:
    i = dice.randrange(len(net))
    return edited(net, i, stride=2), tuple(conv.name for conv in net[i:])


def moved(net: Net, dice: random.Random) -> Outcome:
    i = dice.randrange(len(net) - 1)
    names = (net[i].name, net[i + 1].name, *(conv.name for conv in net[i + 2 : i + 3]))
    return (*net[:i], net[i + 1], net[i], *net[i + 2 :]), names


def unchanged(net: Net, dice: random.Random) -> Outcome:
    return net, ()


def gone(net: Net, dice: random.Random) -> Outcome:
    return None, ()


def edited(net: Net, i: int, **changes: int) -> Net:
    return (*net[:i], replace(net[i], **changes), *net[i + 1 :])


KINDS: tuple[Callable[[Net, random.Random], Outcome], ...] = (
    *(widened, groups_lost, added, removed, strided, moved, unchanged, gone),
)


def budgets(models: list[str]) -> str:
    entries = "".join(f'[[budget]]\nmodel = "{model}:make"\n' for model in models)
    return (
        f'schema = 1\npath = ["."]\ninput = [1, 4, {SIZE}, {SIZE}]\n'
        f'[guard]\nmacs = "+2 %"\n{entries}'
    )


@pytest.mark.slow
@pytest.mark.parametrize("batch", range(BATCHES))
def test_pull_requests(batch: int, tmp_path: Path) -> None:
    """By the base's lock, by its tree, and where the lock is of other versions."""
    dice = random.Random(batch)
    repository = Repository.at(tmp_path / "repository")
    before, after, names = {}, {}, {}
    for i in range(OF_A_BATCH - 3):
        model = f"net{batch}_{i}"
        kind = KINDS[(batch + i) % len(KINDS)]
        net = some_net(dice)
        if kind is removed and all(
            net[k].channels != net[k - 1].channels for k in range(1, len(net))
        ):
            net = (*net, replace(net[-1], name="last"))
        now, told = kind(net, dice)
        before[model], after[model], names[model] = net, now, told
    after[f"new{batch}"] = some_net(dice)
    before[f"old{batch}"] = after[f"renamed{batch}"] = some_net(dice)
    # One layer and the one that reads it, of four or more: at least half is as it was.
    was, became = f"was{batch}", f"became{batch}"
    before[was] = some_net(dice)
    after[became], names[became] = widened(before[was], dice)
    commit(repository, before)
    if batch % 3:
        assert repository.run("lock")[0] == 0
        lock = repository.folder / "flop-budget.lock"
        if batch % 3 == 2:
            lock.write_text(lock.read_text().replace('"torch": "', '"torch": "1.'))
        repository.commit("lock")
    present = {model: net for model, net in after.items() if net}
    commit(repository, present)
    code, out, err = repository.run("check", "--against", "HEAD~1", "--format", "json")
    assert err == ""
    found = {
        verdict["model"].removesuffix(":make"): verdict
        for verdict in json.loads(out)["results"]
        if verdict["metric"] == "macs"
    }
    told = {
        verdict["model"].removesuffix(":make"): verdict["message"]
        for verdict in json.loads(out)["results"]
        if verdict["metric"] == "base"
    }

    heavier = 0
    for model, net in present.items():
        if model.startswith("new"):
            assert told[model].startswith("new since")
            continue
        if model.startswith("renamed"):
            assert told[model].startswith(f"renamed old{batch}:make → {model}:make since")
            assert found[model]["delta"] == 0
            continue
        if model == became:
            start = f"renamed and changed {was}:make → {became}:make since"
            assert told[model].startswith(start)
        net_before = before[was if model == became else model]
        old, now = macs(net_before), macs(net)
        verdict = found[model]
        assert (verdict["locked"], verdict["actual"]) == (old, now), model
        is_over = 100 * (now - old) > 2 * old
        heavier += is_over
        assert (verdict["status"] == "over") == is_over, model
        if net != net_before:
            text = f"{verdict['hint']} {[row['path'] for row in verdict['top_rows']]}"
            assert any(name in text for name in names[model]), (model, text)
    for model, net in after.items():
        if net is None:
            assert told[model].startswith("removed since")
    assert heavier
    assert code == 1


def commit(repository: Repository, nets: dict[str, Net]) -> None:
    for file in repository.folder.glob("*.py"):
        file.unlink()
    for model, net in nets.items():
        (repository.folder / f"{model}.py").write_text(source(net))
    (repository.folder / "flop-budget.toml").write_text(budgets(list(nets)))
    repository.commit()
