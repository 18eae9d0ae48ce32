"""The closed form of a model, from traces at chosen sizes, proven at sizes it has not seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from shufflenet_flops.closed_form.built import built_for_size
from shufflenet_flops.closed_form.domain import Domain, Range
from shufflenet_flops.closed_form.domains import everything, fixed, narrower
from shufflenet_flops.closed_form.guards import in_cases
from shufflenet_flops.closed_form.model_formula import ModelFormula
from shufflenet_flops.closed_form.repeated import with_layers_repeated
from shufflenet_flops.closed_form.samples import NotProvenError, RefusedError, Samples
from shufflenet_flops.closed_form.sized import SizedModel, Sizes, rows_of
from shufflenet_flops.counting.measure import PAPER, Measure, measure
from shufflenet_flops.counting.metric import MetricName
from shufflenet_flops.errors import InputError
from shufflenet_flops.running import asked_sizes
from shufflenet_flops.running.no_gc import no_gc


@no_gc()
def derive(
    model: SizedModel,
    over: Mapping[str, Range | None],
    metric: MetricName = "macs",
    convention: str = PAPER,
) -> ModelFormula:
    """The closed form over the sizes that `over` names, at the model's own for the others.

    A convention other than `paper` says what is counted in place of the metric. A range is that of
    an argument of the model's factory, or bounds a size of its inputs. Every extent of every row is
    found as a function of the sizes, and every row's measure as one of its extents; where a model
    does not run at any size, or its formula does not hold, those that its strides divide are tried,
    then squares, then the model's own. Raises InputError where nothing is proven.
    """
    measured = measure(metric, convention)
    samples, unknown = _samples(model, over)
    return replace(_first_proven(samples, over, measured), unknown_ops=unknown)


@no_gc()
def derive_all(
    model: SizedModel, over: Mapping[str, Range | None], metrics: Iterable[MetricName]
) -> list[ModelFormula]:
    """The closed form of each metric, from the same traces. Raises InputError for the first."""
    samples, unknown = _samples(model, over)
    found = (_first_proven(samples, over, measure(metric)) for metric in metrics)
    return [replace(proven, unknown_ops=unknown) for proven in found]


@no_gc()
def derive_each(
    model: SizedModel, over: Mapping[str, Range | None], metrics: Iterable[MetricName]
) -> tuple[list[ModelFormula], dict[MetricName, str]]:
    """The closed forms of the metrics that have one, and why the others have none.

    Raises InputError where none has.
    """
    samples, unknown = _samples(model, over)
    found, reasons = [], dict[MetricName, str]()
    for metric in metrics:
        try:
            proven = _first_proven(samples, over, measure(metric))
        except InputError as error:
            reasons[metric] = str(error)
        else:
            found.append(replace(proven, unknown_ops=unknown))
    if not found:
        raise InputError(next(iter(reasons.values())))
    return found, reasons


def _samples(
    model: SizedModel, over: Mapping[str, Range | None]
) -> tuple[Samples, Mapping[str, int]]:
    """The trace at the model's own sizes, and its unknown ops. Raises InputError."""
    _check_names(model, over)
    base = base_of(model, over)
    try:
        with asked_sizes.kept() as asked:
            counted = model.at(base).counted
    except InputError as error:
        args = model.args_at(base)
        if not args:
            raise
        sizes = ", ".join(model.places)
        raise InputError(
            f"--over {', '.join(args)}: {error}; the sizes of its inputs are {sizes}"
        ) from None
    if counted.real_forward:
        raise InputError(f"{model.name}: no formula in its sizes alone: {counted.real_because}")
    samples = Samples(model, base)
    samples.keep(base, model.rows_at(base) if model.training else rows_of(counted), asked)
    return with_layers_repeated(samples, over), counted.unknown_ops


def _first_proven(
    samples: Samples, over: Mapping[str, Range | None], measured: Measure
) -> ModelFormula:
    """On the first domain on which it is."""
    errors: list[RefusedError | NotProvenError] = []
    for chosen, domain in _tried(samples, over):
        rules = tuple(domain.texts)
        try:
            refused = chosen.failed.get(rules)
            if isinstance(refused, RefusedError):  # whatever the metric is
                raise refused
            cases = in_cases(chosen, domain, measured)
            # That of the model's own sizes comes first.
            found, *others = sorted(cases, key=lambda case: chosen.own not in case.domain)
        except (RefusedError, NotProvenError) as error:
            chosen.failed[rules] = error
            errors.append(error)
        else:
            refused_for = str(errors[0]) if errors else found.refused
            return replace(found, refused=refused_for, others=tuple(others))
    raise _none_proven(samples, over, errors[0])


def _none_proven(
    samples: Samples, over: Mapping[str, Range | None], error: RefusedError | NotProvenError
) -> InputError:
    names = ", ".join(over)
    if not isinstance(error, RefusedError):
        return InputError(f"{samples.model.name}: no formula over {names} is proven: {error}")
    own = ", ".join(f"{name}={size}" for name, size in samples.own.items())
    hint = "" if "n" in over or "n" not in samples.model.places else "; --over n may have one"
    return InputError(
        f"--over {names}: of the sizes that were tried the model takes {own} alone{hint}: {error}"
    )


def _tried(samples: Samples, over: Mapping[str, Range | None]) -> Iterator[tuple[Samples, Domain]]:
    """Domains, each with the traces of the model as it is, or of one that is built for a size."""
    yield from _of_model(samples, over)
    if {"h", "w"} & {name for name, given in over.items() if given is None}:
        built = built_for_size(samples.model, samples.at(samples.own))
        if built is not None:
            others = Samples(built, samples.own)
            others.keep(samples.own, samples.at(samples.own), samples.asked_at(samples.own))
            yield from _of_model(others, over)
    alone = fixed(samples, over)
    if alone is not None:
        samples.begin()
        yield samples, alone


def _of_model(
    samples: Samples, over: Mapping[str, Range | None]
) -> Iterator[tuple[Samples, Domain]]:
    samples.begin()
    whole = everything(samples, over)
    yield samples, whole
    if isinstance(samples.failed[tuple(whole.texts)], NotProvenError):
        samples.begin()
    for domain in narrower(samples, over):
        yield samples, domain


def check(model: SizedModel, formula: ModelFormula, sizes: Sizes) -> None:
    """Set the formula's value beside a trace at these sizes.

    Raises InputError where the formula is not for them or is wrong, and what the model raises where
    it does not take them.
    """
    value = formula.value(sizes)
    traced = formula.measure.of(model.rows_at(sizes))
    if value != traced:
        given = ", ".join(f"{name}={size}" for name, size in sizes.items())
        raise InputError(
            f"{given}: the formula of {model.name} gives {value:,} and a trace {traced:,}: it does "
            "not hold so far from the sizes that it was checked at"
        )


def base_of(model: SizedModel, over: Mapping[str, Range | None]) -> dict[str, int]:
    """The model's own sizes, and the least of a range where one is given."""
    return {
        name: model.base[name] if given is None else given.least for name, given in over.items()
    }


def _check_names(model: SizedModel, over: Mapping[str, Range | None]) -> None:
    for name, given in over.items():
        if name not in model.places and given is None:
            inputs = " ".join(map(str, model.source.inputs))
            raise InputError(
                f"--over {name}: the sizes of {model.name} on {inputs} are "
                f"{', '.join(model.places)}; an argument of its factory is given with its "
                f"values, as {name}=16:256:16"
            )
