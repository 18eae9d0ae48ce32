"""Private names of torch and CPython: all that a trace uses, what for, and what it does without.

Where one is missing, as it may be in another version, tracing is slower or less exact in what it
says of a call, or raises a ModelError that names it; importing never fails. Callers go through this
module (`torch_private.name`), so that a test can take a name away.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from importlib import import_module
from operator import attrgetter
from types import FrameType
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from shufflenet_flops.errors import ModelError


def _find(module: str, *names: str) -> Any:
    """`module.name.name`, None where this version has no such thing."""
    try:
        owner: Any = import_module(module)
    except ImportError:
        return None
    for name in names:
        owner = getattr(owner, name, None)
    return owner


# The mode that is shown every aten op. Without it nothing can be traced, and that is said.
_DISPATCH_MODE = _find("torch.utils._python_dispatch", "TorchDispatchMode")

# Runs code that the mode of aten ops is not shown. Without it the mode is told to look away, which
# takes a trip to it for every op.
_DISABLE_DISPATCH = _find("torch._C", "_DisableTorchDispatch")

# Runs code that the mode of torch functions is not shown. Without it layers are not called past
# their own code (slower), and the shape that a module returns is asked for in its sight (harmless).
_DISABLE_FUNCTION = _find("torch._C", "DisableTorchFunction")

# How many modes are at work. Without it layers are called past those that a model enters by itself.
_DISPATCHING = _find("torch._C", "_len_torch_dispatch_stack")
_SHOWING = _find("torch._C", "_len_torch_function_stack")

# Whether hooks were set for all modules at once. Without it they might have been, and layers are
# not called past their own code (slower).
_HAS_GLOBAL_HOOK = _find("torch.nn.modules.module", "_has_any_global_hook")

# What `module(...)` runs: its hooks and its forward. Without it `forward` is watched, and rows of a
# hook belong to the module above.
CALL = "_call_impl" if _find("torch.nn", "Module", "_call_impl") else "forward"

# Whether a qualified name is an op of the dispatcher, and not of TorchScript alone. Without it no
# program from a file is run, as nothing tells a safe op from one that writes files.
_HAS_KERNEL = _find("torch._C", "_dispatch_has_kernel")

# How C++ makes an op of others. Without it they are those of torch's decompositions in Python.
_HAS_KERNEL_FOR = _find("torch._C", "_dispatch_has_kernel_for_dispatch_key")
_PARTS = _find("torch._C", "DispatchKey", "CompositeImplicitAutograd")

# The opcodes of CPython by number, and the code that is running. Without the first a plus sign is
# told from a call by the names that the calling code uses, without the second not at all.
_OPNAMES: Any = _find("opcode", "opname")
_GET_FRAME = _find("sys", "_getframe")

# Runs compiled modules as they were written. Without it (before torch 2.6) the compiler may take
# them, and the trace fails with its message.
_SET_STANCE = _find("torch.compiler", "set_stance")

# The transform of `torch.func` that is at work. Without it one is not noticed, and what a layer
# does under `vmap` may be counted for one sample, or predicted in all; what it wrapped is nobody's.
_TRANSFORM = _find("torch._C._functorch", "peek_interpreter_stack")
_IS_TRANSFORMED = _find("torch._C._functorch", "is_functorch_wrapped_tensor")
_UNWRAPPED = _find("torch._C._functorch", "get_unwrapped")
_BATCH = ("is_batchedtensor", "maybe_get_level", "maybe_get_bdim")
_IS_BATCHED, _LEVEL, _AXIS = (_find("torch._C._functorch", name) for name in _BATCH)

# The class of `cond`, `while_loop` and others. Without it a model that uses them is refused.
_HIGHER_ORDER = _find("torch._ops", "HigherOrderOperator")

# Which kernel attention takes, 0 for none. Without it gaps in tensors are not predicted.
_ATTENTION_KERNEL = _find("torch", "_fused_sdp_choice")

# The node of autograd that the backward pass is at, and the number of the next one. Without them
# what a backward pass does is counted, and belongs to no layer.
_RUNNING_NODE = _find("torch._C", "_current_autograd_node")
_NEXT_NODE = _find("torch.autograd", "_get_sequence_nr")


Hide = Callable[[], AbstractContextManager[Any]]


class _NoMode:
    """Stands for the mode of aten ops in a torch that has none."""

    def __init__(self) -> None:
        raise ModelError(
            f"torch {torch.__version__} has no torch.utils._python_dispatch.TorchDispatchMode, "
            "without which no forward pass can be watched: use another version of torch"
        )


class DispatchMode(_DISPATCH_MODE or _NoMode):  # type: ignore[misc]  # mypy asks for a base that it knows, and this one is looked for at import
    """A mode that is shown every aten op, save those that run within `unseen()`."""

    def __init__(self) -> None:
        super().__init__()
        self.looks_away = 0
        self.unseen: Hide = _DISABLE_DISPATCH or self._looking_away

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        # torch would import its compiler, most of a second, to keep it away from this mode. A torch
        # that does not ask imports it, and is slower.
        return False

    @contextmanager
    def _looking_away(self) -> Any:
        self.looks_away += 1
        try:
            yield
        finally:
            self.looks_away -= 1


# How many modes of aten ops, and of torch functions, are at work; 0 where nobody can tell.
dispatch_modes: Callable[[], int] = _DISPATCHING or int
function_modes: Callable[[], int] = _SHOWING or int

# Within it, the mode of torch functions sees nothing; see `can_hide_functions`.
without_functions: Hide = _DISABLE_FUNCTION or nullcontext


def can_hide_functions() -> bool:
    """Whether `without_functions` does what it says."""
    return _DISABLE_FUNCTION is not None


def has_global_hooks() -> bool:
    """Whether hooks were set for all modules at once; True where nobody can tell."""
    return _HAS_GLOBAL_HOOK is None or bool(_HAS_GLOBAL_HOOK())


def has_hooks(own: Mapping[str, Any]) -> bool:
    """Whether a module of these attributes has hooks of its own; True where nobody can tell."""
    names = "_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"
    return any(own.get(name, True) for name in names)


def _parts(private: str, public: str) -> Callable[[nn.Module], Mapping[str, Any]]:
    """Gives what a module holds of one kind: torch's own dict, else made by a public iterator."""
    if hasattr(nn.Module(), private):
        return attrgetter(private)
    own = {} if public == "named_children" else {"recurse": False}
    return lambda module: dict(getattr(module, public)(**own))


# What a module holds itself, by name; None for a name that is kept free. Without torch's own dicts,
# public iterators give the same, more slowly.
children_of = _parts("_modules", "named_children")
parameters_of = _parts("_parameters", "named_parameters")
buffers_of = _parts("_buffers", "named_buffers")


def schema_of(op: Any) -> Any:
    """What torch says of an op's arguments; None where it says nothing, or this is no op."""
    return getattr(op, "_schema", None)


@cache
def arguments_of(op: Any) -> tuple[tuple[str, Any], ...]:
    """Names and defaults of an op's arguments, in order.

    Raises ModelError where torch keeps no schema with the op: without it no call can be read.
    """
    schema = schema_of(op)
    if schema is None:
        raise ModelError(
            f"torch {torch.__version__} says nothing of the arguments of {op} (it has no _schema), "
            "without which no call can be read: use another version of torch"
        )
    return tuple((argument.name, argument.default_value) for argument in schema.arguments)


Written: TypeAlias = tuple[tuple[int, str], ...]  # positions and names


@cache
def written_arguments(op: Any) -> Written:
    """Positions and names of the arguments that an op writes to; none where torch says nothing."""
    arguments = getattr(schema_of(op), "arguments", ())
    return tuple((place, each.name) for place, each in enumerate(arguments) if each.is_write)


# The transform of `torch.func` that is at work, such as `vmap`; None where nobody can tell.
transform: Callable[[], Any] = _TRANSFORM or (lambda: None)


def is_transformed(tensor: Tensor) -> bool:
    """Whether a transform of `torch.func` has wrapped the tensor; False where nobody can tell."""
    return _IS_TRANSFORMED is not None and bool(_IS_TRANSFORMED(tensor))


def untransformed(tensor: Tensor) -> Tensor:
    """What the transforms of `torch.func` have wrapped; the tensor itself where nobody can tell."""
    while _UNWRAPPED is not None and is_transformed(tensor):
        tensor = _UNWRAPPED(tensor)
    return tensor


def samples_of(tensors: Iterable[Tensor]) -> tuple[int, ...]:
    """How many samples each `vmap` runs as one where these are used, from the outermost."""
    sizes: dict[int, int] = {}  # by the level of nested transforms
    for tensor in tensors if None not in (_UNWRAPPED, _IS_BATCHED, _LEVEL, _AXIS) else ():
        while is_transformed(tensor):
            inner = _UNWRAPPED(tensor)
            if _IS_BATCHED(tensor):
                sizes[_LEVEL(tensor)] = inner.shape[_AXIS(tensor)]
            tensor = inner
    return tuple(sizes[level] for level in sorted(sizes))


def is_higher_order(function: Any) -> bool:
    """Whether it is one of torch's operators that take functions; False where nobody can tell."""
    return _HIGHER_ORDER is not None and isinstance(function, _HIGHER_ORDER)


def has_attention_kernel(*args: Any, **kwargs: Any) -> bool:
    """Whether attention of these is one kernel; True where nobody can tell."""
    return _ATTENTION_KERNEL is None or _ATTENTION_KERNEL(*args, **kwargs) != 0


def taken_apart(op: Any, args: Any, kwargs: Any) -> Any:
    """What an op gives by the ops that it is made of, NotImplemented where it is made of none."""
    is_made = _HAS_KERNEL_FOR is not None and _HAS_KERNEL_FOR(op.name(), _PARTS)
    return op._op_dk(_PARTS, *args, **kwargs) if is_made else op.decompose(*args, **kwargs)


def has_kernel(qualified: str) -> bool:
    """Whether the dispatcher has an op of this name, such as `aten::add.Tensor`.

    Raises ModelError where torch does not tell.
    """
    if _HAS_KERNEL is None:
        raise ModelError(
            "this torch has no torch._C._dispatch_has_kernel to tell safe ops: use another version"
        )
    return bool(_HAS_KERNEL(qualified))


def next_node() -> int:
    """The number that the next node of autograd will have; 0 where nobody can tell."""
    return 0 if _NEXT_NODE is None else int(_NEXT_NODE())


KEEPS_GRADIENT = 2**64 - 1  # the number of every node that adds to a parameter's gradient


def running_node() -> int | None:
    """The number of the node that the backward pass is at; None where nobody can tell."""
    node = None if _RUNNING_NODE is None else _RUNNING_NODE()
    return None if node is None else int(node._sequence_nr())


def calling_frame(depth: int) -> FrameType | None:
    """The frame `depth` calls above the caller's own; None where the interpreter tells nothing."""
    return None if _GET_FRAME is None else _GET_FRAME(depth + 1)


def is_sign(frame: FrameType) -> bool:
    """Whether the frame is at an arithmetic sign such as `+`, not at a call."""
    code: Any = getattr(frame.f_code, "co_code", None)
    return bool(code and _OPNAMES and _OPNAMES[code[frame.f_lasti]] == "BINARY_OP")


def uncompiled() -> AbstractContextManager[Any]:
    """Within it, compiled modules and functions run as they were written."""
    if "torch._dynamo" not in sys.modules or _SET_STANCE is None:
        return nullcontext()
    stance: Callable[[str], AbstractContextManager[Any]] = _SET_STANCE
    return stance("force_eager")


def without_recompile_limit() -> AbstractContextManager[Any]:
    """Within it, torch's compiler makes as many versions of one code as are asked for.

    Past its limit it quietly runs them as they were written; without its settings that stays so.
    """
    config = _find("torch._dynamo", "config")
    limits = dict.fromkeys(("recompile_limit", "accumulated_recompile_limit"), 10**5)
    if config is None or not all(hasattr(config, name) for name in limits):
        return nullcontext()
    patched: AbstractContextManager[Any] = config.patch(**limits)
    return patched
