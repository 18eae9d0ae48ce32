"""Models that are built for the size of their images, which an argument of their factory tells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shufflenet_flops.closed_form.sized import SizedModel, Sizes
from shufflenet_flops.counting import Row
from shufflenet_flops.errors import ShufflenetFlopsError

# What factories call the size of the images that a model is for, as height and width or one number.
_NAMES = ("img_size", "image_size", "input_size")


@dataclass(frozen=True)
class BuiltModel(SizedModel):
    """A model that is built anew for each size of its images; `argument` tells its factory which.

    With `square`, height and width are one number.
    """

    argument: str = ""
    square: bool = False

    def args_at(self, sizes: Sizes) -> dict[str, Any]:
        h, w = ({**self.base, **sizes}[name] for name in "hw")
        return {**super().args_at(sizes), self.argument: h if self.square else (h, w)}

    @property
    def how(self) -> str:
        return f"built for each size, with {self.argument} = {'h' if self.square else '(h, w)'}"


def built_for_size(model: SizedModel, rows: Sequence[Row]) -> BuiltModel | None:
    """The model that is built for each size; None where its factory has no argument for it.

    It is one where the model that is built so for its own size has the same `rows` as without.
    """
    own = {name: model.base[name] for name in "hw" if len(model.places.get(name, ())) == 1}
    if len(own) < 2:
        return None
    for argument in _NAMES:
        for square in (False, True):
            if argument in model.given_args or (square and own["h"] != own["w"]):
                continue
            built = BuiltModel(**vars(model), argument=argument, square=square)
            try:
                if list(built.rows_at(own)) == list(rows):
                    return built
            except ShufflenetFlopsError:
                continue
    return None
