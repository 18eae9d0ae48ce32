"""Derive the paper's formula: walk the ShuffleNet unit over symbols, and over numbers."""

from __future__ import annotations

from shufflenet_flops.counting import CLOSED_FORMS
from shufflenet_flops.design.formula import derive, evaluate
from shufflenet_flops.zoo.designs import find_unit

for name in ("resnet", "resnext", "shufflenet"):
    formula = derive(find_unit(name), "macs", {})
    value = evaluate(find_unit(name), "macs", {"c": 240})
    print(f"{name:10} {formula.text:28} as the paper's {CLOSED_FORMS[name].text}: ", end="")
    print(f"{formula.matches_paper}; {value.total:,} MACs with c=240")
