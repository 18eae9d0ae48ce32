"""Every network's time, predicted from the networks of other families."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.gpu_time.errors import Errors, Floats, errors
from benchmarks.gpu_time.predictors import PREDICTORS, Columns, Families, Fit, Predictor, columns
from benchmarks.gpu_time.published import Published, Sized
from benchmarks.gpu_time.traced import Traced, Traces, as_measured


@dataclass(frozen=True)
class Crossed:
    """One file's networks, their measured times, and what each predictor, by its title, says.

    `unknown` are the models of the file that no trace stands for.
    """

    setup: str
    on_cpu: bool
    networks: tuple[Traced, ...]
    families: Families
    measured: Floats
    predicted: Mapping[str, Floats]
    unknown: tuple[Sized, ...] = ()

    def errors(self, title: str) -> Errors:
        """Of one predictor."""
        return errors(self.predicted[title], self.measured)


def crossed(
    file: Published,
    traces: Traces,
    families: Mapping[str, str],
    predictors: Sequence[Predictor] = PREDICTORS,
) -> Crossed:
    """Each family of a file is left out once; `families` are by model."""
    found = {
        sized: as_measured(traces.get(sized, []), run.params_m) for sized, run in file.runs.items()
    }
    known = {sized: network for sized, network in sorted(found.items()) if network is not None}
    runs = [file.runs[sized] for sized in known]
    networks = tuple(known.values())
    measured = np.array([run.image_s for run in runs])
    groups = np.array([families[network.model] for network in networks])
    batches = [run.batch for run in runs]
    return Crossed(
        file.setup,
        file.on_cpu,
        networks,
        groups,
        measured,
        {
            predictor.title: _without_family(
                predictor.fit,
                columns([predictor.sums(network) for network in networks], batches),
                measured,
                groups,
            )
            for predictor in predictors
        },
        tuple(sorted(found.keys() - known.keys())),
    )


def _without_family(fit: Fit, table: Columns, measured: Floats, groups: Families) -> Floats:
    """Each network's time, by what was learnt from networks of other families."""
    predicted = np.empty(len(groups))
    for family in sorted(set(groups)):
        left_out = groups == family
        seen = table._replace(values=table.values[~left_out])
        fitted = fit(seen, measured[~left_out], groups[~left_out])
        predicted[left_out] = fitted(table.values[left_out])
    return predicted
