"""Published rules for the FLOPs of language models: what each adds up, from what ran.

A rule is for a network that reads T = n·s tokens, each with N parameters, and attends over s of
them in every layer. Forward passes take 2 FLOPs for each parameter and token; rules of training
take three times that. They differ in which parameters N is, and in how attention is counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod

from shufflenet_flops.counting import Kind, Row
from shufflenet_flops.spec import OpClass
from shufflenet_flops.trace.trace import Trace

PARAMETERS, TABLES = "parameters", "tables_of_embeddings"
ATTENTION, LOGITS = "attention", "logits"


@dataclass(frozen=True)
class LanguageModel:
    """What rules go by; counts of work are FLOPs of one forward pass, as it ran.

    `tables` are the parameters of embeddings, `linear` those of weights that linear layers
    multiply, each once. `layers` is the work of linear layers in which every token takes part,
    `head` that of one whose outputs are the vocabulary, `fewer` that of all others. `attention` is
    that of products of queries with keys and of what comes of them with values, in full, and
    `later` what of it is between a query and the keys after it; `products` that of all other
    products of two tensors.
    """

    tokens: int
    params: int
    tables: int
    linear: int
    layers: int
    head: int
    fewer: int
    attention: int
    later: int
    products: int
    vocabulary: int
    width: int

    @property
    def flops(self) -> int:
        """Of the forward pass."""
        return self.layers + self.head + self.fewer + self.attention + self.products

    @property
    def logits(self) -> int:
        """What it takes to score the vocabulary at every token, whether that ran or not."""
        return 2 * self.tokens * self.vocabulary * self.width


def language_model(traced: Trace) -> LanguageModel | None:
    """What a trace says of its model; None of one that does not begin with words looked up."""
    rows = traced.table.rows
    lookups = [row for row in rows if row.op == "embedding" and row.weighted]
    words = next((row for row in lookups if len(row.output) == 3), None)
    if words is None:
        return None
    n, s, width = words.output
    vocabulary = words.operands[0][0]
    work = dict.fromkeys(("layers", "head", "fewer", "attention", "later", "products"), 0)
    linear = 0
    for row in rows:
        if row.kind is Kind.LINEAR:
            positions = prod(row.output[:-1])
            linear += row.macs // positions if row.params else 0
            is_head = row.output[-1] == vocabulary
            name = "head" if is_head else "layers" if positions == n * s else "fewer"
        elif row.kind is Kind.MATMUL:
            name = "attention" if _attends(row, s) else "products"
        else:
            name = "fewer"
        work[name] += 2 * row.macs
        if name == ATTENTION:
            work["later"] += 2 * row.counts.get(OpClass.LATER_MACS, 0)
    tables = sum(row.params for row in lookups)
    return LanguageModel(
        n * s, traced.params, tables, linear, **work, vocabulary=vocabulary, width=width
    )


def _attends(row: Row, s: int) -> bool:
    """Whether a product is over all pairs of s tokens."""
    if row.op == "scaled_dot_product_attention":
        return True
    shapes = [shape for shape in row.operands if len(shape) > 1]
    extents = [extent for shape in (*shapes[:2], row.output) for extent in shape[-2:]]
    return extents.count(s) >= 4  # twice as what is multiplied, and twice as what comes of it


@dataclass(frozen=True)
class LanguageRule:
    """A published rule: `terms` of a model are FLOPs by what they are of.

    `passes` is 1 of a forward pass, and 3 of training. `all_parameters` tells whether N has those
    of embeddings; None where the rule goes by layers. `attention` is the share that it counts of
    all pairs of tokens, and with `logits` it counts scores of the vocabulary.
    """

    name: str
    source: str
    passes: int
    all_parameters: bool | None
    attention: Fraction
    logits: bool = False

    def terms(self, model: LanguageModel) -> dict[str, int]:
        """The FLOPs for the tokens of the model's input, without those terms that are 0."""
        terms = {}
        if self.all_parameters is None:
            terms["weights_of_layers"] = self.passes * model.layers
        else:
            each = 2 * self.passes * model.tokens
            terms[PARAMETERS] = each * (model.params - model.tables)
            terms[TABLES] = each * model.tables if self.all_parameters else 0
        terms[ATTENTION] = int(self.passes * self.attention * model.attention)
        terms[LOGITS] = self.passes * model.logits if self.logits else 0
        return {name: flops for name, flops in terms.items() if flops}


_KAPLAN = "Kaplan et al. 2020, arXiv 2001.08361, table 1"
_NONE, _HALF, _FULL = Fraction(0), Fraction(1, 2), Fraction(1)
# The attention of Kaplan et al. is 2·L·d·s for each token, which is half of all pairs.
LANGUAGE_RULES: Sequence[LanguageRule] = (
    LanguageRule("2N", f"{_KAPLAN}; N without embeddings", 1, False, _NONE),
    LanguageRule("2N, all parameters", "N with embeddings", 1, True, _NONE),
    LanguageRule("2N + 2·L·d·s", f"{_KAPLAN}; N without embeddings", 1, False, _HALF),
    LanguageRule("6N", f"{_KAPLAN}; N without embeddings", 3, False, _NONE),
    LanguageRule("6N, all parameters", "Hoffmann et al. 2022, arXiv 2203.15556", 3, True, _NONE),
    LanguageRule(
        "6N + 12·L·d·s", "PaLM, arXiv 2204.02311, appendix B; all parameters", 3, True, _FULL
    ),
    LanguageRule(
        "MaxText", "calculate_tflops_training_per_device, attention halved", 3, None, _HALF, True
    ),
    LanguageRule(
        "Megatron-LM", "num_floating_point_operations, attention halved", 3, None, _HALF, True
    ),
    LanguageRule(
        "Megatron-LM, attention in full",
        "the same function in earlier versions, after the appendix of arXiv 2104.04473",
        3,
        None,
        _FULL,
        True,
    ),
)


def rules_for(traced: Trace) -> Iterator[tuple[str, dict[str, int]]]:
    """Every rule by name with its terms, and causal attention counted, where they say something."""
    model = language_model(traced)
    if model is None:
        return
    yield "causal attention", causal_terms(model)
    for rule in LANGUAGE_RULES:
        yield rule.name, rule.terms(model)


def causal_terms(model: LanguageModel) -> dict[str, int]:
    """What ran, with attention to a token itself and those before: s·(s + 1)/2 of s² pairs."""
    return {
        "linear_layers": model.layers + model.head + model.fewer,
        ATTENTION: model.attention - model.later,
        "other_products": model.products,
    }


def differences(rule: LanguageRule, model: LanguageModel) -> Mapping[str, int]:
    """Why the rule's total is not that of what ran, in FLOPs by reason; they add up to it.

    What ran is a forward pass, or three of it for a rule of training.
    """
    terms, passes = rule.terms(model), rule.passes
    reasons = {
        "attention": terms.get(ATTENTION, 0) - passes * model.attention,
        "other products": -passes * model.products,
        "logits": terms.get(LOGITS, 0) - (passes * model.head if rule.logits else 0),
    }
    if rule.all_parameters is None:
        reasons["layers of fewer tokens"] = -passes * model.fewer
        if not rule.logits:
            reasons["logits"] = -passes * model.head
    else:
        each = 2 * passes * model.tokens
        ran = model.layers + model.head + model.fewer
        reasons["embeddings"] = terms.get(TABLES, 0)
        reasons["norms and biases"] = each * (model.params - model.tables - model.linear)
        reasons["weights not used once per token"] = each * model.linear - passes * ran
    return {reason: flops for reason, flops in reasons.items() if flops}
