"""`import shufflenet_flops as sf`: one call for each question, whatever it is given."""

from __future__ import annotations

import json
import pydoc
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import shufflenet_flops as sf
from shufflenet_flops.cli.app import run

CALLS = ("count", "compare", "explain", "fit", "sweep", "formula", "predict", "meter")


class Net(nn.Module):
    """A convolution of 3x3x3 to 8 channels and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.drop = nn.Dropout()
        self.fc = nn.Linear(8, 5)

    def forward(self, x: torch.Tensor) -> Any:
        return self.fc(self.drop(torch.relu(self.conv(x))).mean((2, 3)))


class Two(nn.Module):
    """A linear layer on x, scaled by a mask that has a default."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 6)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> Any:
        y = self.fc(x)
        return y if mask is None else y * mask


NET_MACS = 8 * 8 * 8 * 27 + 8 * 5  # on 8x8


@pytest.mark.parametrize(
    "given",
    [
        (1, 3, 8, 8),
        [1, 3, 8, 8],
        torch.Size((1, 3, 8, 8)),
        "1x3x8x8",
        torch.zeros(1, 3, 8, 8),
        torch.zeros(1, 3, 8, 8, device="meta"),
        [(1, 3, 8, 8)],
        (torch.zeros(1, 3, 8, 8),),
        tuple(np.array([1, 3, 8, 8])),
        8,
        {"x": (1, 3, 8, 8)},
        {"x": torch.zeros(1, 3, 8, 8)},
    ],
    ids=repr,
)
def test_count_a_module_on_whatever_says_its_input(given: Any) -> None:
    """Worked out by hand: 64 places, 27 MACs for each of 8 channels; then 8 to 5."""
    net = Net().train()
    counted = sf.count(net, given)

    assert counted.macs == NET_MACS == 13_864
    assert counted.flops == 2 * NET_MACS
    assert counted.params == 8 * 27 + 8 * 5 + 5
    assert counted.activations == 8 * 64 + 5
    assert counted.memory_bytes == counted.table.memory_bytes > 0
    assert counted.unknown_ops == {}
    assert net.training
    assert net.drop.training


@pytest.mark.parametrize(
    "given",
    [
        [(2, 4), (2, 6)],
        (torch.zeros(2, 4), (2, 6)),
        {"x": (2, 4), "mask": torch.ones(2, 6)},
        {"mask": "2x6", "x": (2, 4)},
    ],
)
def test_several_inputs_in_order_or_by_name(given: Any) -> None:
    counted = sf.count(Two(), given)

    assert counted.macs == 2 * 4 * 6
    assert [row.op for row in counted.table.rows][-1] == "mul"


def test_count_by_name() -> None:
    """A network of the zoo, a family, a unit, one found before, and a library's."""
    assert sf.count("resnet50").macs == 4_089_184_256
    assert sf.count("shufflenet_v1@g=3,scale=1").macs == 137_460_672
    assert sf.count("shufflenet_unit@c=240,g=3").macs == 7_949_760
    assert sf.count(sf.find("shufflenet_v1_x1_0_g3")).macs == 137_460_672
    assert sf.count("resnet18", input=64).macs == sf.count("resnet18", (1, 3, 64, 64)).macs
    wide = sf.count("torch.nn:Linear", (1, 10), args={"in_features": 10, "out_features": 5})
    assert wide.macs == 50


def test_a_count_is_told_in_one_line_and_in_full() -> None:
    counted = sf.count("shufflenet_v1_x1_0_g3")

    assert repr(counted) == (
        "<Count of shufflenet_v1_x1_0_g3 on 1x3x224x224: 137.5 MMAC, 1.9 M params>"
    )
    assert repr(counted.table) == "<Table of 169 rows, 137,460,672 MACs>"
    assert "stage3" in str(counted)
    assert "137,460,672 MACs under `paper`" in str(counted)
    assert counted.by("stage")["stage3"].macs == 63_786_240
    assert repr(counted.by("stage")).startswith("<shufflenet_v1_x1_0_g3 by stage: conv1, ")
    assert "63.786" in str(counted.by("stage"))
    assert sum(part.macs for part in counted.by("kind").values()) == counted.macs


@pytest.mark.parametrize(
    "found", [sf.find("resnet50"), sf.count("resnet50").result], ids=["a", "b"]
)
def test_no_repr_fills_a_screen(found: object) -> None:
    """What a prompt shows of a network is short; a result has its rows for those who ask."""
    if isinstance(found, sf.Model):
        assert len(repr(found)) < 200
    assert len(repr(sf.count("resnet50"))) < 200
    assert len(repr(sf.count("resnet50").table)) < 200


def test_a_notebook_shows_layers_with_a_total_folded_beyond_thirty() -> None:
    """Every layer that counts is there once, a total is in the foot, and no text is markup."""
    html = sf.count("shufflenet_v1_x1_0_g3")._repr_html_()
    rows = re.findall(r"<tr>.*?</tr>", html)

    assert "stage4.3.branch.pw2" in html
    assert re.search(r"<tfoot><tr><th scope=row>total</th>.*137\.461", html)
    assert "show all" in html
    assert "nth-child(n + 31)" in html
    assert len(rows) > 31
    assert "show all" not in sf.count("alexnet")._repr_html_()
    assert "http" not in html

    class Odd(Net):
        pass

    Odd.__name__ = "<script>alert(1)</script>"
    assert "<script>" not in sf.count(Odd(), (1, 3, 8, 8))._repr_html_()


def test_to_pandas_and_to_dict_are_the_commands_csv_and_json() -> None:
    counted = sf.count("shufflenet_v1_x1_0_g3")
    frame = counted.to_pandas()

    assert len(frame) == len(counted.table.rows)
    assert int(frame["macs"].sum()) == counted.macs
    assert counted.to_dict()["macs"] == counted.macs
    assert len(sf.compare("resnet18", Net(), input=(1, 3, 32, 32)).to_pandas()) == 2


@pytest.mark.parametrize("suffix", ["html", "json", "csv", "md", "txt"])
def test_save(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    sf.count("alexnet").save(path)

    text = path.read_text()
    assert "conv1" in text
    assert list(tmp_path.iterdir()) == [path]
    if suffix == "json":
        assert json.loads(text)["results"][0]["macs"] == sf.count("alexnet").macs


def test_compare_and_explain_leave_the_module_as_it_was() -> None:
    """Side by side with a name, and every counter taken apart."""
    net = Net().train()
    compared = sf.compare("resnet18", net, input=(1, 3, 32, 32))
    explained = sf.explain(net, (1, 3, 8, 8))

    assert net.training
    assert compared.macs["Net"] == 32 * 32 * 8 * 27 + 40
    assert [comparison.name for comparison in compared] == ["resnet18", "Net"]
    assert repr(compared) == "<Compared: resnet18 37.5 MMAC, Net 221.2 kMAC>"
    assert explained.macs == NET_MACS
    assert explained.complete
    assert explained.counters["fvcore"].residual == 0
    assert "all explained" in repr(explained)
    assert "counters of MACs" in str(explained)


def test_a_reported_total_is_named() -> None:
    """thop's total of ResNet-50 has 44,455,936 for norms and 102,400 for a pool in it."""
    for reported in (4_133_742_592, "4133742592", "4.134 GMAC"):
        named = sf.explain("resnet50", reported=reported)
        meant = [match for match in named.number.matches if named.number.is_meant(match)]

        assert "thop" in {match.counter for match in meant}
        assert "thop" in str(named)


def test_fit() -> None:
    """Table 4's network at 140 MFLOPs, with its groups either way."""
    for fitted in (
        sf.fit("shufflenet_v1", macs="140M", g=3),
        sf.fit("shufflenet_v1@g=3", macs=140_000_000),
    ):
        assert fitted.channels == 960
        assert fitted.macs == 137_460_672
        assert fitted.next_wider.macs > 140_000_000
        assert "widest within 140 MMAC" in str(fitted)


def test_fit_and_sweep_take_a_familys_scales() -> None:
    """EfficientNet is scaled by phi; the width of another is found within 0.01."""
    efficientnet = sf.fit("efficientnet", macs="400M")
    mobilenet = sf.fit("mobilenet_v2", macs="300M", over="width", resolution=224)
    frame = sf.sweep("mobilenet_v2", width=[0.5, 1], resolution=range(96, 225, 32))

    assert efficientnet.scales == {"phi": 0.0, "width": 1.0, "depth": 1.0, "resolution": 224}
    assert "phi=0.0" in repr(efficientnet)
    assert mobilenet.scales["width"] == 0.98
    assert len(frame) == 10
    assert frame["pareto"].all()


def test_sweep_is_a_frame_of_every_configuration() -> None:
    """Each row is what a count of it is; the front is the one that the command finds."""
    frame = sf.sweep("shufflenet_unit", c=range(24, 241, 24), g=[1, 2, 3], h=28)

    assert len(frame) == 30
    for row in frame.sample(5, random_state=0).itertuples():
        unit = sf.count(f"shufflenet_unit@c={row.c},g={row.g},h=28")
        assert (row.macs, row.params) == (unit.macs, unit.params)
    on_front = frame[frame["pareto"]]
    assert (on_front["g"] == 3).all()
    assert len(on_front) == 10
    assert (sf.sweep("shufflenet_unit", c="24:240:24", where="macs < 1e6")["macs"] < 1e6).all()


def test_predict_is_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    """From the calibration that comes with the package, with what is not known of the time."""
    pytest.importorskip("sklearn")
    found = sf.predict("shufflenet_v1_x1_0_g3")
    run(["predict", "shufflenet_v1_x1_0_g3", "--engine", "onnxruntime", "--format", "json", "-q"])
    (printed,) = json.loads(capsys.readouterr().out)["results"]

    assert json.loads(json.dumps(found.to_dict())) == printed
    assert found.interval is not None
    assert found.interval[0] < found.seconds < found.interval[1]
    assert sum(kernel.seconds for kernel in found.kernels) == pytest.approx(found.seconds)
    assert repr(found).startswith("<Predicted shufflenet_v1_x1_0_g3: ")


def test_formula_is_an_expression() -> None:
    import sympy

    expression = sf.formula("shufflenet_unit")
    symbols = {symbol.name: symbol for symbol in expression.free_symbols}
    c, m, g, h, w = (symbols[name] for name in "cmghw")

    assert sympy.simplify(expression - h * w * (2 * c * m / g + 9 * m)) == 0
    assert sf.formula("shufflenet_unit", c=240, m=60, g=3, h=28, w=28) == 7_949_760
    network = sf.formula("shufflenet_v1@g=3", c=960, h=224, w=224, classes=1000)
    assert network == 137_460_672


@pytest.mark.parametrize("call", CALLS)
def test_the_calls_are_where_people_look(call: str) -> None:
    assert call in dir(sf)
    assert call in sf.__all__
    assert getattr(sf, call).__doc__
    assert f"{call}(" in pydoc.render_doc(sf)


def test_help_starts_with_the_calls() -> None:
    text = pydoc.render_doc(sf, renderer=pydoc.plaintext)

    assert text.index("count(model, input)") < text.index("PACKAGE CONTENTS")


def test_formula_of_a_module_is_in_its_sizes() -> None:
    """By hand: on n images of h by w, 27 MACs for each of 8 channels at each place, then 8 to 5."""
    import sympy

    for expression in (sf.formula(Net()), sf.formula(Net(), over="n,h,w")):
        n, h, w = (
            next(symbol for symbol in expression.free_symbols if symbol.name == name)
            for name in "nhw"
        )
        assert sympy.expand(expression - n * (216 * h * w + 40)) == 0


def test_an_array_of_numpy_is_an_input() -> None:
    assert sf.count(Net(), np.zeros((1, 3, 8, 8), "float32")).macs == NET_MACS


def test_a_float_is_taken_to_its_digits() -> None:
    """4.1e9 is the 4.1 G of many; 4,133,742,592 is thop's alone."""
    said = {match.counter for match in sf.explain("resnet50", reported=4.1e9).number.matches}
    assert {"thop", "fvcore", "torchprofile"} <= said
    assert sf.explain("resnet50", reported=4.1e9).number.half == 50_000_000
    (first, *_) = sf.explain("resnet50", reported=4_133_742_592.0).number.matches
    assert (first.counter, first.difference) == ("thop", 0)


def test_half_precision_is_told_by_its_parameters() -> None:
    net = Net().half()
    with pytest.raises(sf.ShufflenetFlopsError, match=r"float16: input=\"1x3x8x8:float16\"$"):
        sf.count(net, (1, 3, 8, 8))
    assert sf.count(net, "1x3x8x8:float16").macs == NET_MACS


def test_torchscript_is_counted() -> None:
    """Whose forward has no signature."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that newer versions would have another tracer used
        traced = torch.jit.trace(Net().eval(), torch.zeros(1, 3, 8, 8))
    assert sf.count(traced, (1, 3, 8, 8)).macs == NET_MACS


def test_what_is_outermost_has_a_name() -> None:
    assert repr(sf.count(Net(), (1, 3, 8, 8)).by("stage")) == "<Net by stage: conv, (model), fc>"


BAD: list[tuple[Any, str]] = [
    (lambda: sf.count(Net), "Net is a class: make a module of it, as Net()"),
    (lambda: sf.count("alexnet").by("stages"), "did you mean stage"),  # type: ignore[arg-type]
    (lambda: sf.compare(["resnet18", "alexnet"]), "as in compare(a, b)"),  # type: ignore[arg-type]
    (lambda: sf.explain(Net(), counters="thop"), 'counters=["thop"]'),
    (lambda: sf.count(3), "3 is no model: give an nn.Module, or a name"),
    (lambda: sf.count("resnet5000"), "did you mean resnet50"),
    (lambda: sf.count("resnet50", {"x": (1, 3, 8, 8)}), "takes its inputs in order, not by name"),
    (lambda: sf.count(Net(), (1, 3, 0, 8)), "sizes must be positive"),
    (lambda: sf.count(Net(), object()), "give a shape such as (1, 3, 224, 224)"),
    (lambda: sf.count(Net(), {"y": (1, 3, 8, 8)}), "the names of its inputs do not fit"),
    (lambda: sf.count(Net(), [(1, 3, 8, 8), (1, 3)]), "its forward takes x, and 2 are given"),
    (lambda: sf.count(Net(), args={"a": 1}), "are for a model that is named"),
    (lambda: sf.count(Net(), convention="mine"), "unknown convention 'mine'"),
    (lambda: sf.count("alexnet").save("x.doc"), "the suffix must be one of"),
    (lambda: sf.count("alexnet").save("/no/such/x.csv"), "cannot write"),
    (lambda: sf.compare(), "compare what? give models"),
    (lambda: sf.explain(Net(), (2, 3, 8, 8)), "batch 1"),
    (lambda: sf.explain(Net(), counters=["thopp"]), "did you mean thop"),
    (lambda: sf.explain(Net(), reported="much"), "write it as it was printed, as in 4.13G"),
    (lambda: sf.explain(Net(), (1, 3, 8, 8), reported=-1), "reported total -1"),
    (lambda: sf.fit("shufflenet_v1"), "what is the budget?"),
    (lambda: sf.fit("shufflenet_v1", macs="140MB"), "B is no unit of macs"),
    (lambda: sf.fit("shufflenet_v1", macs="140M", z=3), "cannot vary it"),
    (lambda: sf.fit("mobilenet_v2", macs="9G", over="phi"), "mobilenet_v2 has no such scale"),
    (lambda: sf.fit("shufflenet_v1", macs="140M", g=1.5), "g=1.5: give a whole number"),
    (lambda: sf.sweep("mobilenet_v2", width="0.35:0.1"), "write numbers above 0"),
    (lambda: sf.sweep("mobilenet_v2", resolution=96.5), "resolution=96.5: give whole"),
    (lambda: sf.sweep("shufflenet_unit"), "what is to vary?"),
    (lambda: sf.sweep("shufflenet_unit", c=[1.5]), "give whole numbers"),
    (lambda: sf.sweep("shufflenet_unit", c="1:3000000"), "more than 1,000,000"),
    (lambda: sf.formula("shuflenet_unit"), "did you mean shufflenet_unit"),
    (lambda: sf.formula("shufflenet_unit", "mac"), "did you mean macs"),
    (lambda: sf.formula("shufflenet_v1", c=960), "give g beside c"),
]


@pytest.mark.parametrize(("call", "said"), BAD, ids=[said for _, said in BAD])
def test_what_cannot_be_is_said_in_one_line(call: Any, said: str) -> None:
    with pytest.raises(sf.ShufflenetFlopsError) as caught:
        call()

    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
