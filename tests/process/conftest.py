"""What the tests of processes share."""

from __future__ import annotations

from tests.helpers import leaks

# The standard library keeps the memory of Value and Array for the next ones.
leaks.ALLOWED_DESCRIPTORS.append(lambda descriptor, kept: descriptor.target.startswith("/dev/shm/pym-"))
