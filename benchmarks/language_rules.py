"""Set published rules for the FLOPs of language models beside what is traced.

`python -m benchmarks.language_rules` writes reports/language_rules.md: for 12 configurations the
FLOPs of a forward pass and of a training step as the trace has them, what each rule says, and the
difference, term by term. Nothing is fetched: configurations have random weights, on no memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from shufflenet_flops.counters.language_rules import (
    LANGUAGE_RULES,
    LanguageModel,
    causal_terms,
    differences,
    language_model,
)
from shufflenet_flops.sources import Options, parse_input, resolve
from tests.support.torchvision_ops import declare

REPORT = Path("reports/language_rules.md")
LENGTH = 512
# By name: the type of transformers, and what is not its default.
CONFIGURATIONS = {
    "GPT-2": ("gpt2", {}),
    "GPT-2 XL": ("gpt2", {"n_embd": 1600, "n_layer": 48, "n_head": 25}),
    "BERT base": ("bert", {}),
    "ALBERT": ("albert", {}),
    "OPT 125M": ("opt", {}),
    "GPT-NeoX 20B": ("gpt_neox", {}),
    "BLOOM 560M": ("bloom", {"hidden_size": 1024, "n_layer": 24, "n_head": 16}),
    "Phi 1": ("phi", {}),
    "Llama 7B": ("llama", {}),
    "Mistral 7B": ("mistral", {}),
    "Gemma 7B": ("gemma", {}),
    "Qwen2": ("qwen2", {}),
}


def main() -> None:
    """Write the report."""
    declare()
    models = {name: traced(kind, args) for name, (kind, args) in CONFIGURATIONS.items()}
    REPORT.write_text("\n".join(_report(models)) + "\n")


def traced(kind: str, args: dict[str, int], length: int = LENGTH) -> LanguageModel:
    """What rules go by, of one text of so many tokens."""
    shape = parse_input(f"1x{length}:int64")
    source = resolve(f"transformers:{kind}", Options(inputs=(shape,), args=args))
    model = language_model(source.trace())
    assert model is not None, kind
    return model


def _report(models: dict[str, LanguageModel]) -> Iterator[str]:
    yield "# Published rules for language models"
    yield ""
    yield (
        f"`python -m benchmarks.language_rules`, on one text of {LENGTH:,} tokens, with "
        f"transformers {version('transformers')}. GFLOP, 2 for each multiply-accumulate. Ours is "
        "what is traced: every product of two tensors, attention in full. Rules of training are "
        "beside three forward passes. `explain --reported` names the rule that gives a figure."
    )
    yield ""
    yield "| configuration | N, M | in tables, M | ours, forward | causal | ours, training |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for name, model in models.items():
        causal = sum(causal_terms(model).values())
        yield (
            f"| {name} | {model.params / 1e6:,.1f} | {model.tables / 1e6:,.1f} "
            f"| {_giga(model.flops)} | {_giga(causal)} | {_giga(3 * model.flops)} |"
        )
    for rule in LANGUAGE_RULES:
        yield from ["", f"## {rule.name}", "", f"{rule.source[0].upper()}{rule.source[1:]}.", ""]
        yield "| configuration | rule | over ours | because of | not explained |"
        yield "| --- | ---: | ---: | --- | ---: |"
        for name, model in models.items():
            total, ours = sum(rule.terms(model).values()), rule.passes * model.flops
            reasons = differences(rule, model)
            said = ", ".join(f"{reason} {_giga(flops, '+')}" for reason, flops in reasons.items())
            left = total - ours - sum(reasons.values())
            yield (
                f"| {name} | {_giga(total)} | {100 * (total - ours) / ours:+.1f} % "
                f"| {said or 'nothing'} | {left:,} |"
            )


def _giga(flops: int, sign: str = "") -> str:
    return f"{flops / 1e9:{sign},.2f}"


if __name__ == "__main__":
    main()
