"""Tests of `Process`, contexts and the namespace of multiprocessing."""
