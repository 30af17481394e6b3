"""Bytes between two processes: how objects, functions and errors are written by one side and rebuilt by the other."""
