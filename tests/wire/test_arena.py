"""The arena: whatever is taken and given back, no two blocks overlap, and memory stays within its limit."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from procession.wire.arena import PAGE, Arena, Block, capacity_for

sizes = st.one_of(st.integers(1, 40 * PAGE), st.sampled_from([PAGE, 8 * PAGE, 9 * PAGE, 1000 * PAGE]))


@given(st.integers(1, 1 << 45))
def test_a_block_is_as_large_as_asked_and_hardly_larger(size: int) -> None:
    capacity = capacity_for(size)
    assert size <= capacity <= max(PAGE, size * 9 // 8 + PAGE)
    assert capacity % PAGE == 0
    assert capacity_for(capacity) == capacity


class Use(RuleBasedStateMachine):
    """A process that writes blocks, and others that see them for a while."""

    @initialize(limit=st.integers(1, 4000), kept=st.integers(0, 4000))
    def open(self, limit: int, kept: int) -> None:
        self.limit, self.kept = limit * PAGE, kept * PAGE
        self.arena = Arena(10 * PAGE, 1 << 30, self.limit, self.kept, self.cool)
        self.used: list[Block] = []
        self.warm: dict[int, int] = {}  # what the system has given, by offset

    def cool(self, block: Block) -> None:
        assert block not in self.used, "memory was taken from under somebody's eyes"
        del self.warm[block.offset]

    @rule(size=sizes, written=st.floats(0, 1))
    def take(self, size: int, written: float) -> None:
        block = self.arena.take(size)
        if block is None:
            assert sum(each.capacity for each in self.used) + capacity_for(size) > self.limit
            return
        assert block.capacity >= size and block.offset % PAGE == 0
        assert block.warm == self.warm.get(block.offset, 0)
        for other in self.used:
            assert other.offset + other.capacity <= block.offset or block.offset + block.capacity <= other.offset
        self.used.append(block)
        block.warm = max(block.warm, int(size * written))  # the system may run out of memory in the midst
        if block.warm:
            self.warm[block.offset] = block.warm

    @precondition(lambda self: self.used)
    @rule(pick=st.integers(0, 1000))
    def give(self, pick: int) -> None:
        self.arena.give(self.used.pop(pick % len(self.used)))

    @invariant()
    def counts_its_memory(self) -> None:
        if not hasattr(self, "arena"):
            return
        used = {block.offset for block in self.used}
        idle = sum(size for offset, size in self.warm.items() if offset not in used)
        assert self.arena.idle == idle <= self.kept
        assert self.arena.held == idle + sum(block.capacity for block in self.used) <= self.limit


TestUse = Use.TestCase
TestUse.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def test_memory_that_was_touched_is_used_again_first() -> None:
    cooled: list[Block] = []
    arena = Arena(0, 1 << 30, 100 * PAGE, 100 * PAGE, cooled.append)
    first, second = arena.take(10 * PAGE), arena.take(10 * PAGE)
    assert first is not None and second is not None
    first.warm = second.warm = 10 * PAGE
    arena.give(first)
    arena.give(second)
    assert arena.take(9 * PAGE) is second  # the one given back last is likeliest to be in the caches
    assert arena.take(10 * PAGE) is first
    assert cooled == []


def test_the_block_that_was_free_for_longest_loses_its_memory_first() -> None:
    cooled: list[Block] = []
    arena = Arena(0, 1 << 30, 20 * PAGE, 20 * PAGE, cooled.append)
    blocks = [arena.take(8 * PAGE), arena.take(12 * PAGE)]
    for block in blocks:
        assert block is not None
        block.warm = block.capacity
        arena.give(block)
    assert arena.take(16 * PAGE) is not None
    assert cooled == blocks
