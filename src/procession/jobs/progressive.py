"""Progressive JPEGs: leave out what a decoder at one eighth of the size would decode and throw away.

Knows: JPEG's frames and scans (ITU T.81) and how libjpeg scales.
Must not know: Pillow.

At 1/8 a block of 8 x 8 becomes one pixel: the mean, which is the DC coefficient. A progressive file holds DC and AC
coefficients in scans of their own, and decoding the AC scans is most of the work: without those of the full-size
components the seven progressive photographs among the examples take 127 ms in place of 266. Components stored at half
the size become 2 x 2 pixels a block, so theirs stay. libjpeg blurs a picture whose AC scans are missing; an AC scan in
a few bytes that says "all zero" keeps it from that, and the result equals that of the whole file in every pixel.
"""

from __future__ import annotations

from typing import NamedTuple

from procession.jobs import jpeg

SHRINK = 8  # the only scale at which a block is its mean
_RUNS = 15  # symbols 0x00, 0x10 ... 0xE0: "this many blocks end here", up to 2**15 - 1 of them


class Component(NamedTuple):
    """One colour of a frame: its number and how many blocks it has."""

    number: int
    blocks: int
    full_size: bool


def without_detail(data: bytes) -> bytes | None:
    """Give a JPEG that decodes to the same picture at 1/8 of its size; None if this is not a file for that.

    Args:
        data: A whole JPEG file.
    """
    try:
        return _without_detail(data)
    except IndexError:  # a header that ends early
        return None


def _without_detail(data: bytes) -> bytes | None:
    kept = [data[:2]]
    full_size: dict[int, Component] = {}
    position = 2
    while (segment := jpeg.segment_at(data, position)) is not None:
        marker, begin, end = segment
        if marker == jpeg.END:
            return b"".join([*kept, *_all_zero(full_size), data[begin:end]]) if full_size else None
        if marker == jpeg.PROGRESSIVE:
            full_size = {part.number: part for part in _components(data[begin + 4 : end]) if part.full_size}
        if marker != jpeg.SCAN or not _is_detail(data, begin, full_size):
            kept.append(data[begin:end])
        position = end
    return None


def _components(frame: bytes) -> list[Component]:
    """Read the components of a frame header; none if a size is left open."""
    height, width = int.from_bytes(frame[1:3], "big"), int.from_bytes(frame[3:5], "big")
    if not height or not width:
        return []
    entries = [(frame[at], frame[at + 1] >> 4, frame[at + 1] & 15) for at in range(6, 6 + 3 * frame[5], 3)]
    if not entries or not all(h and v for _, h, v in entries):
        return []
    across, down = max(entry[1] for entry in entries), max(entry[2] for entry in entries)
    return [
        Component(number, -(-width * h // across // -8) * -(-height * v // down // -8), (h, v) == (across, down))
        for number, h, v in entries
    ]


def _is_detail(data: bytes, position: int, full_size: dict[int, Component]) -> bool:
    """Tell whether a scan holds AC coefficients of a component of full size (AC scans have one component each)."""
    components = data[position + 4]
    first_coefficient = data[position + 5 + 2 * components]
    return first_coefficient > 0 and data[position + 5] in full_size


def _all_zero(components: dict[int, Component]) -> list[bytes]:
    """Build scans that say of each component that all of its AC coefficients are zero."""
    table = bytes([0x13, 0, 0, 0, _RUNS, *bytes(12), *(run << 4 for run in range(_RUNS))])  # AC, number 3: 4-bit codes
    segments = [jpeg.framed(jpeg.RESTART, bytes(2)), jpeg.framed(jpeg.TABLES, table)]
    for part in components.values():
        segments += [jpeg.framed(jpeg.SCAN, bytes([1, part.number, 0x03, 1, 63, 0])), _ended_blocks(part.blocks)]
    return segments


def _ended_blocks(blocks: int) -> bytes:
    """Encode that `blocks` blocks in a row have no coefficient."""
    bits = []
    while blocks:
        size = min(blocks.bit_length() - 1, _RUNS - 1)
        run = min(blocks, (2 << size) - 1)
        bits.append(f"{size:04b}" + (f"{run - (1 << size):0{size}b}" if size else ""))
        blocks -= run
    text = "".join(bits)
    text += "1" * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\x00")
