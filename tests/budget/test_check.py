"""Verdicts: of limits, of the lock, of models that cannot be counted, and of the clock."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest
import torch

import shufflenet_flops as sf
from shufflenet_flops import zoo
from shufflenet_flops.budget.block import block_of
from shufflenet_flops.budget.check import RELOCK, judge
from shufflenet_flops.budget.config import Config, Entry
from shufflenet_flops.budget.count import ModelCounts, lock_of
from shufflenet_flops.budget.limit import Limit
from shufflenet_flops.budget.lock import render
from shufflenet_flops.budget.parse import parse
from shufflenet_flops.budget.timing import Timings
from shufflenet_flops.budget.verdict import Verdict
from shufflenet_flops.counting import CONVENTIONS, layer_table
from shufflenet_flops.errors import ConfigError, InputError
from shufflenet_flops.latency.stats import Latency, Ratio

HERE = Path(__file__).parent
HEAD = "schema = 1\ninput = [1, 3, 224, 224]\n"


def checked(folder: Path, text: str, *, locked: bool = False) -> list[Verdict]:
    (folder / "flop-budget.toml").write_text(HEAD + text)
    return list(sf.check(folder / "flop-budget.toml", locked=locked).verdicts)


def lock(folder: Path, text: str) -> None:
    config = parse("flop-budget.toml", HEAD + text, directory=folder)
    (folder / "flop-budget.lock").write_text(render(lock_of(ModelCounts(config).subjects())))


def entry(model: str, limits: str = 'macs = "1 G"', more: str = "") -> str:
    return f'[[budget]]\nmodel = "{model}"\n{limits}\n{more}\n'


def test_each_metric_is_held_to_its_own_limit(tmp_path: Path) -> None:
    """MACs, twice as many FLOPs, and the others, as `count` tells them."""
    limits = (
        "macs = 137460672\nflops = 274921343\nparams = 1865727\n"
        "activations = 2999800\nmemory = 104587807"
    )
    verdicts = checked(tmp_path, entry("shufflenet_v1_x1_0_g3", limits))

    assert [(one.metric, one.actual, one.status) for one in verdicts] == [
        ("macs", 137_460_672, "ok"),
        ("flops", 274_921_344, "over"),
        ("params", 1_865_728, "over"),
        ("activations", 2_999_800, "ok"),
        ("memory", 104_587_808, "over"),
    ]
    assert [one.line for one in verdicts] == [5, 6, 7, 8, 9]
    assert verdicts[1].delta == 1
    assert verdicts[1].message == "274,921,344 FLOP > 274,921,343 FLOP, +1 FLOP"


def test_weights_by_dtype(tmp_path: Path) -> None:
    """1,865,728 parameters, at four, two and one bytes; by the layers that have most."""
    limits = 'weights = "7 MiB"\nweights_bf16 = 3731455\nweights_int8 = "1_865_728 B"'
    verdicts = checked(tmp_path, entry("shufflenet_v1_x1_0_g3", limits))

    assert [(one.metric, one.actual, one.status, one.line) for one in verdicts] == [
        ("weights_fp32", 7_462_912, "over", 5),
        ("weights_bf16", 3_731_456, "over", 6),
        ("weights_int8", 1_865_728, "ok", 7),
    ]
    assert verdicts[0].limit == 7 * 2**20
    (classifier, *_) = verdicts[1].top_rows
    assert classifier.amount == 2 * (960 * 1000 + 1000)


def test_flops_under_every_convention(tmp_path: Path) -> None:
    """Of one model at once, each in the unit of the convention."""
    entries = [
        entry("resnet18", f"{convention.unit.lower()}s = 1", f'convention = "{name}"')
        for name, convention in CONVENTIONS.items()
    ]
    verdicts = checked(tmp_path, "".join(entries))

    network = zoo.find("resnet18")
    table = layer_table(network.spec, (1, 3, 224, 224))
    assert [(one.convention, one.actual, one.status) for one in verdicts] == [
        (name, table.total(convention), "over") for name, convention in CONVENTIONS.items()
    ]


def test_a_metric_is_told_once(tmp_path: Path) -> None:
    """With what its limit and the lock say; where both failed, by the limit."""
    lock(tmp_path, entry("shufflenet_v1_x0_5_g3"))
    text = (tmp_path / "flop-budget.lock").read_text()
    for limit, status in (("130 M", "over"), ("140 M", "over")):
        (tmp_path / "flop-budget.lock").write_text(
            text.replace("shufflenet_v1_x0_5_g3", "shufflenet_v1_x1_0_g3")
        )
        verdicts = checked(
            tmp_path, entry("shufflenet_v1_x1_0_g3", f'macs = "{limit}"'), locked=True
        )
        macs, *others = verdicts
        assert [one.metric for one in verdicts] == ["macs", "params", "activations", "memory"]
        assert (macs.status, macs.actual, macs.locked) == (status, 137_460_672, 37_589_856)
        assert all(one.limit is None for one in others)
        if limit == "130 M":
            assert macs.limit == 130_000_000
            assert macs.message.startswith("137.5 MMAC > 130.0 MMAC, ")
            assert "; since the lock 37.6 MMAC → 137.5 MMAC, " in macs.message
            assert (
                macs.hint == f"make it lighter, or raise `macs` and say why in `reason`; {RELOCK}"
            )
        else:
            assert macs.message.startswith("since the lock 37.6 MMAC → 137.5 MMAC, ")
            assert macs.message.endswith("; 137.5 MMAC ≤ 140.0 MMAC")


def test_a_model_on_two_inputs_is_told_apart(tmp_path: Path) -> None:
    """Each with its own limit."""
    text = entry("resnet18", 'macs = "2 G"') + entry(
        "resnet18", 'macs = "1 M"', "input = [1, 3, 64, 64]"
    )
    lock(tmp_path, text)
    verdicts = checked(tmp_path, text, locked=True)
    assert [one.status for one in verdicts if one.metric == "macs"] == ["ok", "over"]


def test_conventions(tmp_path: Path) -> None:
    """Convolutions alone, and what a tool counts beside them."""
    verdicts = checked(
        tmp_path,
        entry("shufflenet_v1_x1_0_g3", more='convention = "paper-conv"')
        + entry("shufflenet_v1_x1_0_g3", 'flops = "1 G"', 'convention = "paper-conv"')
        + entry("shufflenet_v1_x1_0_g3", more='convention = "thop"')
        + entry("shufflenet_v1_x1_0_g3", more='convention = "flops"'),
    )

    assert [one.actual for one in verdicts] == [136500672, 273001344, 149593248, 137460672]


def test_a_glob_has_a_verdict_for_each_match(tmp_path: Path) -> None:
    """And none without a match: that is an error."""
    verdicts = checked(tmp_path, entry("shufflenet_v1_x2_0_*") + entry("shuflenet_v1_*"))

    assert [one.model for one in verdicts[:2]] == ["shufflenet_v1_x2_0_g3", "shufflenet_v1_x2_0_g8"]
    assert verdicts[2].status == "error"
    assert "unknown model 'shuflenet_v1_*': did you mean" in verdicts[2].message
    assert sf.check(tmp_path / "flop-budget.toml").exit_code == 2


def test_levels(tmp_path: Path) -> None:
    """A warning is told and passes; what is off is not even built."""
    verdicts = checked(
        tmp_path,
        entry("resnet50", more='level = "warn"') + entry("nowhere:make", more='level = "off"'),
    )

    assert [(one.status, one.passed) for one in verdicts] == [("over", True), ("off", True)]
    assert sf.check(tmp_path / "flop-budget.toml").ok


def test_room_below_the_limit_is_told(tmp_path: Path) -> None:
    """By what the limit can drop to; always when the model is lighter than locked."""
    (roomy,) = checked(tmp_path, entry("resnet18", 'macs = "4 G"'))
    assert roomy.hint == "the limit can drop to 1.82 G"
    (tight,) = checked(tmp_path, entry("resnet18", 'macs = "1.9 G"'))
    assert tight.hint == ""
    subjects = ModelCounts(
        Config("x", (Entry("resnet18", (Limit("macs", 1_900_000_000),)),))
    ).subjects()
    (now,) = lock_of(subjects)
    heavier = block_of(
        now.model, now.inputs, now.convention, now.params, (*now.layers, now.layers[0])
    )
    (lighter,) = judge(Config("x", ()), subjects, (heavier,), {})
    assert lighter.hint == "the limit can drop to 1.82 G"


def test_what_cannot_be_counted_is_no_excess(tmp_path: Path) -> None:
    """Exit code 2, one line, nothing that acts on a terminal, and the others are checked still."""
    factories = ("crashes", "exits", "gives_nothing", "FailsInForward", "none", "fine")
    text = f'path = ["{HERE}"]\n' + "".join(entry(f"factories:{name}") for name in factories)
    (tmp_path / "flop-budget.toml").write_text(HEAD + text)
    report = sf.check(tmp_path / "flop-budget.toml")

    assert [one.status for one in report.verdicts] == ["error"] * 5 + ["ok"]
    assert report.exit_code == 2
    messages = [one.message for one in report.verdicts]
    assert "ZeroDivisionError" in messages[0]
    assert "SystemExit" in messages[1]
    assert "gave None" in messages[2]
    assert "forward pass failed" in messages[3]
    assert "unknown factory" in messages[4] or "unknown name" in messages[4]
    assert all(message.isprintable() for message in messages)


def test_a_wrong_input_is_told_without_the_command_lines_option(tmp_path: Path) -> None:
    """Which this file does not have."""
    (verdict,) = checked(tmp_path, entry("resnet18", more="input = [1, 3, 224, 224, 5]"))

    assert verdict.status == "error"
    assert verdict.message.startswith("1x3x224x224x5: resnet18 takes 4 sizes, batch first")


def test_a_layer_without_the_metric_is_not_behind_it(tmp_path: Path) -> None:
    """However few others there are."""
    (verdict,) = checked(tmp_path, f'path = ["{HERE}"]\n' + entry("factories:fine", "params = 1"))

    assert [row.amount for row in verdict.top_rows] == [224, 72]


def test_unknown_is_not_zero(tmp_path: Path) -> None:
    """Ops without a rule make a ceiling unsure."""
    text = f'path = ["{HERE}"]\n' + entry("factories:Unknown")
    (verdict,) = checked(tmp_path, text)

    assert verdict.status == "unknown"
    assert not verdict.passed
    assert "with ops that are not counted: aten.linalg_inv" in verdict.message
    assert "`--rules FILE`" in verdict.hint
    guard = '[guard]\nmacs = "+2 %"\n'
    bare = f'path = ["{HERE}"]\n{guard}[[budget]]\nmodel = "factories:Unknown"\n'
    (verdict,) = checked(tmp_path, bare)  # without a ceiling, its figure is no surer
    assert (verdict.status, verdict.passed) == ("unknown", False)
    assert verdict.message.startswith("at least ")
    (verdict,) = checked(tmp_path, bare + 'level = "warn"\n')
    assert (verdict.status, verdict.passed) == ("unknown", True)


def test_arguments_make_another_model(tmp_path: Path) -> None:
    """Of which the lock has a block of its own."""
    text = (
        f'path = ["{HERE}"]\n'
        + entry("factories:fine")
        + entry("factories:fine", more="[budget.args]\nwidth = 16\ngroups = 2")
    )
    lock(tmp_path, text)
    assert (
        f'"traced_with": {{"torch": "{torch.__version__.partition("+")[0]}", "python": "3.'
        in (tmp_path / "flop-budget.lock").read_text()
    )
    verdicts = checked(tmp_path, text, locked=True)

    assert {one.status for one in verdicts} == {"ok"}
    assert verdicts[1].model == "factories:fine(groups=2, width=16)"
    changed = checked(tmp_path, text.replace("groups = 2", "groups = 1"), locked=True)
    # The first of its two layers is as it was.
    assert {one.status for one in changed if one.metric == "lock"} == {"ok", "renamed"}
    (grown,) = (one for one in changed if one.metric == "params")
    assert (grown.status, [row.change for row in grown.top_rows]) == (
        "over",
        ["groups 2 → 1"],
    )


def test_locked_both_ways(tmp_path: Path) -> None:
    """A model more, a model less, another input: each is told."""
    two = entry("resnet18", 'macs = "2 G"') + entry("resnet34", 'macs = "4 G"')
    lock(tmp_path, two)
    assert sf.check.__module__ == "shufflenet_flops.budget.check"
    assert all(one.status == "ok" for one in checked(tmp_path, two, locked=True))
    more = checked(tmp_path, two + entry("resnet50", 'macs = "5 G"'), locked=True)
    assert [one.model for one in more if one.status == "missing"] == ["resnet50"]
    less = checked(tmp_path, entry("resnet18", 'macs = "2 G"'), locked=True)
    (stale,) = [one for one in less if one.status == "stale"]
    assert (stale.model, stale.hint) == ("resnet34", RELOCK)
    assert stale.file.endswith("flop-budget.lock")
    assert stale.line is not None
    locked = Path(stale.file).read_text().split("\n")
    assert locked[stale.line - 1] == '"model": "resnet34",'
    other = checked(tmp_path, two.replace('"2 G"', '"2 G"\ninput = [1, 3, 64, 64]'), locked=True)
    (incomparable,) = [one for one in other if one.status == "not-comparable"]
    assert "locked on 1x3x224x224 under paper, and now on 1x3x64x64" in incomparable.message


def test_no_lock_and_a_broken_lock(tmp_path: Path) -> None:
    """With what would work."""
    with pytest.raises(InputError, match="run `shufflenet-flops lock` to write it"):
        checked(tmp_path, entry("resnet18"), locked=True)
    (tmp_path / "flop-budget.lock").write_text("{\n}\n")
    with pytest.raises(ConfigError, match=r"flop-budget.lock:1: is no lock"):
        checked(tmp_path, entry("resnet18"))


def timed(limit: Limit, timing: Latency | str) -> Verdict:
    subject = ModelCounts(Config("x", (Entry("resnet18", (limit,)),))).subjects()
    assert subject[0].block is not None
    timings: Timings = {(subject[0].block.order, limit): timing}
    (verdict,) = judge(Config("x", ()), subject, (), timings)
    return verdict


@pytest.mark.parametrize(
    ("low", "high", "status"), [(0.41, 0.45, "over"), (0.39, 0.47, "ok"), (0.30, 0.35, "ok")]
)
def test_a_ratio_is_over_only_where_the_clock_is_sure(low: float, high: float, status: str) -> None:
    """The whole interval has to be above the limit."""
    limit = Limit("latency", Decimal("0.4"), "resnet34")
    middle = (low + high) / 2
    timing = Latency(0.01, 0.009, 0.011, 3, (), Ratio("resnet34", middle, low, high))
    verdict = timed(limit, timing)

    assert verdict.status == status
    assert verdict.passed == (status == "ok")
    assert f"{low:.3g} to {high:.3g} with 95 % confidence" in verdict.message


def test_a_time_in_seconds(tmp_path: Path) -> None:
    """Warns, and only where three quarters of the samples are above it."""
    limit = Limit("latency", Decimal("0.012"))

    assert timed(limit, Latency(0.013, 0.0119, 0.014, 3, ())).status == "ok"
    slow = timed(limit, Latency(0.014, 0.013, 0.015, 3, ()))
    assert (slow.status, slow.level, slow.passed) == ("over", "warn", True)
    assert slow.message.startswith("14 ms > 12 ms")
    failed = timed(limit, "cannot be run")
    assert failed.status == "error"
    assert not failed.passed


def test_latency_is_measured_beside_its_reference(tmp_path: Path) -> None:
    """For real, on a size that takes no time."""
    text = (
        entry("resnet18", 'latency = "1000 x resnet34"', "input = [1, 3, 32, 32]")
        + entry("resnet18", 'latency = "60 s"', "input = [1, 3, 32, 32]")
        + entry("resnet18", 'latency = "2 x resnet35"', "input = [1, 3, 32, 32]")
    )
    relative, absolute, wrong = checked(tmp_path, text)

    assert relative.status == absolute.status == "ok"
    assert isinstance(relative.actual, float)
    assert 0 < relative.actual < 1000
    assert wrong.status == "error"
    assert "unknown model 'resnet35'" in wrong.message
