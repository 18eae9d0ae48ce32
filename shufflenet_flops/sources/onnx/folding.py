"""Values of few elements, worked out from the values of others: what decides a shape."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from shufflenet_flops.sources.onnx.elements import FEW_ELEMENTS

if TYPE_CHECKING:
    from onnx import NodeProto

# Operators that sizes are worked out by. Each is done by ONNX's own reference; none opens anything.
FOLDED = frozenset(
    """
    Abs Add And ArgMax ArgMin BitwiseAnd BitwiseNot BitwiseOr BitwiseXor BitShift Cast CastLike Ceil
    Clip Compress Concat Constant ConstantOfShape CumSum Div Equal Exp Expand Flatten Floor Gather
    GatherElements GatherND Greater GreaterOrEqual Identity IsInf IsNaN Less LessOrEqual Log Max
    Mean Min Mod Mul Neg NonZero Not OneHot Or Pad Pow Range Reciprocal ReduceMax ReduceMean
    ReduceMin ReduceProd ReduceSum Reshape Round ScatterElements ScatterND Sign Slice Split Sqrt
    Squeeze Sub
    Sum Tile TopK Transpose Trilu Unique Unsqueeze Where Xor
    """.split()
)
# Those whose result is no larger than their operand, though only values tell how large.
SHRINKING = frozenset({"Compress", "NonZero", "Unique"})


@cache
def _operator(op_type: str, version: int) -> Any:
    from onnx.reference.ops import load_op

    return load_op("", op_type, version)


def fold(node: NodeProto, version: int, values: Sequence[Any]) -> tuple[Any, ...] | None:
    """The results for these values, None where they have none, as for a division by zero.

    The caller has seen to it that operands and results are of few elements.
    """
    import numpy as np

    run = {"log": _say_nothing, "opsets": {"": version}, "verbose": 0, "new_ops": None}
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            results = _operator(node.op_type, version)(node, run).run(*values)
    except Exception:  # whatever numpy and the reference raise for values that do not fit
        return None
    arrays = tuple(np.asarray(result) for result in results)
    return arrays if all(array.size <= FEW_ELEMENTS * 32 for array in arrays) else None


def _say_nothing(*args: Any) -> None:
    pass
