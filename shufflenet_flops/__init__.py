"""FLOPs of networks: exact integers, each under a named convention.

One call for each question:

    count(model, input)       MACs, parameters, activations, memory access, layer by layer
    compare(a, b, input=…)    models side by side, with what every counter reports
    explain(model, input)     why counters disagree, down to the last FLOP
    fit(family, macs="140M")  the widest network under a budget
    sweep(family, c=…, g=…)   every configuration, as a DataFrame
    formula(family)           the closed form, as a sympy expression
    predict(model, input)     the time on an engine, without running the model
    check()                   models against the budgets of flop-budget.toml
    meter(model, input)       what a training run computes, how fast, and its MFU

A model is an `nn.Module`, or a name: "resnet50", "net.py:Net", "timm:resnet50". An input is a
shape with the batch first, or a tensor. What a call returns prints as the command's table. No
torch is imported before a call needs it.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shufflenet_flops.api.compare import Compared as Compared
    from shufflenet_flops.api.compare import compare as compare
    from shufflenet_flops.api.count import Count as Count
    from shufflenet_flops.api.count import count as count
    from shufflenet_flops.api.explain import Explained as Explained
    from shufflenet_flops.api.explain import explain as explain
    from shufflenet_flops.api.fit import Fitted as Fitted
    from shufflenet_flops.api.fit import fit as fit
    from shufflenet_flops.api.formula import formula as formula
    from shufflenet_flops.api.meter import meter as meter
    from shufflenet_flops.api.predict import Predicted as Predicted
    from shufflenet_flops.api.predict import predict as predict
    from shufflenet_flops.api.sweep import sweep as sweep
    from shufflenet_flops.api.training import Training as Training
    from shufflenet_flops.budget.check import check as check
    from shufflenet_flops.budget.verdict import Report as Report
    from shufflenet_flops.budget.verdict import Verdict as Verdict
    from shufflenet_flops.counting import CONVENTIONS as CONVENTIONS
    from shufflenet_flops.counting import Convention as Convention
    from shufflenet_flops.counting import Row as Row
    from shufflenet_flops.counting import Table as Table
    from shufflenet_flops.counting import layer_table as layer_table
    from shufflenet_flops.errors import ShufflenetFlopsError as ShufflenetFlopsError
    from shufflenet_flops.trace.rules.supplied import rule as rule
    from shufflenet_flops.zoo import Model as Model
    from shufflenet_flops.zoo import find as find
    from shufflenet_flops.zoo import names as names

# Imported when they are asked for: whoever needs one of them starts without the others, and a
# program that is only starting answers Ctrl-C at once.
_LATE = {
    "count": "api.count",
    "compare": "api.compare",
    "explain": "api.explain",
    "fit": "api.fit",
    "sweep": "api.sweep",
    "formula": "api.formula",
    "predict": "api.predict",
    "meter": "api.meter",
    "check": "budget.check",
    "rule": "trace.rules.supplied",
    "Count": "api.count",
    "Compared": "api.compare",
    "Explained": "api.explain",
    "Fitted": "api.fit",
    "Predicted": "api.predict",
    "Training": "api.training",
    "Report": "budget.verdict",
    "Verdict": "budget.verdict",
    "find": "zoo",
    "names": "zoo",
    "Model": "zoo",
    "layer_table": "counting",
    "Table": "counting",
    "Row": "counting",
    "CONVENTIONS": "counting",
    "Convention": "counting",
    "ShufflenetFlopsError": "errors",
}

__all__ = list(_LATE)


def __getattr__(name: str) -> Any:
    """What is imported when it is asked for."""
    if name not in _LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_LATE[name]}"), name)


def __dir__() -> list[str]:
    """What people come for, and what else the package holds."""
    return sorted({*__all__, *globals()} - {"Any", "TYPE_CHECKING", "_LATE"})
