"""Budgets of predicted time: each model's, from a committed calibration, the same on every run."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING

from shufflenet_flops.budget.config import Config
from shufflenet_flops.budget.count import Subject, told
from shufflenet_flops.budget.limit import Limit
from shufflenet_flops.budget.timing import Key
from shufflenet_flops.budget.verdict import Verdict
from shufflenet_flops.counting.metric import TIME
from shufflenet_flops.running.foreign import contained

if TYPE_CHECKING:
    from shufflenet_flops.latency.predict.prediction import Prediction, Predictor

_LOG = logging.getLogger(__name__)
Predictions = Mapping[Key, Verdict]
NONE: Predictions = MappingProxyType({})


def predict_models(config: Config, subjects: Sequence[Subject]) -> Predictions:
    """The verdict on every subject that has a limit on its predicted time."""
    engine = _Engine(config)
    return {
        (subject.block.order, limit): engine.verdict(subject, limit)
        for subject in subjects
        if subject.block
        for limit in subject.entry.limits
        if limit.metric == TIME.key
    }


class _Engine:
    """The engine of a configuration, learned from its calibration once, where it is needed."""

    def __init__(self, config: Config) -> None:
        self.config = config

    @cached_property
    def predictor(self) -> Predictor:
        from shufflenet_flops.latency.predict.prediction import Predictor
        from shufflenet_flops.latency.predict.shipped import find_calibration

        return Predictor(find_calibration(self.config.engine, self.config.calibration)[0])

    @cached_property
    def doubts(self) -> str:
        """In what this machine and engine differ from the calibration's."""
        from shufflenet_flops.latency.predict.prediction import doubts_here

        return "; ".join(doubts_here(self.predictor.calibration))

    def verdict(self, subject: Subject, limit: Limit) -> Verdict:
        assert subject.source is not None
        try:
            with contained():
                verdict = hold(self.predictor.predict(subject.source), subject.name, limit)
                hints = filter(None, (verdict.hint, self.doubts))
                return replace(verdict, hint="; ".join(hints))
        except Exception as error:
            _LOG.debug("%s cannot be predicted:", subject.name, exc_info=True)
            return Verdict(subject.name, TIME.key, "error", told(error))


def hold(prediction: Prediction, name: str, limit: Limit) -> Verdict:
    """The verdict on a predicted time; what no calibrated kernel is like may take any time."""
    from shufflenet_flops.latency.predict.conformal import MOST_UNCOVERED

    actual, allowed = prediction.predicted_s, float(limit.value)
    is_over = actual > allowed
    message = f"predicted {1e3 * actual:.3g} ms {'>' if is_over else '≤'} {limit}"
    if prediction.low_s is not None and prediction.high_s is not None:
        low, high = 1e3 * prediction.low_s, 1e3 * prediction.high_s
        message += f", {low:.3g} to {high:.3g} with 90 % confidence"
    verdict = Verdict(
        name,
        TIME.key,
        "over" if is_over else "ok",
        f"{message}, on {prediction.calibration.name}",
        actual=actual,
        limit=allowed,
        delta=actual - allowed,
    )
    if is_over:
        hint = "make it faster, or raise `time` and say why in `reason`"
        return replace(verdict, hint=hint)
    strange = (*prediction.uncovered, *prediction.unknown_ops)
    if 1 - prediction.covered > MOST_UNCOVERED or prediction.unknown_ops:
        return replace(
            verdict,
            status="unknown",
            message=f"{verdict.message}, with what no measured kernel is like: "
            f"{', '.join(strange)}",
            hint='its time is a guess: have `level = "warn"` to accept it',
        )
    return verdict
