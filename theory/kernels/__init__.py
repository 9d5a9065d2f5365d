"""The few fused loops that measurement justified, each compiled and beside a plain twin.

:mod:`theory.kernels.sides`, :mod:`theory.kernels.filter_step` and :mod:`theory.kernels.vector`, the vectors that the
latter is written in, need numba, which takes a second to import and some more to compile, once on a machine: whoever
uses a kernel imports it there and then. :mod:`theory.kernels.plain` holds the twins, in NumPy, of the same names.
"""
