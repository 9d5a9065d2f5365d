"""The few fused loops that measurement justified, each compiled and beside a plain twin.

:mod:`theory.kernels.sides`, :mod:`theory.kernels.filter_step` and :mod:`theory.kernels.gabor_sums` (both written in the
vectors of :mod:`theory.kernels.vector`), :mod:`theory.kernels.limits`, :mod:`theory.kernels.pattern` and
:mod:`theory.kernels.network` with :mod:`theory.kernels.wide` need numba, which takes a second to import and up to half
a minute to compile, once on a machine: whoever uses a kernel imports it there and then.
:mod:`theory.kernels.plain` and :mod:`theory.kernels.plain_pattern` hold the twins, in NumPy, of the same names and
arguments; that of the last two is :mod:`theory.objectives.extended_conv.plain`; :mod:`theory.kernels.constants` what
both have in common.
"""
