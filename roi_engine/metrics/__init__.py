"""Kernels: arrays in, arrays out, one formula each. NumPy and SciPy only, no clock, no I/O.

Missing results are NaN in here and NULL in the marts. Every kernel works row by row: what it
says of one row does not depend on the other rows that it was given.
"""
