"""What the Python API takes for a model and for its input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, Union

from shufflenet_flops.errors import InputError, shown
from shufflenet_flops.sources import Options, Source, resolve
from shufflenet_flops.sources.inputs import Input, parse_input, shape_of

if TYPE_CHECKING:
    from torch import Tensor, nn

    from shufflenet_flops.closed_form.sized import SizedModel
    from shufflenet_flops.zoo import Model as ZooModel

Shape: TypeAlias = Sequence[int]
OneInput: TypeAlias = Union["Tensor", Shape, str, int]
# A shape or a tensor, several of them in the order of `forward`, or by its names.
ModelInput: TypeAlias = OneInput | Sequence[OneInput] | Mapping[str, OneInput]
AnyModel: TypeAlias = Union[str, Path, "nn.Module", "ZooModel"]


def source_of(
    model: AnyModel, input: ModelInput | None = None, args: Mapping[str, Any] | None = None
) -> Source:
    """The source of a module, of a network of the zoo, or of the text of a MODEL.

    Raises a ShufflenetFlopsError, one line, where that does not lead to a model.
    """
    if isinstance(model, str | Path):
        return resolve(str(model), Options(_shapes(model, input), dict(args or {})))
    if args:
        raise InputError(f"args={shown(args)}: are for a model that is named, and this one is made")
    from shufflenet_flops.zoo import Model as ZooModel

    if isinstance(model, ZooModel):
        from shufflenet_flops.sources.zoo_networks import on_inputs

        return on_inputs(model, _shapes(model.name, input))
    from torch import nn

    if isinstance(model, nn.Module):
        from shufflenet_flops.sources.torch_modules import given

        return given.find(model, _values(input))
    if isinstance(model, type) and issubclass(model, nn.Module):
        raise InputError(f"{model.__name__} is a class: make a module of it, as {model.__name__}()")
    if isinstance(model, list | tuple):
        raise InputError("a list is no model: give the models one by one, as in compare(a, b)")
    raise InputError(
        f"{shown(model)} is no model: give an nn.Module, or a name such as "
        '"resnet50", "net.py:Net" or "timm:resnet50"'
    )


def sized_model(
    model: AnyModel, input: ModelInput | None = None, args: Mapping[str, Any] | None = None
) -> SizedModel:
    """A model whose sizes may be chosen. Raises a ShufflenetFlopsError, as `source_of` does."""
    from shufflenet_flops.closed_form.sized import sized, sized_source

    if isinstance(model, str | Path):
        return sized(str(model), Options(_shapes(model, input), dict(args or {})))
    return sized_source(source_of(model, input, args))


def _shapes(model: object, value: ModelInput | None) -> tuple[Input, ...]:
    """Inputs of a model that is named, which is given shapes alone."""
    values = _values(value)
    if isinstance(values, Mapping):
        raise InputError(
            f"{model}: a model that is named takes its inputs in order, not by name: "
            "give a list of shapes"
        )
    return tuple(one if isinstance(one, Input) else _described(one) for one in values)


def _described(tensor: Any) -> Input:
    from shufflenet_flops.sources.torch_modules.module import describe

    return describe(tensor)


def _values(value: ModelInput | None) -> list[Any] | dict[str, Any]:
    """Every input as an Input or as the tensor, or whatever else, that is given."""
    if value is None:
        return []
    if isinstance(value, Mapping):
        return {str(name): _value(one) for name, one in value.items()}
    if not isinstance(value, list | tuple) or shape_of(value) is not None:
        return [_value(value)]
    return list(map(_value, value))


def _value(value: Any) -> Any:
    if isinstance(value, str):
        return parse_input(value)
    shape = shape_of(value)
    if shape is not None:
        return Input(shape)
    if _is_tensor(value) or isinstance(value, list | tuple | Mapping):
        return value
    if hasattr(value, "__array__"):  # numpy's, and what is like it
        from torch import as_tensor

        return as_tensor(value)
    raise InputError(
        f"input={shown(value)}: give a shape such as (1, 3, 224, 224), a tensor, a list of these, "
        "or a dict of them by the names of forward"
    )


def _is_tensor(value: Any) -> bool:
    from torch import Tensor

    return isinstance(value, Tensor)
