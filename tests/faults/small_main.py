"""The main module of the fault table, in place of pytest's: workers of spawn and forkserver run it once more.

Running pytest's own in each of them would take 0.2 s a worker.
"""

if __name__ == "__main__":
    raise SystemExit("this module is only for the workers of tests/faults")
