"""A vector of the processor as a value in compiled code: load, broadcast, multiply-add, store.

numba leaves it to LLVM to find vectors in scalar loops, which it does not in a product of narrow matrices. Here they
are said outright. How many numbers a vector has is the length of a tuple, ``lanes``, since numba compiles anew for
every type of argument: :func:`lanes_for` gives the one that this processor likes. No index is checked.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba.core import cgutils, types
from numba.extending import intrinsic, models, register_model


def lanes_for(dtype: Any, columns: int) -> tuple[int, ...]:
    """The widest vector of the processor, or half of it if that leaves less empty. Zeros: only its length counts."""
    whole = _bytes() // np.dtype(dtype).itemsize
    return (0,) * (whole // 2 if 0 < columns % whole <= whole // 2 else whole)


@functools.cache
def _bytes() -> int:
    return 64 if binding.get_host_cpu_features().get("avx512f") else 32


class Vector(types.Type):
    """``count`` numbers of one floating-point type."""

    def __init__(self, element: Any, count: int) -> None:
        self.element, self.count = element, count
        super().__init__(name=f"Vector({element}, {count})")


@register_model(Vector)
class _Model(models.PrimitiveModel):
    def __init__(self, manager: Any, vector: Vector) -> None:
        element = ir.FloatType() if vector.element == types.float32 else ir.DoubleType()
        super().__init__(manager, vector, ir.VectorType(element, vector.count))


def _place(context: Any, builder: Any, array_type: Any, array: Any, index: Any) -> Any:
    return builder.gep(cgutils.create_struct_proxy(array_type)(context, builder, array).data, [index])


def _splat(builder: Any, number: Any, count: int) -> Any:
    vector, index = ir.VectorType(number.type, count), ir.IntType(32)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), number, ir.Constant(index, 0))
    none = ir.Constant(vector, ir.Undefined)
    return builder.shuffle_vector(first, none, ir.Constant(ir.VectorType(index, count), [0] * count))


@intrinsic
def load(typing, array, index, lanes):
    """``lanes`` entries of a flat array from ``index`` on."""
    vector = Vector(array.dtype, lanes.count)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _place(context, builder, array, arguments[0], arguments[1])
        found = builder.load(builder.bitcast(place, context.get_value_type(vector).as_pointer()))
        found.align = array.dtype.bitwidth // 8
        return found

    return vector(array, types.intp, lanes), build


@intrinsic
def load_first(typing, array, index, count, lanes):
    """The first ``count`` entries from ``index`` on, and zeros; no memory beyond them is touched."""
    vector = Vector(array.dtype, lanes.count)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = context.get_value_type(vector)
        place = builder.bitcast(_place(context, builder, array, arguments[0], arguments[1]), kind.as_pointer())
        index = ir.IntType(32)
        numbers = ir.Constant(ir.VectorType(index, lanes.count), list(range(lanes.count)))
        mask = builder.icmp_signed("<", numbers, _splat(builder, builder.trunc(arguments[2], index), lanes.count))
        name = f"llvm.masked.load.v{lanes.count}f{array.dtype.bitwidth}.p0"
        signature = ir.FunctionType(kind, [place.type, index, mask.type, kind])
        function = cgutils.get_or_insert_function(builder.module, signature, name)
        align = ir.Constant(index, array.dtype.bitwidth // 8)
        return builder.call(function, [place, align, mask, ir.Constant(kind, [0.0] * lanes.count)])

    return vector(array, types.intp, types.intp, lanes), build


@intrinsic
def store(typing, array, index, vector):
    """Write the vector into a flat array from ``index`` on."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = _place(context, builder, array, arguments[0], arguments[1])
        done = builder.store(arguments[2], builder.bitcast(place, arguments[2].type.as_pointer()))
        done.align = array.dtype.bitwidth // 8
        return context.get_dummy_value()

    return types.none(array, types.intp, vector), build


@intrinsic
def spread(typing, array, index, lanes):
    """One entry of a flat array in every lane."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return _splat(builder, builder.load(_place(context, builder, array, arguments[0], arguments[1])), lanes.count)

    return Vector(array.dtype, lanes.count)(array, types.intp, lanes), build


@intrinsic
def zeros(typing, array, lanes):
    """A vector of zeros of the array's type."""
    vector = Vector(array.dtype, lanes.count)

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return ir.Constant(context.get_value_type(vector), [0.0] * lanes.count)

    return vector(array, lanes), build


@intrinsic
def fma(typing, a, b, c):
    """a b + c, rounded once."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = arguments[0].type
        name = f"llvm.fma.v{a.count}f{a.element.bitwidth}"
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind] * 3), name)
        return builder.call(function, arguments)

    return a(a, a, a), build


@intrinsic
def add(typing, a, b):
    """a + b."""
    return a(a, a), lambda context, builder, signature, arguments: builder.fadd(*arguments)


@intrinsic
def sub(typing, a, b):
    """a − b."""
    return a(a, a), lambda context, builder, signature, arguments: builder.fsub(*arguments)


@intrinsic
def mul(typing, a, b):
    """a b."""
    return a(a, a), lambda context, builder, signature, arguments: builder.fmul(*arguments)


@intrinsic
def where_active(typing, a, b):
    """b where a ≥ 0 or is NaN, 0 elsewhere."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        nothing = ir.Constant(arguments[0].type, [0.0] * a.count)
        return builder.select(builder.fcmp_ordered("<", arguments[0], nothing), nothing, arguments[1])

    return a(a, a), build


@intrinsic
def total(typing, a):
    """The sum of the lanes, halves first: always in the same order."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        rest, count, index = arguments[0], a.count, ir.IntType(32)
        while count > 1:
            count //= 2
            low, high = (
                builder.shuffle_vector(
                    rest,
                    ir.Constant(rest.type, ir.Undefined),
                    ir.Constant(ir.VectorType(index, count), list(range(start, start + count))),
                )
                for start in (0, count)
            )
            rest = builder.fadd(low, high)
        return builder.extract_element(rest, ir.Constant(index, 0))

    return a.element(a), build


def _add_two(builder: Any, a: Any, b: Any, low: list[int], high: list[int]) -> Any:
    """The sum of two selections from a and b, whose numbers are counted on from a's to b's."""
    kind = ir.VectorType(ir.IntType(32), len(low))
    return builder.fadd(*(builder.shuffle_vector(a, b, ir.Constant(kind, places)) for places in (low, high)))


@intrinsic
def store_totals(typing, array, index, a, b, c, d):
    """Write the sums of the lanes of four vectors, one after the other: fewer shuffles than for each by itself."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        n, (first, second, third, fourth) = a.count, arguments[2:]
        half = [*range(n // 2), *range(n, n + n // 2)]
        ab, cd = (
            _add_two(builder, x, y, half, [i + n // 2 for i in half]) for x, y in ((first, second), (third, fourth))
        )
        quarter = [i + start for start in (0, n // 2, n, n + n // 2) for i in range(n // 4)]
        rest = _add_two(builder, ab, cd, quarter, [i + n // 4 for i in quarter])
        while n > 4:
            n //= 2
            low = [i + start for start in range(0, 2 * n, n // 2) for i in range(n // 4)]
            rest = _add_two(builder, rest, rest, low, [i + n // 4 for i in low])
        place = builder.bitcast(_place(context, builder, array, *arguments[:2]), rest.type.as_pointer())
        builder.store(rest, place).align = array.dtype.bitwidth // 8
        return context.get_dummy_value()

    return types.none(array, types.intp, a, b, c, d), build


@intrinsic
def prefetch(typing, array, index):
    """Ask for the line of memory with this entry, which need not exist."""

    def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        place = builder.bitcast(_place(context, builder, array, *arguments), ir.IntType(8).as_pointer())
        flag = ir.IntType(32)
        signature = ir.FunctionType(ir.VoidType(), [place.type, flag, flag, flag])
        function = cgutils.get_or_insert_function(builder.module, signature, "llvm.prefetch.p0")
        builder.call(function, [place, ir.Constant(flag, 0), ir.Constant(flag, 3), ir.Constant(flag, 1)])
        return context.get_dummy_value()

    return types.none(array, types.intp), build
