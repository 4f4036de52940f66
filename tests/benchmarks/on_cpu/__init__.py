"""The sections of speed.py, each a module with CHECKS, a tuple of functions that take an `Asked` and give `Row`s.

Each is run by `on_gpu.child`, which makes the pack and the tests' helpers importable. Goals of speed hold for networks of full
size only: `least=asked.fits(1.35, None)`.
"""
