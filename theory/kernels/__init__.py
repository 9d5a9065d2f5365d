"""The few fused loops that measurement justified, each compiled and beside a plain twin.

:mod:`theory.kernels.sides` and :mod:`theory.kernels.pattern` need numba, which takes a second to import and as long or,
for the second, half a minute to compile, once: whoever uses a kernel imports it there and then.
:mod:`theory.kernels.plain` and :mod:`theory.kernels.plain_pattern` hold the twins, in NumPy, of the same names and
arguments.
"""
