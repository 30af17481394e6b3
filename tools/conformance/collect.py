"""Print the names of a suite's tests, a line each: `python collect.py SUITE`."""

import sys
import unittest


def names(tests):
    for each in tests:
        if isinstance(each, unittest.TestSuite):
            yield from names(each)
        else:
            yield each.id()


for name in names(unittest.defaultTestLoader.loadTestsFromName(sys.argv[1])):
    print(name)
