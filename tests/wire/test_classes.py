"""Classes of `__main__`: they arrive whole, and what is made from them is the same class on both sides."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Run = Callable[[str], None]


@pytest.mark.short
def test_dataclasses(far_script: Run) -> None:
    far_script("""
        import dataclasses
        from dataclasses import KW_ONLY, InitVar, dataclass, field
        from typing import ClassVar
        @dataclass
        class Point:
            x: int
            tags: list = field(default_factory=list)
            kind: ClassVar[str] = "p"
            start: InitVar[int] = 0
            _: KW_ONLY
            weight: int = 5
        @dataclass(frozen=True, slots=True, order=True, kw_only=True)
        class Slim:
            x: int
            def up(self): return dataclasses.replace(self, x=self.x + 1)
        @dataclass(slots=True)
        class Own:
            a: int
            def name(self): return __class__.__name__
        def work(p):
            @dataclass
            class Sub(Point):
                extra: int = 1
            assert [f.name for f in dataclasses.fields(Sub)] == ["x", "tags", "weight", "extra"]
            assert Sub(3).extra == 1 and dataclasses.fields(Point)[0].default is dataclasses.MISSING
            assert Point(1).tags is not Point(1).tags
            assert dataclasses.asdict(p) == {"x": 2, "tags": [], "weight": 5}
            try: Point(1, [], 0, 3)
            except TypeError: pass
            else: raise AssertionError
            return dataclasses.replace(p, x=9, start=0)
        back = far(work, Point(2))
        assert type(back) is Point and back == Point(9)
        assert far(Slim.up, Slim(x=5)) == Slim(x=6)
        assert far(lambda s: (s < s.up(), hash(s), isinstance(s, Slim)), Slim(x=1)) == (True, hash(Slim(x=1)), True)
        assert far(Own(1).name) == "Own"
        try: far(setattr, Slim(x=1), "x", 2)
        except Failed as error: assert "FrozenInstanceError" in str(error)
    """)


@pytest.mark.short
def test_members_of_enums_are_the_same_on_both_sides(far_script: Run) -> None:
    far_script("""
        import enum
        class Color(enum.Enum):
            RED = 1
            GREEN = "g"
            CRIMSON = 1
            def hello(self): return self.name + Color.GREEN.name
        class Perm(enum.Flag):
            R = enum.auto(); W = enum.auto(); X = enum.auto()
            RW = R | W
        class Number(enum.IntEnum):
            ONE = 1
        class Text(enum.StrEnum):
            A = enum.auto()
        class Planet(enum.Enum):
            EARTH = (5.9, 6.3)
            def __init__(self, mass, radius): self.mass, self.radius = mass, radius
            @property
            def ratio(self): return self.mass / self.radius
        class Coord(bytes, enum.Enum):
            def __new__(cls, value, label):
                made = bytes.__new__(cls, [value])
                made._value_, made.label = value, label
                return made
            PX = (0, "x"); PY = (1, "y")
        class Fallback(enum.Enum):
            A = 1
            @classmethod
            def _missing_(cls, value): return cls.A
        class Lower(enum.Enum):
            @staticmethod
            def _generate_next_value_(name, start, count, last): return name.lower()
            FOO = enum.auto()
        Made = enum.Enum("Made", "A B")
        members = [Color.RED, Color.GREEN, Perm.R, Perm.RW, Perm.R | Perm.X, Number.ONE, Text.A, Planet.EARTH, Coord.PY,
                   Fallback.A, Lower.FOO, Made.B]
        for member in members:
            assert far(lambda m: m, member) is member
            assert far(lambda m: type(m)(m.value) is m, member)
        assert far(lambda: list(Color.__members__)) == ["RED", "GREEN", "CRIMSON"]
        assert far(lambda: Color.CRIMSON is Color.RED and Color["CRIMSON"] is Color.RED)
        assert far(lambda: Color.RED.hello()) == "REDGREEN"
        both = lambda: (Planet.EARTH.ratio, Coord.PY.label, Fallback(9), ~Perm.R, list(Perm), Perm(7))
        assert far(both) == both()
        assert far(lambda: (Number.ONE + 1, Text.A + "b")) == (2, "ab")
        try: far(lambda: setattr(Color, "RED", 3))
        except Failed as error: assert "reassign" in str(error)
        else: raise AssertionError
        def local():
            class Inner(enum.Enum):
                A = 1
            return Inner
        inner = local()
        assert far(lambda m: m is inner.A, inner.A)
        assert far(lambda pair: pair[0] is pair[1].A, (inner.A, inner))
    """)


def test_named_tuples_and_exceptions(far_script: Run) -> None:
    far_script("""
        import collections, typing
        class Row(typing.NamedTuple):
            a: int
            b: str = "x"
            def both(self): return f"{self.a}{self.b}"
        Point = collections.namedtuple("Point", "x y")
        class Bad(Exception):
            def __init__(self, code): super().__init__(code); self.code = code
        class Worse(Bad): pass
        back = far(lambda r: (r.both(), r._replace(a=2), Row(5)), Row(1))
        assert back == ("1x", Row(2), Row(5)) and type(back[1]) is Row
        assert type(far(lambda p: Point(p.x, 5), Point(1, 2))) is Point
        error = far(lambda: Worse(3))
        assert type(error) is Worse and error.code == 3
        def catch():
            try: raise Worse(4)
            except Bad as caught: return caught.code
        assert far(catch) == 4
    """)


@pytest.mark.short
def test_inheritance_slots_abc_generic_and_metaclasses(far_script: Run) -> None:
    far_script("""
        import abc, typing
        T = typing.TypeVar("T")
        P = typing.ParamSpec("P")
        UserId = typing.NewType("UserId", int)
        class Box(typing.Generic[T]):
            def __init__(self, v: T): self.v = v
            def get(self) -> T: return self.v
        class IntBox(Box[int]):
            def get(self): return super().get() + 1
        class Shape(abc.ABC):
            @abc.abstractmethod
            def area(self): ...
            @property
            def twice(self): return self.area() * 2
        @Shape.register
        class Foreign: pass
        class Square(Shape):
            __slots__ = ("side",)
            def __init__(self, side): self.side = side
            def area(self): return self.side ** 2
        class Slim:
            __slots__ = ("a", "__private", "__weakref__")
            def __init__(self, a): self.a = self.__private = a
            def both(self): return self.a, self.__private
        class Meta(type):
            def __new__(mcs, name, bases, space, **options):
                assert options.get("flag") or any(isinstance(b, Meta) for b in bases)
                return super().__new__(mcs, name, bases, {**space, "tag": name + "!"})
            def __init__(cls, name, bases, space, **options): super().__init__(name, bases, space)
            def shout(cls): return cls.tag.upper()
        class Tagged(metaclass=Meta, flag=1): pass
        class Sub(Tagged): pass
        class Registry:
            known = {}
            def __init_subclass__(cls, /, key, **options):
                super().__init_subclass__(**options)
                Registry.known[key] = cls
        class Entry(Registry, key="k"): pass
        class Abstract(abc.ABC):
            def __init_subclass__(cls, *, needed): cls.needed = needed
        class Concrete(Abstract, needed=4): pass
        class Hi:
            def hi(self): return ["b"]
        class Mixin:
            def hi(self): return ["m", *super().hi()]
        class Diamond(Mixin, Hi):
            def hi(self): return ["d", *super().hi()]
        class Options(typing.TypedDict, total=False):
            a: int
        class Runs(typing.Protocol):
            def run(self) -> int: ...
        back = far(lambda b: (b.get(), Box[int], IntBox(4), IntBox.__orig_bases__), IntBox(1))
        assert back[0] == 2 and back[1] == Box[int] and type(back[2]) is IntBox and back[3] == (Box[int],)
        assert far(lambda: (UserId(3), T.__name__, P.__name__, typing.Optional[T])) == (3, "T", "P", typing.Optional[T])
        shape = lambda s: (s.area(), s.twice, isinstance(s, Shape), issubclass(Foreign, Shape), Square(4))
        back = far(shape, Square(3))
        assert back[:4] == (9, 18, True, True) and type(back[4]) is Square
        try: far(Shape)
        except Failed as error: assert "abstract" in str(error)
        back = far(lambda s: (s.both(), s, hasattr(s, "__dict__")), Slim(3))
        assert back[0] == (3, 3) and type(back[1]) is Slim and back[1].both() == (3, 3) and not back[2]
        back = far(lambda: (Tagged.shout(), type(Tagged) is Meta, type("New", (Sub,), {}).tag, Sub()))
        assert back[:3] == ("TAGGED!", True, "New!") and type(back[3]) is Sub
        back = far(lambda: (Registry.known, Entry(), Concrete.needed, Concrete()))
        assert back[0] == {"k": Entry} and type(back[1]) is Entry and back[2] == 4 and type(back[3]) is Concrete
        assert far(lambda: [c.__name__ for c in Entry.__mro__]) == ["Entry", "Registry", "object"]
        assert far(lambda: [c.__name__ for c in Concrete.__mro__]) == ["Concrete", "Abstract", "ABC", "object"]
        assert far(Diamond().hi) == ["d", "m", "b"]
        assert far(lambda: (Options(a=1), Options.__total__)) == ({"a": 1}, False)
        assert far(lambda: Options.__annotations__) == Options.__annotations__
        assert far(lambda: Runs.__name__) == "Runs"
        def hook():
            class More(Registry, key="more"): pass
            return More.__name__, sorted(Registry.known)
        assert far(hook) == ("More", ["k", "more"])
    """)


def test_attributes_and_nested_classes(far_script: Run) -> None:
    far_script("""
        import functools
        SIZE = [1, 2, 3]
        class Name:
            def __set_name__(self, owner, name): self.name = name
            def __get__(self, holder, kind=None): return self.name
        class Outer:
            named = Name()
            class Inner:
                def __init__(self): self.v = 3
            @functools.cached_property
            def once(self): return len(SIZE)
            @functools.lru_cache
            def cached(self): return 43
            @functools.singledispatchmethod
            def kind(self, x): return "object"
            @kind.register
            def _(self, x: int): return "int"
            @property
            def p(self): "p's doc"; return self._p
            @p.setter
            def p(self, v): self._p = v
            @staticmethod
            def size(): return len(SIZE)
        class Table(dict):
            def twice(self): return {**self, **self}
        class Reduced:
            def __init__(self, v): self.v = v
            def __reduce__(self): return rebuilt, (self.v,)
        def rebuilt(v): return Reduced(v)
        class _Missing:
            def __reduce__(self): return "MISSING"
        MISSING = _Missing()
        assert type(far(lambda x: x, Outer.Inner())) is Outer.Inner
        several = lambda: (Outer().once, Outer().cached(), Outer.Inner().v, Outer.named, Outer.size())
        assert far(several) == (3, 43, 3, "named", 3)
        assert far(lambda: (Outer().kind(1), Outer().kind(""), Outer.p.__doc__)) == ("int", "object", "p's doc")
        def use_property():
            o = Outer()
            o.p = 5
            return o.p
        assert far(use_property) == 5
        assert far(Table(a=1).twice) == {"a": 1}
        back = far(lambda x: x, Reduced(3))
        assert type(back) is Reduced and back.v == 3
        assert far(lambda: MISSING) is MISSING and far(lambda x: x is MISSING, MISSING)
    """)


def test_local_class_is_one_class_for_all_its_objects(far_script: Run) -> None:
    far_script("""
        from procession.wire import pickling
        from procession.wire.rules import Uses, main_namespace
        import pickle
        def make():
            class Local:
                made = 0
                def __init__(self): type(self).made += 1
                def me(self): return __class__, super().__repr__()
            return Local
        Local = make()
        kept = []
        def keep(x):
            kept.append(x)
            return len({type(each) for each in kept}), type(x).made
        assert far(keep, Local()) == (1, 1)
        assert far(keep, Local()) == (1, 1)
        assert far(lambda: Local().me()[0].__name__) == "Local"
        def back(x): return pickling.dumps(x, Uses(main_namespace(), "the result"))
        assert type(pickle.loads(far(back, Local()))) is Local
        assert Local.made == 3
    """)


def test_syntax_of_newer_pythons(far_script: Run) -> None:
    far_script("""
        import sys
        if sys.version_info >= (3, 12):
            exec('''
        type Alias = int | str
        def first[T](x: T) -> T: return x
        class Box[T]:
            def __init__(self, v: T): self.v = v
            def get(self) -> T: return self.v
        class Ints(Box[int]): pass
        '''.replace("\\n        ", "\\n"))
            assert far(first, 3) == 3
            assert far(lambda: (first(3), Box[int](4).get(), str(Alias), Ints(3).get())) == (3, 4, "Alias", 3)
            assert far(lambda: Box) is Box and type(far(Ints, 3)) is Ints
    """)
