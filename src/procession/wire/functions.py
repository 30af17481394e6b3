"""A function travels once per worker, and with it what it needs of `__main__`.

Knows: what each name of this process's `__main__` was bound to when it was last sent, and under which version.
Must not know: how many workers there are or where; the caller keeps for each what it was sent.

A pickle refers to functions and classes of `__main__` by name. Their definitions, and the globals that they use, travel
apart, before it: each once per worker, and again only when the name is bound to another object (compared by identity;
what changes inside an object is not seen, as under fork). So what an initializer or a task binds in the worker stays.
"""

from __future__ import annotations

import io
import pickle
import sys
from collections.abc import Mapping
from types import FunctionType

from procession.model.errors import InputNotPicklable
from procession.model.light import TYPE_CHECKING, Any
from procession.wire import pickling
from procession.wire.references import names_reached
from procession.wire.rules import NOT_FOUND, Uses, can_be_shared, main_namespace

if TYPE_CHECKING:
    from procession.wire.blocks import Stored
    from procession.wire.store import Apart, Store

NO_NAMES: frozenset[str] = frozenset()
MAIN = b"_main__"  # stands in the pickle of what needs something of `__main__`, by both of its names
KEPT_PLANS = 200  # sets of names that calls needed; each is some hundred bytes
KEPT_PAYLOAD = 1_000_000  # bytes; what one worker lacked, the next ones mostly lack too


class Packed:
    """A value as bytes.

    Args:
        data: What `pickle.loads` takes in the worker.
        stored: The large buffers that belong to the data.
        names: What it needs directly of the parent's `__main__` there.
        bound: What those of them were bound to that the bytes refer to: where that has changed, the same bytes mean
            something else.
    """

    __slots__ = ("bound", "data", "names", "stored")

    def __init__(
        self,
        data: bytes,
        stored: Stored | None = None,
        names: frozenset[str] = NO_NAMES,
        bound: tuple[object, ...] = (),
    ) -> None:
        self.data = data
        self.stored = stored
        self.names = names
        self.bound = bound


NOTHING = Packed(b"")  # of what does not travel


class _Definition:
    """What a name of `__main__` is bound to, as long as it is."""

    __slots__ = ("data", "eager", "inside", "name", "used", "value", "version")

    def __init__(self, name: str, value: object, version: int) -> None:
        self.name = name
        self.value = value  # kept alive, or another object could get its id
        self.version = version  # 0: what every worker had from its start
        self.data: bytes | None = None
        self.used: dict[str, str] = {}
        self.eager: dict[str, object] = {}  # what the data refers to by name, as it was bound then
        self.inside: frozenset[int] = frozenset()  # ids of values of other names (`a` in `b = [a]`)

    def holds(self, main: dict[str, Any]) -> bool:
        """True as long as the names in its data mean what they did: for `class B(A)`, until `class A` is run again."""
        return all(main.get(name, NOT_FOUND) is value for name, value in self.eager.items())


class _Plan:
    """All that a set of names needs, directly and through others."""

    __slots__ = ("absent", "bound", "definitions")

    def __init__(self, definitions: dict[str, _Definition], absent: frozenset[str]) -> None:
        self.absent = absent
        self.bound = tuple((each.name, each.value) for each in definitions.values() if each.name not in absent)
        self.definitions = tuple(definitions.values())

    def holds(self, main: dict[str, Any]) -> bool:
        """True as long as every name is bound to the same object."""
        for name, value in self.bound:
            if main.get(name, NOT_FOUND) is not value:
                return False
        return main.keys().isdisjoint(self.absent)


def _in_order(unordered: list[_Definition]) -> tuple[list[_Definition], bool]:
    """Put what a pickle refers to before it. True beside it: some refer to each other, so no order is right."""
    definitions = {each.name: each for each in unordered}
    done: dict[str, _Definition] = {}
    open_names: set[str] = set()
    tangled = False

    def visit(name: str) -> None:
        nonlocal tangled
        if name in open_names:
            tangled = True
        if name in done or name in open_names or name not in definitions:
            return
        open_names.add(name)
        for other in sorted(definitions[name].eager):
            visit(other)
        open_names.discard(name)
        done[name] = definitions[name]

    for name in definitions:
        visit(name)
    return list(done.values()), tangled


def pack_plainly(value: object, store: Store | None) -> Packed | None:
    """Pickle a value as everybody does; None if that is not enough, since it needs something of `__main__`.

    Args:
        store: Where large buffers go; None: they stay in the data.
    """
    try:
        if store is not None:
            return Packed(*store.dumps(value, None, MAIN))
        data = pickle.dumps(value, 5)
    except Exception:  # our own pickler knows more, or says why not
        return None
    return None if MAIN in data else Packed(data)


class Shipper:
    """Packs values for the workers of one pool, and what they need of `__main__`.

    Args:
        baseline: What `__main__` of each new worker has from its start: a copy of the parent's of then. None: nothing.
        store: Where large buffers go.
    """

    def __init__(self, baseline: Mapping[str, object] | None, store: Store | None = None) -> None:
        self._store = store
        self._baseline: Mapping[str, object] = {} if baseline is None else baseline
        self._known: dict[str, _Definition] = {}
        self._versions: dict[str, int] = {}
        self._plans: dict[frozenset[str], _Plan] = {}
        self._last_payload: tuple[tuple[object, ...], bytes] = ((), b"")
        # a worker that re-ran the main module calls it by the other name in what it sends back
        sys.modules.setdefault("__mp_main__", sys.modules["__main__"])

    def pack(self, value: object, share: bool = True) -> Packed:
        """Pickle a value.

        Args:
            share: Its large buffers may go into a block.

        Raises:
            InputNotPicklable: A global that it needs in the worker cannot be pickled.
            BaseException: Whatever pickling the value itself raises.
        """
        return pack_plainly(value, self._store if share else None) or self.pack_main(value, share)

    def pack_main(self, value: object, share: bool = True) -> Packed:
        """Pickle a value that `pack_plainly` does not.

        Raises:
            As `pack`.
        """
        main = main_namespace()
        uses = Uses(main, "the call")

        def write(value: object, apart: Apart | None) -> bytes:
            uses.apart = apart
            return pickling.dumps(value, uses)

        store = self._store if share else None
        data, stored = (write(value, None), None) if store is None else store.dumps(value, write)
        names = frozenset(name for name in uses.names if name in main)
        if names:
            self._plan(names, uses.names)
        return Packed(data, stored, names, tuple(main[name] for name in sorted(uses.eager) if name in main))

    def definitions(self, names: frozenset[str], sent: dict[str, int]) -> bytes | None:
        """Give the definitions that a worker lacks of these names and all that they need; None if it lacks nothing.

        Args:
            names: Those of a `Packed`.
            sent: What this worker was sent: the version of each name. Updated.

        Raises:
            InputNotPicklable: One of them cannot be pickled.
        """
        if not names:
            return None
        plan = self._plan(names, {})
        lacking = [each for each in plan.definitions if sent.get(each.name, 0) != each.version]
        if not lacking:
            return None
        payload = self._payload(lacking, sent)
        for each in lacking:
            sent[each.name] = each.version
        return payload

    def _plan(self, names: frozenset[str], users: Mapping[str, str]) -> _Plan:
        main = main_namespace()
        plan = self._plans.get(names)
        if plan is not None and plan.holds(main):
            return plan
        found: dict[str, _Definition] = {}
        absent: set[str] = set()
        todo = [(name, users.get(name, "the call")) for name in names]
        while todo:
            name, user = todo.pop()
            if name in found or name in absent:
                continue
            definition = self._current(name, main, user)
            if name not in main:
                absent.add(name)
            if definition is not None and (name in main or name in names):
                found[name] = definition
                todo.extend(definition.used.items())
        if len(self._plans) >= KEPT_PLANS:
            self._plans.clear()
        plan = self._plans[names] = _Plan(found, frozenset(absent))
        return plan

    def _current(self, name: str, main: dict[str, Any], user: str) -> _Definition | None:
        value = main.get(name, NOT_FOUND)
        known = self._known.get(name)
        if known is not None and (value is NOT_FOUND or known.value is value):
            if known.data is not None and not known.holds(main):
                self._write(known, user)
            return known
        if value is NOT_FOUND:
            return None
        if self._baseline.get(name, NOT_FOUND) is value:
            made = _Definition(name, value, 0)
            made.used = names_reached(value, main)
        else:
            made = _Definition(name, value, self._versions.get(name, 0) + 1)
            self._write(made, user)
        self._versions[name] = max(made.version, self._versions.get(name, 0))
        self._known[name] = made
        self._plans.clear()  # they keep the value that is gone
        return made

    def _write(self, definition: _Definition, user: str) -> None:
        name, main = definition.name, main_namespace()
        uses = Uses(main, name, frozenset({name}))
        uses.watched = _worth_sharing(main)
        definition.data = _dumped((definition.value,), uses, name, user)
        definition.used = uses.names
        definition.eager = {each: main[each] for each in uses.eager}
        definition.inside = frozenset(uses.watched.difference(map(id, definition.eager.values())))
        self._last_payload = ((), b"")

    def _payload(self, lacking: list[_Definition], sent: dict[str, int]) -> bytes:
        for each in lacking:
            if each.data is None:
                self._write(each, "the call")
        chosen = {each.name for each in lacking}
        there = {
            id(each.value): each.name
            for each in self._known.values()
            if each.name not in chosen and sent.get(each.name, 0) == each.version and can_be_shared(each.value)
        }
        key = (*((each.name, each.version, self._replaces(each, sent)) for each in lacking), *there.values())
        if key == self._last_payload[0]:
            return self._last_payload[1]
        ordered, tangled = _in_order(lacking)
        if tangled or _share(ordered, there):
            units = [self._together(ordered, there)]
        else:
            units = [((each.name,), each.data or b"") for each in ordered]
        replaced = frozenset(each.name for each in lacking if self._replaces(each, sent))
        payload = pickle.dumps((replaced, units), 5)
        if len(payload) <= KEPT_PAYLOAD:
            self._last_payload = (key, payload)
        return payload

    def _replaces(self, definition: _Definition, sent: dict[str, int]) -> bool:
        """True if the worker has a value of the parent's under this name; anything else there is its own and stays."""
        name = definition.name
        return name in sent or name in self._baseline or name.startswith("__")

    def _together(self, definitions: list[_Definition], there: dict[int, str]) -> tuple[tuple[str, ...], bytes]:
        names = tuple(each.name for each in definitions)
        uses = Uses(main_namespace(), names[0], frozenset(names))
        uses.there = there
        return names, _dumped(tuple(each.value for each in definitions), uses, ", ".join(names), "the call")


def _dumped(values: tuple[object, ...], uses: Uses, name: str, user: str) -> bytes:
    try:
        return pickling.dumps(values, uses)
    except Exception as error:
        raise InputNotPicklable(name=name, user=user, reason=str(error) or type(error).__name__) from error


def _worth_sharing(main: dict[str, Any]) -> set[int]:
    """Give the ids of what several names may hold: values, and cells of closures (a counter and its reader)."""
    values = list(main.values())
    cells = [cell for value in values if isinstance(value, FunctionType) for cell in value.__closure__ or ()]
    return {id(value) for value in values if can_be_shared(value)}.union(map(id, cells))


def _share(definitions: list[_Definition], there: dict[int, str]) -> bool:
    """True if an object belongs to several names, and would be doubled if each were pickled alone."""
    seen = set(there)
    for each in definitions:
        if not seen.isdisjoint(each.inside):
            return True
        seen |= each.inside
    return False


class _Unpickler(pickle.Unpickler):
    def persistent_load(self, name: Any) -> Any:
        return main_namespace()[name]


def install(payload: bytes) -> None:
    """Define in this process's `__main__` what `Shipper.definitions` wrote.

    Raises:
        BaseException: The first error of rebuilding a definition; all that could be rebuilt is there.
    """
    main = main_namespace()
    sys.modules.setdefault("__mp_main__", sys.modules["__main__"])  # a parent that is itself a spawned child says so
    replaced, units = pickle.loads(payload)
    failed: BaseException | None = None
    for names, data in units:
        try:
            values = _Unpickler(io.BytesIO(data)).load()
        except BaseException as error:
            failed = failed or error
            continue
        for name, value in zip(names, values, strict=True):
            if name in replaced or name not in main:
                main[name] = value
    if failed is not None:
        raise failed
