"""Vectors for numba: one number of each of several frames, in one register of the processor.

A `Vector` is LLVM's `<lanes x element>`, as wide as this machine's registers.
`+ - *` work lane by lane, with plain numbers too, and a product that is added may be fused with the
addition (one rounding fewer). Nothing else of IEEE 754 is relaxed: NaN and infinity stay.

Offsets are in elements of a one-dimensional array, and are not checked.
"""

import operator
import platform
from typing import Any

import numba
from llvmlite import binding, ir
from numba.core import cgutils, types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, models, register_model

_FUSE = ("contract",)
# What the bits of a float are made of: width, those of the fraction, bias, and the fraction of
# sqrt(1/2), where mantissas begin.
_LAYOUT = {
    types.float64: (64, 52, 1023, 0x6A09E667F3BCD),
    types.float32: (32, 23, 127, 0x3504F3),
}


def _processor() -> set[str]:
    """What numba compiles for: the names of this processor's features."""
    features = numba.config.CPU_FEATURES
    if features is None:
        return {name for name, has in binding.get_host_cpu_features().items() if has}
    return {name[1:] for name in features.split(",") if name.startswith("+")}


def lanes(itemsize: int) -> int:
    """How many numbers of so many bytes a vector holds: what this machine's registers do."""
    wide = _processor()
    size = 64 if "avx512f" in wide else 32 if "avx" in wide else 16
    return size // itemsize


def rounds_to_half() -> bool:
    """Whether there is an instruction that rounds to half precision; every ARM64 has one."""
    return "f16c" in _processor() or platform.machine() in {"aarch64", "arm64"}


class Vector(types.Type):
    """The numba type of `lanes` numbers of type `element`."""

    def __init__(self, element: types.Number, lanes: int) -> None:
        self.element, self.lanes = element, lanes
        super().__init__(f"Vector({element}, {lanes})")


@register_model(Vector)
class _Model(models.PrimitiveModel):
    def __init__(self, dmm: Any, fe_type: Vector) -> None:
        element = dmm.lookup(fe_type.element).get_value_type()
        super().__init__(dmm, fe_type, ir.VectorType(element, fe_type.lanes))


class _LaneByLane(AbstractTemplate):
    def generic(self, args: tuple[Any, ...], kws: dict[str, Any]) -> Any:
        """A vector and a vector, or a vector and a number, in either order."""
        vectors = [one for one in args if isinstance(one, Vector)]
        others = [one for one in args if not isinstance(one, Vector)]
        if not vectors or len(args) != 2 or not all(isinstance(o, types.Number) for o in others):
            return None
        vector = vectors[0]
        return signature(vector, *(a if isinstance(a, Vector) else vector.element for a in args))


def _splat(builder: Any, value: Any, vector: ir.VectorType) -> Any:
    one = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.IntType(32)(0))
    mask = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    return builder.shuffle_vector(one, ir.Constant(vector, ir.Undefined), mask)


def _lower(symbol: Any, instruction: str) -> None:
    infer_global(symbol)(type(f"_{instruction}", (_LaneByLane,), {"key": symbol}))

    def implement(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        whole = context.get_value_type(sig.return_type)
        pair = [
            value if isinstance(kind, Vector) else _splat(builder, value, whole)
            for kind, value in zip(sig.args, args, strict=True)
        ]
        return getattr(builder, instruction)(*pair, flags=_FUSE)

    for kinds in ((Vector, Vector), (Vector, types.Number), (types.Number, Vector)):
        lower_builtin(symbol, *kinds)(implement)


for _symbol, _instruction in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
):
    _lower(_symbol, _instruction)


def _pointer(context: Any, builder: Any, array_type: Any, array: Any, offset: Any) -> Any:
    data = context.make_array(array_type)(context, builder, array).data
    return builder.gep(data, [offset])


def _at(builder: Any, pointer: Any, lanes: int) -> Any:
    whole = ir.VectorType(pointer.type.pointee, lanes)
    return builder.bitcast(pointer, whole.as_pointer())


def _align(array_type: Any) -> int:
    return int(array_type.dtype.bitwidth) // 8


def _convert(builder: Any, value: Any, source: Any, target: Any) -> Any:
    """Lanes of number type `source` as `target`; uint16 is half precision, bit by bit."""
    count = value.type.count
    if source == target:
        return value
    if target == types.uint16:
        if source == types.float64:  # through float32, as numpy's own steps here would go
            value = builder.fptrunc(value, ir.VectorType(ir.FloatType(), count))
        half = builder.fptrunc(value, ir.VectorType(ir.HalfType(), count))
        return builder.bitcast(half, ir.VectorType(ir.IntType(16), count))
    whole = ir.VectorType(ir.DoubleType() if target == types.float64 else ir.FloatType(), count)
    if source == types.int16:
        return builder.sitofp(value, whole)
    if source == types.float32:
        return builder.fpext(value, whole)
    return builder.fptrunc(value, whole)


@intrinsic
def zeros(typing: Any, like: Any) -> Any:
    """A full register of zeros of the element type of the array `like`."""
    vector = Vector(like.dtype, lanes(like.dtype.bitwidth // 8))

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return ir.Constant(context.get_value_type(vector), None)

    return signature(vector, like), generate


@intrinsic
def load(typing: Any, like: Any, array: Any, offset: Any) -> Any:
    """As many elements from `offset` on as the vector `like` has lanes, as its element type."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _pointer(context, builder, sig.args[1], args[1], args[2])
        value = builder.load(_at(builder, pointer, like.lanes), align=_align(array))
        return _convert(builder, value, array.dtype, like.element)

    return signature(like, like, array, types.intp), generate


@intrinsic
def store(typing: Any, array: Any, offset: Any, vector: Any) -> Any:
    """Write all lanes from `offset` on, rounded to the array's type (uint16: half precision)."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _pointer(context, builder, sig.args[0], args[0], args[1])
        value = _convert(builder, args[2], vector.element, array.dtype)
        builder.store(value, _at(builder, pointer, vector.lanes), align=_align(array))
        return context.get_dummy_value()

    return signature(types.void, array, types.intp, vector), generate


@intrinsic
def store_first(typing: Any, array: Any, offset: Any, vector: Any, count: Any) -> Any:
    """As `store`, of the first `count` lanes alone: what lies behind them is not touched."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _pointer(context, builder, sig.args[0], args[0], args[1])
        value = _convert(builder, args[2], vector.element, array.dtype)
        counters = ir.VectorType(ir.IntType(64), vector.lanes)
        mask = builder.icmp_signed(
            "<",
            ir.Constant(counters, list(range(vector.lanes))),
            _splat(builder, args[3], counters),
        )
        target = _at(builder, pointer, vector.lanes)
        name = f"llvm.masked.store.v{vector.lanes}{_llvm_name(value.type.element)}.p0"
        align = ir.IntType(32)(_align(array))
        kinds = [value.type, target.type, align.type, mask.type]
        function = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(ir.VoidType(), kinds), name
        )
        builder.call(function, [value, target, align, mask])
        return context.get_dummy_value()

    return signature(types.void, array, types.intp, vector, types.intp), generate


def _llvm_name(element: Any) -> str:
    if isinstance(element, ir.IntType):
        return f"i{element.width}"
    return "f64" if isinstance(element, ir.DoubleType) else "f32"


@intrinsic
def larger(typing: Any, vector: Any, bound: Any) -> Any:
    """The larger of each lane and a number; NaN where the lane is NaN."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        level = _splat(builder, args[1], args[0].type)
        return builder.select(builder.fcmp_ordered("<", args[0], level), level, args[0])

    return signature(vector, vector, vector.element), generate


@intrinsic
def largest_bits(typing: Any, seen: Any, vector: Any) -> Any:
    """The larger of each two lanes that are at least 0, or NaN, or infinite.

    Their bits are compared as whole numbers, in which infinity is above every number, NaN above
    infinity, and no NaN gets lost.
    """

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        width = _LAYOUT[vector.element][0]
        bits = ir.VectorType(ir.IntType(width), vector.lanes)
        pair = [builder.bitcast(value, bits) for value in args]
        return builder.select(builder.icmp_unsigned(">", *pair), *args)

    return signature(vector, vector, vector), generate


@intrinsic
def exponent_and_mantissa(typing: Any, vector: Any) -> Any:
    """(e, m) of each lane x = m 2^e, normal and above 0, with m from sqrt(1/2) to sqrt(2)."""
    width, fraction, bias, root = _LAYOUT[vector.element]

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        whole = ir.VectorType(ir.IntType(width), vector.lanes)

        def constant(value: int) -> Any:
            return ir.Constant(whole, [value] * vector.lanes)

        bits = builder.bitcast(args[0], whole)
        # Counting from sqrt(1/2) instead of 1: a larger fraction carries into the exponent.
        shifted = builder.add(bits, constant((1 << fraction) - root))
        exponent = builder.lshr(shifted, constant(fraction))
        back = builder.shl(builder.sub(exponent, constant(bias)), constant(fraction))
        mantissa = builder.bitcast(builder.sub(bits, back), args[0].type)
        # A whole number below 2^fraction is the low bits of 2^fraction plus that number.
        offset = constant((bias + fraction) << fraction)
        number = builder.bitcast(builder.or_(exponent, offset), args[0].type)
        minus = ir.Constant(args[0].type, [2.0**fraction + bias] * vector.lanes)
        exponent = builder.fsub(number, minus)
        return context.make_tuple(builder, sig.return_type, (exponent, mantissa))

    return signature(types.UniTuple(vector, 2), vector), generate


@intrinsic
def transpose_tile(
    typing: Any, like: Any, target: Any, to: Any, row: Any, source: Any, start: Any, step: Any
) -> Any:
    """target[to + row * i + j] = source[start + step * j + i] for i, j in as many as lanes.

    In log2(lanes) rounds of interleaving: of two vectors (a0 a1 ..) and (b0 b1 ..), the halves of
    (a0 b0 a1 b1 ..).
    """
    count = like.lanes

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        _, _, to, row, _, start, step = args
        vectors = []
        for j in range(count):
            offset = builder.add(start, builder.mul(step, step.type(j)))
            pointer = _pointer(context, builder, sig.args[4], args[4], offset)
            vectors.append(builder.load(_at(builder, pointer, count), align=_align(source)))
        mask = ir.VectorType(ir.IntType(32), count)
        halves = [
            ir.Constant(mask, [first + i // 2 + (count if i % 2 else 0) for i in range(count)])
            for first in (0, count // 2)
        ]
        for _ in range(count.bit_length() - 1):
            # Vector i meets vector i + count / 2; each round doubles what is together.
            half = count // 2
            vectors = [
                builder.shuffle_vector(vectors[i], vectors[i + half], which)
                for i in range(half)
                for which in halves
            ]
        for i in range(count):
            offset = builder.add(to, builder.mul(row, row.type(i)))
            pointer = _pointer(context, builder, sig.args[1], args[1], offset)
            value = _convert(builder, vectors[i], source.dtype, target.dtype)
            builder.store(value, _at(builder, pointer, count), align=_align(target))
        return context.get_dummy_value()

    intp = types.intp
    return signature(types.void, like, target, intp, intp, source, intp, intp), generate


@intrinsic
def width(typing: Any, vector: Any) -> Any:
    """How many lanes."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return context.get_constant(types.intp, vector.lanes)

    return signature(types.intp, vector), generate


@intrinsic
def item(typing: Any, array: Any, offset: Any) -> Any:
    """One element, as it is: indexing would look for negative offsets first."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load(_pointer(context, builder, sig.args[0], *args))

    return signature(array.dtype, array, types.intp), generate
