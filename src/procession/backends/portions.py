"""What a worker is told: portions of items, with the functions and the globals that it lacks.

Knows: how items and functions are pickled, what each worker was already sent.
Must not know: who decided what it gets, and how it ends.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from procession.backends.base import Function, Portion, Watch
from procession.backends.link import Link
from procession.model.errors import InputNotPicklable, InternalError
from procession.model.light import TYPE_CHECKING, Any
from procession.model.task import Style
from procession.wire import codec, exceptions
from procession.wire.frames import Kind
from procession.wire.functions import MAIN, NO_NAMES, Packed, Shipper
from procession.wire.store import LARGE, Store

if TYPE_CHECKING:
    from procession.wire.blocks import Stored

KEPT_FUNCTIONS = 64  # functions that a worker remembers
KEPT_FUNCTION_BYTES = 1 << 25  # of them; each new one takes the place of one old one
NEVER = b""  # an item that could not be pickled: rebuilding this fails, and the parent knows why


class Portions:
    """Writes portions to workers' channels.

    Args:
        shipper: Pickles, and knows what of the main module a worker lacks.
        watch: Told when a channel takes no more for now.
        store: Where large buffers are.
    """

    def __init__(self, shipper: Shipper, watch: Watch, store: Store) -> None:
        self.shipper = shipper
        self._store = store
        self._watch = watch

    def send(self, link: Link, portion: Portion) -> dict[int, BaseException]:
        """Write a portion to a worker's channel, and into the portion how large it was.

        Returns:
            The errors of the items that cannot be sent, by position.

        Raises:
            ChannelClosed: The worker is gone.
        """
        errors: dict[int, BaseException] = {}
        large: dict[int, Stored] = {}
        flags, out, functions, names = self._encode(portion, errors, large)
        try:
            self.define(link, names)
            self._teach(link, functions)
        except InputNotPicklable as error:
            flags, out = 0, [(None, NEVER) if portion.style == Style.APPLY else NEVER] * len(portion.items)
            errors = dict.fromkeys(range(len(out)), error)
        else:
            for position, stored in large.items():
                flags |= codec.PARCELS
                self._address(link, portion, out, position, stored)
        self._send_batch(link, portion, flags, out)
        return errors

    def define(self, link: Link, names: frozenset[str]) -> None:
        """Send what a worker lacks of the main module.

        Raises:
            InputNotPicklable: A global that it needs cannot be sent.
            ChannelClosed: The worker is gone.
        """
        definitions = self.shipper.definitions(names, link.defined)
        if definitions is not None:
            self.post(link, Kind.DEFINE, definitions)

    def _address(self, link: Link, portion: Portion, out: list[Any], position: int, stored: Stored) -> None:
        """Let a worker see the large buffers of an item."""
        single = portion.style == Style.APPLY
        number, data = out[position] if single else (None, out[position])
        parcel: Any = self._store.parcel(data, stored, link)
        if parcel is None:
            item = portion.items[position]
            parcel = self.shipper.pack(item.call[1:] if single else item, share=False).data
        else:
            portion.size += stored.size
        out[position] = (number, parcel) if single else parcel

    def _encode(
        self, portion: Portion, errors: dict[int, BaseException], large: dict[int, Stored]
    ) -> tuple[int, Any, list[Function], frozenset[str]]:
        """Pickle the items; return flags, what to send, the functions and the names of the main module they need.

        Args:
            errors: Takes those of items that cannot be sent, by position.
            large: Takes the large buffers of items, by position.
        """
        if portion.style == Style.APPLY:
            return self._encode_singles(portion, large)
        function = portion.function
        assert function is not None
        if codec.plain(portion.items):
            return codec.WHOLE, portion.items, [function], function.packed.names
        out, names, dumps = [], function.packed.names, self._store.dumps
        for offset, item in enumerate(portion.items):
            try:
                data, stored = dumps(item, None, MAIN)
            except BaseException as error:  # a user's __reduce__ may raise anything, also SystemExit
                packed = self._pack(item, offset, error, errors)
                data, stored, names = packed.data, packed.stored, names.union(packed.names)
            out.append(data)
            if stored is not None:
                large[offset] = stored
        return 0, out, [function], names

    @staticmethod
    def _encode_singles(portion: Portion, large: dict[int, Stored]) -> tuple[int, Any, list[Function], frozenset[str]]:
        out: list[tuple[int | None, bytes]] = []
        functions: dict[int, Function] = {}
        names = NO_NAMES
        for item in portion.items:
            if item is None:
                out.append((None, b""))
                continue
            function = item.function
            if item.stored is not None:
                large[len(out)] = item.stored
            out.append((function.number, item.data))
            if item.names:
                names = names.union(item.names)
            if function.number not in functions:
                functions[function.number] = function
                names = names.union(function.packed.names)
        return 0, out, list(functions.values()), names

    def _pack(self, item: Any, offset: int, failed: BaseException, errors: dict[int, BaseException]) -> Packed:
        """Pickle an item that plain pickle, which failed, does not."""
        try:
            if not isinstance(failed, Exception):
                raise failed
            return self.shipper.pack_main(item)
        except BaseException as error:
            if exceptions.interrupts(error):
                raise
            errors[offset] = exceptions.harmless(error, "raised while the item was pickled")
            return Packed(NEVER)

    def _teach(self, link: Link, functions: Sequence[Function]) -> None:
        """Send the functions that a worker does not know yet, and let it forget old ones."""
        needed = {function.number for function in functions}
        for function in functions:
            number = function.number
            if number in link.functions:
                link.functions.move_to_end(number)
                continue
            data, stored = function.packed.data, function.packed.stored
            size = len(data) + (stored.size if stored is not None else 0)
            forgotten = -1
            if len(link.functions) >= KEPT_FUNCTIONS or sum(link.functions.values()) + size > KEPT_FUNCTION_BYTES:
                forgotten = next((old for old in link.functions if old not in needed), -1)
                link.functions.pop(forgotten, None)
            link.functions[number] = size
            if stored is not None:
                parcel = self._store.parcel(data, stored, link, 0)
                if parcel is None:
                    raise InternalError(message="the ledger of shared blocks is full")
                data = codec.dump(parcel)
            head = codec.FUNCTION_HEAD.pack(number, forgotten, stored is not None)
            self.post(link, Kind.FUNCTION, head + data)

    def _send_batch(self, link: Link, portion: Portion, flags: int, out: Any) -> None:
        count = len(portion.items)
        if portion.timed:
            flags |= codec.TIMED
        if portion.limited:
            flags |= codec.LIMITED
        number = portion.function.number if portion.function is not None else 0
        style, call, start = portion.style, portion.call, portion.start
        head = codec.BATCH_HEAD.pack(portion.batch, number, count, portion.group, style, flags, call, start)
        if portion.group:
            tickets = codec.TICKET.pack(portion.batch & codec.TICKET_MASK) * -(-count // portion.group)
            if os.write(link.tickets_in, tickets) < len(tickets):
                raise InternalError(message=f"the pipe takes no {len(tickets)} bytes of tickets")
        body = codec.dump(out)
        portion.size += len(body)
        self.post(link, Kind.BATCH, head + body)

    def post(self, link: Link, kind: int, body: bytes) -> None:
        """Write a frame; what the channel does not take now the engine's thread writes later.

        Raises:
            ChannelClosed: The worker is gone.
        """
        if len(body) >= LARGE and (wrapped := self._store.wrap(kind, body, link)) is not None:
            kind, body = Kind.STORED, wrapped
        was_blocked = link.channel.blocked
        link.channel.send(kind, body)
        if link.channel.blocked and not was_blocked and not link.borrowed:
            self._watch.watch(link.channel.fileno(), True)
