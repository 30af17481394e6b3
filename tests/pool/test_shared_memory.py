"""A block of shared memory outlives the workers that looked into it, under every start method."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.helpers.scripts import Finished

SCRIPT = """
    import sys
    import procession
    from procession.shared_memory import SharedMemory

    def write(arguments):
        name, place = arguments
        block = SharedMemory(name)
        block.buf[place] = place
        block.close()

    if __name__ == "__main__":
        block = SharedMemory(create=True, size=8)
        for _ in range(2):  # workers that have ended must not have taken it along
            with procession.Pool(2, context=sys.argv[1] if sys.argv[1:] else None) as pool:
                pool.map(write, [(block.name, place) for place in range(8)], chunksize=1)
                pool.close()
                pool.join()
        print(list(block.buf[:8]))
        block.close()
        block.unlink()
"""


@pytest.mark.short
def test_block_outlives_the_workers_that_used_it(run_script: Callable[..., Finished], start_method: str | None) -> None:
    ended = run_script(SCRIPT, arguments=[start_method] if start_method else [])
    assert (ended.stdout, ended.stderr, ended.returncode) == ("[0, 1, 2, 3, 4, 5, 6, 7]\n", "", 0)
