"""A model as a function of sizes: those of its inputs by name, and arguments of its factory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import prod
from typing import TYPE_CHECKING, Any, TypeAlias

from shufflenet_flops.counting import Kind, Row
from shufflenet_flops.counting.trained import ALL
from shufflenet_flops.errors import InputError
from shufflenet_flops.sources import Counted, Options, Source, resolve
from shufflenet_flops.sources.inputs import MAX_ELEMENTS, Input
from shufflenet_flops.sources.resolve import is_built_by_code

if TYPE_CHECKING:
    from torch import Tensor, nn

    from shufflenet_flops.trace.trace import Trace

Sizes = Mapping[str, int]
Place = tuple[int, int]  # of which input, which axis
# The source for arguments of the factory, on inputs.
Build: TypeAlias = Callable[[Mapping[str, Any], tuple["Input", ...]], "Source"]

# By the number of axes, as torch's layers name them: images, clips, signals, tokens.
_AXES: Mapping[int, str] = {2: "ns", 3: "ncl", 4: "nchw", 5: "ncthw"}
# The same of models that read tokens: embedded ones, and caches of keys and values, of so many
# tokens in each head, of one layer or of all. Layers fix what has no name.
_AXES_OF_TOKENS: Mapping[int, str] = {2: "ns", 3: "nsc", 4: "n-p-", 5: "-n-p-"}
# Caches that have the tokens before the heads.
_TOKENS_FIRST: Mapping[int, str] = {**_AXES_OF_TOKENS, 4: "np--", 5: "-np--"}
_FILES = (".onnx", ".pt2")


@dataclass(frozen=True)
class SizedModel:
    """A model whose sizes may be chosen.

    `places` are the axes that each named size of the inputs has, `base` the sizes that the model is
    given by default; `at` is its source at others, which may also be arguments of its factory.
    `given_args` are arguments that the user chose. With `training` its rows are those of a
    training step.
    """

    source: Source
    places: Mapping[str, tuple[Place, ...]]
    base: Sizes
    given_args: Mapping[str, Any]
    build: Build = field(repr=False)
    training: bool = False

    @property
    def name(self) -> str:
        """What the user calls the model."""
        return self.source.name

    @property
    def sizes(self) -> list[str]:
        """The sizes that a formula is over by default: all but channels, which layers fix."""
        return [name for name in self.places if name != "c"]

    def at(self, sizes: Sizes) -> Source:
        """The model at these sizes, at its own for the rest.

        Raises a ShufflenetFlopsError where it cannot be built with them.
        """
        shapes = [list(given.shape) for given in self.source.inputs]
        for name, size in sizes.items():
            for which, axis in self.places.get(name, ()):
                shapes[which][axis] = size
        inputs = tuple(
            replace(given, shape=tuple(shape))
            for given, shape in zip(self.source.inputs, shapes, strict=True)
        )
        for given in inputs:
            if prod(given.shape) >= MAX_ELEMENTS:
                raise InputError(f"{given}: more elements than a tensor can have")
        return self.build(self.args_at(sizes), inputs)

    def args_at(self, sizes: Sizes) -> dict[str, Any]:
        """The arguments of the factory that these sizes give."""
        return {name: size for name, size in sizes.items() if name not in self.places}

    @property
    def how(self) -> str:
        """How it comes to other sizes, where that is more than to be given other inputs."""
        return ""

    def rows_at(self, sizes: Sizes) -> Sequence[Row]:
        """The rows at these sizes, from shapes alone: no kernel runs, however large they are.

        Raises a ShufflenetFlopsError where the model does not take them.
        """
        from shufflenet_flops.sources.zoo_networks import ZooSource

        source = self.at(sizes)
        if self.training:
            return source.step(ALL)[1].table.rows
        if isinstance(source, ZooSource) or not source.can_run:
            return rows_of(source.counted)
        from shufflenet_flops.sources.torch_modules.module import ModuleSource

        assert isinstance(source, ModuleSource)
        return rows_of(source.trace_without_values())


def rows_of(found: Counted | Trace) -> list[Row]:
    """The rows, and one more for parameters that no row uses, where there are such."""
    rows = found.table.rows
    unused = found.params - found.table.params
    return [*rows, Row("(unused)", "", Kind.MOVE, (), (), {}, unused)] if unused else [*rows]


def sized(text: str, options: Options) -> SizedModel:
    """The model that MODEL names. Raises a ShufflenetFlopsError, as `resolve` does."""
    source = resolve(text, options)

    def build(args: Mapping[str, Any], inputs: tuple[Input, ...]) -> Source:
        if args and not is_built_by_code(text):
            raise _no_such(source, args)
        if args:
            chosen = resolve(text, replace(options, args={**options.args, **args}))
            return resized(chosen, inputs)
        if text.endswith(_FILES):
            return resolve(text, replace(options, inputs=inputs))
        return resized(base, inputs)

    base = _built_once(source)
    return _subject(source, options.args, build)


def sized_source(source: Source) -> SizedModel:
    """The model of a source that is there already."""
    base = _built_once(source)

    def build(args: Mapping[str, Any], inputs: tuple[Input, ...]) -> Source:
        if args:
            raise _no_such(source, args)
        return resized(base, inputs)

    return _subject(source, {}, build)


def _no_such(source: Source, args: Mapping[str, Any]) -> InputError:
    names = " and ".join(args)
    return InputError(f"{source.name}: no size of its inputs is called {names}")


def _subject(source: Source, args: Mapping[str, Any], build: Build) -> SizedModel:
    places = _places(source.inputs, _axes(source))
    base = {name: source.inputs[which].shape[axis] for name, ((which, axis), *_) in places.items()}
    return SizedModel(source, places, base, args, build)


def _axes(source: Source) -> Mapping[int, str]:
    if not _reads_tokens(source):
        return _AXES
    return _TOKENS_FIRST if _has_tokens_first(source) else _AXES_OF_TOKENS


def _has_tokens_first(source: Source) -> bool:
    """Whether new keys and values are joined to a cache's along the axis after the batch.

    Or whether attention is over all of a cache, with that axis as its tokens.
    """
    caches = [given.shape[-4:] for given in source.inputs if len(given.shape) in (4, 5)]
    rows = source.counted.table.rows if caches else ()
    for n, tokens, heads, width in caches:
        as_given, turned = (n, tokens, heads, width), (n, heads, tokens, width)
        for row in rows:
            if row.op == "cat" and as_given in row.inputs:
                return row.output[1] > tokens
            if row.op == "cat" and turned in row.inputs:
                return row.output[2] > tokens
            if row.op == "scaled_dot_product_attention" and turned in row.operands[1:3]:
                return True
    return False


def _reads_tokens(source: Source) -> bool:
    """Whether its first input is whole numbers by text, or what a layer takes token by token."""
    first = source.inputs[0] if source.inputs else None
    if first is None or len(first.shape) not in (2, 3):
        return False
    if len(first.shape) == 2:
        return "int" in first.dtype
    rows = source.counted.table.rows
    takes = (row.kind for row in rows if row.weighted and row.inputs[:1] == (first.shape,))
    return next(takes, Kind.MOVE) in (Kind.LINEAR, Kind.NORM)


def _places(inputs: Sequence[Input], axes: Mapping[int, str]) -> dict[str, tuple[Place, ...]]:
    """The axes by name. Inputs share a name where they share the size, as the batch.

    An axis of another size is called by its name and the number of its input: s2.
    """
    places: dict[str, tuple[Place, ...]] = {}
    for which, given in enumerate(inputs):
        for axis, name in enumerate(axes.get(len(given.shape), "")):
            if name == "-":
                continue
            first = places.get(name)
            if first and inputs[first[0][0]].shape[first[0][1]] != given.shape[axis]:
                name = f"{name}{which + 1}"
            places[name] = (*places.get(name, ()), (which, axis))
    return places


def resized(source: Source, inputs: tuple[Input, ...]) -> Source:
    """The same model on inputs of other sizes; the values of real ones are repeated."""
    from shufflenet_flops.sources.zoo_networks import ZooSource, on_inputs

    if isinstance(source, ZooSource):
        return on_inputs(source.model, inputs)
    from shufflenet_flops.sources.torch_modules.module import ModuleSource

    assert isinstance(source, ModuleSource)
    if source.given is None:
        return replace(source, inputs=inputs)
    left = list(inputs)
    given = tuple(_resized(value, left) for value in source.given)
    return replace(source, inputs=inputs, given=given)


def _resized(value: Any, left: list[Input]) -> Any:
    """`value` with each tensor in the shape that is next in `left`, which is taken from it."""
    from torch import Tensor

    if isinstance(value, Tensor):
        return _repeated(value, left.pop(0))
    if isinstance(value, Mapping):
        return {key: _resized(item, left) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(_resized(item, left) for item in value)
    return value


def _repeated(tensor: Tensor, wanted: Input) -> Tensor:
    import torch

    for axis, size in enumerate(wanted.shape):
        if size != tensor.shape[axis]:
            index = torch.arange(size) % tensor.shape[axis]
            tensor = tensor.index_select(axis, index.to(tensor.device))
    return tensor


def _built_once(source: Source) -> Source:
    """A source that builds its module once for each device on which it is asked to."""
    from shufflenet_flops.sources.zoo_networks import ZooSource

    if isinstance(source, ZooSource) or not source.can_run:
        return source
    import torch

    from shufflenet_flops.sources.torch_modules.module import ModuleSource

    assert isinstance(source, ModuleSource)
    build, built = source.build, dict[str, "nn.Module"]()

    def once() -> nn.Module:
        device = torch.get_default_device().type
        if device not in built:
            built[device] = build()
        return built[device]

    return replace(source, build=once)
