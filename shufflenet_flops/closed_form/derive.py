"""The closed form of a model, from traces at chosen sizes, proven at sizes it has not seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from shufflenet_flops.closed_form.domain import Domain, Range
from shufflenet_flops.closed_form.fitting import check_alike, counted_rows, fitted
from shufflenet_flops.closed_form.model_formula import FormulaRow, ModelFormula
from shufflenet_flops.closed_form.samples import NotProvenError, RefusedError, Samples
from shufflenet_flops.closed_form.sized import SizedModel, Sizes, rows_of
from shufflenet_flops.counting import Row
from shufflenet_flops.counting.metric import Metric, MetricName, find_metric
from shufflenet_flops.errors import InputError

FIRST = 6  # sizes at which a formula is looked for first
HELD_OUT = 4  # sizes at which it is then checked


def derive(
    model: SizedModel, over: Mapping[str, Range | None], metric: MetricName = "macs"
) -> ModelFormula:
    """The closed form over the sizes that `over` names, at the model's own for the others.

    A range is that of an argument of the model's factory, or bounds a size of its inputs. Every
    extent of every row is found as a function of the sizes, and every row's metric as one of its
    extents; where a model does not run at any size, or its formula does not hold, those that its
    strides divide are tried, then squares, then the model's own. Raises InputError where nothing
    is proven.
    """
    (found,) = derive_all(model, over, (metric,))
    return found


def derive_all(
    model: SizedModel, over: Mapping[str, Range | None], metrics: Iterable[MetricName]
) -> list[ModelFormula]:
    """The closed form of each metric, from the same traces. Raises InputError for the first."""
    samples, unknown = _samples(model, over)
    found = (_first_proven(samples, over, find_metric(metric)) for metric in metrics)
    return [replace(proven, unknown_ops=unknown) for proven in found]


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
            proven = _first_proven(samples, over, find_metric(metric))
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
    counted = model.at(base).counted
    if counted.real_forward:
        raise InputError(f"{model.name}: no formula in its sizes alone: {counted.real_because}")
    samples = Samples(model, base)
    samples.keep(base, model.rows_at(base) if model.training else rows_of(counted))
    return samples, counted.unknown_ops


def _first_proven(
    samples: Samples, over: Mapping[str, Range | None], metric: Metric
) -> ModelFormula:
    """On the first domain on which it is."""
    reasons: list[str] = []
    for domain in _domains(samples, over):
        rules = tuple(domain.texts)
        try:
            if rules in samples.refused:  # whatever the metric is
                raise RefusedError(samples.refused[rules])
            samples.begin()
            proven = _widened(samples, _proven(samples, domain, metric))
        except RefusedError as error:
            samples.refused[rules] = str(error)
            reasons.append(str(error))
        except NotProvenError as error:
            reasons.append(str(error))
        else:
            return replace(proven, refused=reasons[0] if reasons else "")
    name = samples.model.name
    raise InputError(f"{name}: no formula over {', '.join(over)} is proven: {reasons[0]}")


def check(model: SizedModel, formula: ModelFormula, sizes: Sizes) -> None:
    """Set the formula's value beside a trace at these sizes.

    Raises InputError where the formula is not for them or is wrong, and what the model raises where
    it does not take them.
    """
    value = formula.value(sizes)
    traced = find_metric(formula.metric).of(model.rows_at(sizes))
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


def _domains(samples: Samples, over: Mapping[str, Range | None]) -> Iterator[Domain]:
    """What may be free, from everything to nothing but the batch."""
    base = samples.model.base
    chosen = {name: given for name, given in over.items() if given is not None}
    # Models tell batches of one apart, where a copy is saved; they are tried at the end.
    open_sizes = {
        name: Range(2 if name == "n" else base[name])
        for name, given in over.items()
        if given is None
    }
    yield Domain(chosen | open_sizes)
    maps = [name for name in open_sizes if name != "n"]
    if not maps:
        return
    strides = _strides(samples.at(samples.own), base, maps)
    for factor in (1, 2, 4):
        steps = {name: Range(base[name], factor * strides[name]) for name in maps}
        yield Domain(chosen | open_sizes | steps)
    pair = tuple(maps)
    if len(pair) == 2 and base[pair[0]] == base[pair[1]]:
        steps = {name: Range(base[name], strides[name]) for name in maps}
        yield Domain(chosen | open_sizes | steps, (pair[0], pair[1]))
    fixed = {name: Range(base[name], 1, base[name]) for name in maps}
    if "n" in open_sizes:
        alone = {"n": Range(base["n"], 1, base["n"])}
        steps = {name: Range(base[name], strides[name]) for name in maps}
        yield Domain(chosen | open_sizes | fixed)
        yield Domain(chosen | open_sizes | steps | alone)


def _strides(rows: Sequence[Row], base: Sizes, names: Sequence[str]) -> dict[str, int]:
    """For each size, by how much the smallest map is smaller, where that is a whole number."""
    maps = [row.output[2:] for row in rows if row.stride] or [row.output[1:] for row in rows]
    extents = {size for shape in maps for size in shape}
    return {
        name: max(
            (base[name] // size for size in extents if base[name] % size == 0 and size > 1),
            default=1,
        )
        for name in names
    }


def _proven(samples: Samples, domain: Domain, metric: Metric) -> ModelFormula:
    """Found, and looked for again with every size at which it is wrong, until it holds."""
    points: list[Sizes] = []
    while len(points) < FIRST and (sizes := samples.new(domain, points)):
        points.append(sizes)
        # Where the model refuses these, or does something else, nothing more is traced.
        check_alike(samples, points[0], sizes, metric)
    points += _far(samples, domain, metric, points[0])
    held: list[Sizes] = []
    expressions, extents = fitted(samples, domain, points, metric)
    while len(held) < HELD_OUT:
        telling = (
            samples.telling(domain, extents.open)
            if extents.open and samples.left > HELD_OUT
            else None
        )
        sizes = telling or samples.new(domain, [*points, *held])
        if sizes is None:  # all that there are were traced, and fitted or right
            break
        check_alike(samples, points[0], sizes, metric)
        found = [metric.of([row]) for row in counted_rows(samples.at(sizes), metric)]
        if telling or [e.value(sizes) for e in expressions] != found:
            points += [*held, sizes]
            held = []
            expressions, extents = fitted(samples, domain, points, metric)
        else:
            held.append(sizes)
    rows = zip(counted_rows(samples.at(points[0]), metric), expressions, strict=True)
    return ModelFormula(
        samples.model.name,
        metric.name,
        domain,
        tuple(FormulaRow(row, expression) for row, expression in rows),
        tuple(points),
        tuple(held),
        len(samples.rows),
        samples.own,
        training=samples.model.training,
    )


def _far(samples: Samples, domain: Domain, metric: Metric, first: Sizes) -> list[Sizes]:
    """Sizes far from the model's own, as far as it takes them and does the same there."""
    found = []
    for sizes in samples.far(domain):
        try:
            check_alike(samples, first, sizes, metric)
        except (RefusedError, NotProvenError):
            continue
        found.append(sizes)
    return found


def _widened(samples: Samples, proven: ModelFormula) -> ModelFormula:
    """The formula on smaller sizes than those that it was found at, where it holds there too.

    The smallest is tried, then larger ones, and then one between it and the model's own.
    """
    ranges = dict(proven.domain.ranges)
    if "n" in ranges and not ranges["n"].is_fixed:
        ranges["n"] = replace(ranges["n"], least=1)
    domain = replace(proven.domain, ranges=ranges)
    own = {name: given.least for name, given in ranges.items()}
    if not _holds(samples, proven, own):
        return proven
    proven = replace(proven, domain=domain, held_out=(*proven.held_out, own))
    for share in (64, 8, 4, 2):
        smaller = {name: _smaller(name, given, share) for name, given in ranges.items()}
        wider = replace(domain, ranges=smaller)
        least = {name: given.least for name, given in smaller.items()}
        if least == own or samples.left < 2:
            break
        if _holds(samples, proven, least):
            between = {
                name: samples.random.randrange(least[name], own[name] + 1, given.step)
                for name, given in smaller.items()
            }
            if domain.square:
                between[domain.square[1]] = between[domain.square[0]]
            if _holds(samples, proven, between):
                held = (*proven.held_out, least, between)
                return replace(proven, domain=wider, held_out=held, traces=len(samples.rows))
    return replace(proven, traces=len(samples.rows))


def _smaller(name: str, given: Range, share: int) -> Range:
    """A range of an input's size that begins at a part of it."""
    if given.most is not None or name == "n":
        return given
    steps = (given.least - given.least // share) // given.step
    return replace(given, least=max(given.least - steps * given.step, 1))


def _holds(samples: Samples, proven: ModelFormula, sizes: Sizes) -> bool:
    """Whether the model does at these sizes, row by row, what the formula tells."""
    try:
        rows = counted_rows(samples.at(sizes), find_metric(proven.metric))
    except (NotProvenError, RefusedError):
        return False
    return [(row.path, row.op, getattr(row, proven.metric)) for row in rows] == [
        (row.row.path, row.row.op, row.expression.value(sizes)) for row in proven.rows
    ]
