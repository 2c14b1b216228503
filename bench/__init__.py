"""Benchmarks: each figure that Holdfast promises, measured beside its physical limit in the same run.

    python -m bench [NAME ...] [--quick] [--json] [--strict]

``figures/`` has one module per figure, ``contenders/`` the ways to write a turn that race each other, and ``harness/``
what they share. Ratios travel between machines; absolute figures belong to the machine, and to its load, on which they
were taken.
"""
