"""Mixed precision: the casts that `torch.autocast` makes on the CPU, made for stand-ins.

Torch makes them in its dispatcher, by the device of a tensor, and knows none for the meta device.
The lists are those of torch's autocast_mode.cpp for the CPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from shufflenet_flops.trace.arguments import map_tensors, tensors_of
from shufflenet_flops.trace.lifetimes import Lifetimes
from shufflenet_flops.trace.state import State

Arguments = tuple[tuple[Any, ...], dict[str, Any]]

# Functions by what they are called in torch, in torch.nn.functional and as methods: those of
# products run in the lower type, those that lose too much by it in float32, and those that join
# tensors in the wider type of their arguments.
_LOWER = frozenset(
    """
    conv1d conv2d conv3d conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d linear matmul
    __matmul__ __rmatmul__ mm bmm addmm addbmm baddbmm _addmm_activation linalg_vecdot vecdot prelu
    scaled_dot_product_attention _native_multi_head_attention
    chain_matmul linalg_matmul linalg_multi_dot multi_dot tensordot inner
    """.split()
)
_FLOAT32 = frozenset(
    """
    adaptive_avg_pool3d adaptive_max_pool3d avg_pool3d binary_cross_entropy
    binary_cross_entropy_with_logits cdist cholesky cholesky_inverse cholesky_solve
    cosine_embedding_loss cross_entropy cross_entropy_loss ctc_loss fake_quantize_per_tensor_affine
    fractional_max_pool2d fractional_max_pool3d geqrf grid_sample grid_sampler grid_sampler_2d
    grid_sampler_3d hinge_embedding_loss huber_loss inverse kl_div l1_loss lu_solve
    margin_ranking_loss max_pool3d max_unpool2d max_unpool3d mse_loss multi_margin_loss
    multilabel_margin_loss nanquantile nll_loss nll_loss2d orgqr ormqr pinverse poisson_nll_loss
    polar prod qr quantile reflection_pad1d reflection_pad2d replication_pad1d replication_pad2d
    replication_pad3d smooth_l1_loss soft_margin_loss stft svd trace triangular_solve
    triplet_margin_loss view_as_complex
    fft_fft fft_fft2 fft_fftn fft_hfft fft_ifft fft_ifft2 fft_ifftn fft_ihfft fft_irfft fft_irfft2
    fft_irfftn fft_rfft fft_rfft2 fft_rfftn linalg_cholesky linalg_cholesky_ex linalg_cond
    linalg_eig linalg_eigh linalg_eigvals linalg_eigvalsh linalg_householder_product linalg_inv
    linalg_inv_ex linalg_lstsq linalg_matrix_rank linalg_matrix_sqrth linalg_qr linalg_solve
    linalg_svd linalg_svdvals linalg_tensorinv linalg_tensorsolve
    """.split()
)
_WIDEST = frozenset("cat concat concatenate stack hstack vstack dstack index_copy".split())
# Whose steps are cast one by one, in between what keeps its type.
_STEP_BY_STEP = frozenset("lstm gru rnn_tanh rnn_relu lstm_cell gru_cell rnn_tanh_cell".split())
# All functions whose arguments are cast.
CASTING = _LOWER | _FLOAT32 | _WIDEST
_PADS = frozenset({"reflect", "replicate"})


def is_on() -> bool:
    """Whether a forward pass is within autocast."""
    return torch.is_autocast_enabled("cpu")


class Autocast:
    """The casts of one trace.

    Within one context of autocast a parameter is cast once, and what it was cast to is kept until
    the context is left, for which `leave` is to be asked. It stands for the parameter.
    """

    def __init__(self, state: State, lifetimes: Lifetimes | None, *, values: bool) -> None:
        self._state, self._lifetimes, self._values = state, lifetimes, values
        self.kept: dict[int, tuple[Tensor, Tensor]] = {}
        self._storages: set[int] = set()  # of what is kept
        self.is_casting = False

    @contextmanager
    def apart(self) -> Iterator[None]:
        """Within it, what is cast is kept for itself."""
        kept, storages = dict(self.kept), set(self._storages)
        try:
            yield
        finally:
            self._state.release(self._storages - storages)
            self.kept, self._storages = kept, storages

    def leave(self) -> None:
        """Let go of what was kept if the context is left."""
        if self.kept and not is_on():
            self._state.release(self._storages)
            self.kept.clear()
            self._storages.clear()

    def is_kept(self, x: Tensor) -> bool:
        """Whether a tensor shows a parameter as it was cast."""
        return bool(self._storages) and x.untyped_storage()._cdata in self._storages

    def arguments(self, function: str, args: Any, kwargs: Any) -> Arguments:
        """The arguments of a torch function as it takes them within autocast.

        Real ones too, which torch would cast out of sight in what a trace keeps whole. Raises
        NotImplementedError, as torch does where stand-ins will not do, for a function whose steps
        are cast one by one.
        """
        function = function.partition(".")[0]  # `linear.default` in a graph
        if function in _STEP_BY_STEP and not self._values:
            raise NotImplementedError(f"autocast takes {function} step by step")
        dtype = _dtype_of(function, args, kwargs)
        if dtype is None:
            return args, kwargs
        self.is_casting = True
        try:
            # As the compiler of C++ has it, the last comes first.
            named = [(name, self._cast(value, dtype)) for name, value in reversed(kwargs.items())]
            listed = [self._cast(arg, dtype) for arg in reversed(args)]
        finally:
            self.is_casting = False
        return tuple(reversed(listed)), dict(reversed(named))

    def _cast(self, value: Any, dtype: torch.dtype) -> Any:
        return map_tensors(lambda x: self._of(x, dtype), value)

    def _of(self, x: Tensor, dtype: torch.dtype) -> Tensor:
        if not x.is_floating_point() or x.dtype in (torch.float64, dtype):
            return x
        is_kept = (
            dtype is torch.get_autocast_dtype("cpu")
            and x.dtype is torch.float32
            and x.requires_grad
            and x.is_leaf
            and not x._is_view()
            and torch.is_autocast_cache_enabled()
        )
        if is_kept and id(x) in self.kept:
            return self.kept[id(x)][1]
        y = x.to(dtype)
        if is_kept:
            y.requires_grad_()  # also where no gradients are worked out, as it may serve later
            self.kept[id(x)] = x, y
            self._storages.add(y.untyped_storage()._cdata)
            self._state.stand_in(x, y)
            if self._lifetimes is not None:
                self._lifetimes.is_cast(y)
        return y


def _is_product(args: Any) -> bool:
    """Whether an einsum sums over what two operands share, which is a product of matrices."""
    if not args or not isinstance(args[0], str):
        return True
    inputs, _, output = args[0].replace(" ", "").partition("->")
    letters = "".join(operand for part in inputs.split(",") for operand in set(part))
    return any(
        letters.count(letter) > 1 and letter not in output for letter in set(letters) - {"."}
    )


def _dtype_of(function: str, args: Any, kwargs: Any) -> torch.dtype | None:
    """The type that a function's arguments are cast to; None where they stay as they are."""
    lower = torch.get_autocast_dtype("cpu")
    if function in _LOWER or (function == "einsum" and _is_product(args)):
        return lower
    if function in _FLOAT32 or (function == "pad" and _PADS & {*args[2:3], kwargs.get("mode")}):
        return torch.float32
    if function in _WIDEST:
        wide = any(x.dtype is torch.float32 for x in tensors_of((args, kwargs)))
        return torch.float32 if wide else lower
    return None
