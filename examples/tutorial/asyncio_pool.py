"""Only here: a pool on an event loop, with results as they come and a task that is a coroutine function."""

import asyncio
import sys

import procession.aio


def square(number):
    return number * number


async def halve(number):
    await asyncio.sleep(0)
    return number / 2


async def main(method):
    async with procession.aio.Pool(2, context=method) as pool:
        print(await asyncio.gather(*(pool.apply(square, number) for number in range(4))))
        print([result async for result in pool.stream(halve, range(4))])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1] if sys.argv[1:] else None))
