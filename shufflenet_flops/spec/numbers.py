"""What a number is here, and the few operations that must know what kind they meet.

Everything else in `spec` is written with `+ * //` alone and so works on all kinds.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeAlias, TypeGuard

from shufflenet_flops.errors import SpecError


class Arithmetic(Protocol):
    """What an int shares with a sympy expression, an integer array and an interval.

    The other operand is of the same kind or an int.
    """

    def __add__(self, other: Any, /) -> Any: ...
    def __radd__(self, other: Any, /) -> Any: ...
    def __sub__(self, other: Any, /) -> Any: ...
    def __rsub__(self, other: Any, /) -> Any: ...
    def __mul__(self, other: Any, /) -> Any: ...
    def __rmul__(self, other: Any, /) -> Any: ...
    def __floordiv__(self, other: Any, /) -> Any: ...
    def __rfloordiv__(self, other: Any, /) -> Any: ...
    def __mod__(self, other: Any, /) -> Any: ...
    def __rmod__(self, other: Any, /) -> Any: ...
    def __truediv__(self, other: Any, /) -> Any: ...
    def __neg__(self) -> Any: ...


Number: TypeAlias = int | Arithmetic
Shape: TypeAlias = tuple[Number, ...]


def is_array(value: object) -> TypeGuard[Any]:
    """Whether `value` holds many numbers at once."""
    return hasattr(value, "dtype")


def is_no_number(value: object) -> bool:
    """Whether `value` is what is easily given in place of a whole number."""
    return value is None or isinstance(value, float | str | tuple | list)


def is_equal(a: Number, b: Number) -> bool:
    """Whether two numbers are known to be equal: of arrays, the very same one is."""
    if isinstance(a, int) and isinstance(b, int):
        return a == b
    return a is b or (not (is_array(a) or is_array(b)) and bool(a == b))


def whole(value: Number) -> int:
    """The number as the int that it is. Raises TypeError for a symbol or an array."""
    if not isinstance(value, int):
        raise TypeError(f"{value} is no int")
    return value


def exact_div(a: Number, b: Number) -> Number:
    """a / b where b divides a: an int for ints, `a/b` for symbols, an array for arrays.

    Raises SpecError where b does not divide a.
    """
    if isinstance(a, int) and isinstance(b, int):
        if b == 0:
            raise SpecError(f"{a} cannot be divided by 0: the divisor must be at least 1")
        quotient, remainder = divmod(a, b)
        if remainder:
            raise SpecError(f"{a} is not divisible by {b}; {_nearest(a, b)}")
        return quotient
    if a is b:
        return 1
    if is_array(a) or is_array(b):
        check_divisible("a", a, "b", b)
        return a // b
    symbolic: Any = a
    quotient_of_symbols: Number = symbolic / b
    return quotient_of_symbols


def check_divisible(name: str, value: Number, divisor_name: str, divisor: Number) -> None:
    """Raise SpecError unless `divisor` divides `value`; symbols pass where it cannot be decided."""
    check_at_least(divisor_name, divisor, 1)
    if value is divisor:
        return
    remainder: Any = value % divisor
    if isinstance(remainder, int):
        if remainder:
            raise SpecError(
                f"{name}={value} must be divisible by {divisor_name}={divisor}; "
                f"{_nearest(whole(value), whole(divisor))}"
            )
    elif is_array(remainder):
        _check_array(remainder == 0, f"{name} must be divisible by {divisor_name}")
    elif remainder.is_zero is False:
        raise SpecError(f"{name}={value} must be divisible by {divisor_name}={divisor}")


def check_at_least(name: str, value: Number, minimum: int) -> None:
    """Raise SpecError unless value >= minimum; symbols pass where it cannot be decided."""
    symbolic: Any = value
    if isinstance(value, int):
        if value < minimum:
            raise SpecError(f"{name}={value} is too small: it must be at least {minimum}")
    elif is_array(value):
        _check_array(value >= minimum, f"{name} must be at least {minimum}")
    elif is_no_number(value):
        raise SpecError(f"{name}={value!r} must be a whole number")
    elif (symbolic - minimum).is_negative:
        raise SpecError(f"{name}={value} is too small: it must be at least {minimum}")


def check_equal(name: str, value: Number, other_name: str, other: Number) -> None:
    """Raise SpecError unless value == other; symbols pass where it cannot be decided."""
    symbolic: Any = value
    if value is other:
        return
    if is_array(value) or is_array(other):
        _check_array(value == other, f"{name} must equal {other_name}")
    elif isinstance(value, int) and isinstance(other, int):
        if value != other:
            raise SpecError(f"{name}={value} must equal {other_name}={other}")
    elif is_no_number(value) or is_no_number(other):
        raise SpecError(f"{name}={value!r} must equal {other_name}={other!r}, a whole number")
    elif (symbolic - other).is_zero is False:
        raise SpecError(f"{name}={value} must equal {other_name}={other}")


def indicator(flag: Number) -> Number:
    """1 where `flag` holds and 0 where not: a bool, a boolean array or a relation of symbols.

    A relation that its symbols leave open gives a sympy.Piecewise.
    """
    if isinstance(flag, bool):
        return int(flag)
    if hasattr(flag, "is_Boolean"):
        if flag in (True, False):
            return int(bool(flag))
        import sympy

        either: Number = sympy.Piecewise((1, flag), (0, True))
        return either
    return flag


def nearest_multiples(value: int, step: int) -> tuple[int, ...]:
    """The positive multiples of `step` on either side of `value`."""
    below = value // step * step
    return tuple(multiple for multiple in (below, below + step) if multiple > 0)


def _nearest(value: int, step: int) -> str:
    near = nearest_multiples(value, step)
    return f"nearest {'is' if len(near) == 1 else 'are'} {' and '.join(map(str, near))}"


def _check_array(holds: Any, rule: str) -> None:
    if not holds.all():
        raise SpecError(f"{rule}: {(~holds).sum()} of {holds.size} configurations are not", ~holds)
