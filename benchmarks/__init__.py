"""Benchmarks: procession beside its peers, each cell in a process of its own. Run `python -m benchmarks --help`."""
