"""Benchmarks: one script each, run as `python -m benchmarks.NAME`; results are kept in `benchmarks/results/`."""
