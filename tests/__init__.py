"""The tests of procession: folders mirror the floors of `src/procession`."""
