"""The few fused loops that measurement justified, each compiled and beside a plain twin.

:mod:`theory.kernels.sides` needs numba, which takes a second to import and as long to compile: whoever uses a kernel
imports it there and then. :mod:`theory.kernels.plain` holds the twins, in NumPy, of the same names and arguments.
"""
