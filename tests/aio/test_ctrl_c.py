"""Ctrl-C in a program on an event loop: it ends at once, and so do its workers."""

from __future__ import annotations

import signal

import pytest

pytestmark = pytest.mark.limit(60)

SCRIPT = """
import asyncio, os, signal, sys, time
import procession.aio

async def endless():
    number = 0
    while True:
        yield number
        number += 1

async def main():
    async with procession.aio.Pool(2) as pool:
        print(await pool.apply(os.getpid), flush=True)
        asyncio.get_running_loop().call_later(0.2, os.kill, os.getpid(), signal.SIGINT)
        {body}

if __name__ == "__main__":
    asyncio.run(main())
"""
BODIES = {
    "apply": "await pool.apply(time.sleep, 60)",
    "map": "await pool.map(time.sleep, [60] * 4)",
    "stream": "_ = [each async for each in pool.stream(hash, endless(), ordered=False) if each < 0]",
    "the end": "other = asyncio.create_task(pool.apply(time.sleep, 60)); await asyncio.sleep(0)",
}


@pytest.mark.parametrize("name", BODIES)
def test_ctrl_c_ends_the_program_and_its_workers(run_script, name: str) -> None:
    done = run_script(SCRIPT.format(body=BODIES[name]))
    assert done.returncode == -signal.SIGINT, done.stderr
    assert "KeyboardInterrupt" in done.stderr
    assert done.stdout
