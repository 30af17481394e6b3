"""What of `__main__` a worker gets, when, and what stays its own."""

from __future__ import annotations

from collections.abc import Callable

import pytest

Run = Callable[[str], None]


@pytest.mark.short
def test_function_and_what_it_uses_travel_once(far_script: Run) -> None:
    far_script("""
        FACTOR = [3]
        def inner(x): return x * FACTOR[0]
        def outer(x): return inner(x) + 1
        assert [far(outer, x) for x in range(3)] == [1, 4, 7]
        assert far.definitions_sent == (0 if far.kind == "late" else 1)
    """)


def test_only_what_a_function_uses_is_sent(far_script: Run) -> None:
    far_script("""
        import threading
        lock = threading.Lock()
        class Holder: lock = None
        used = 5
        unused_marker_value = "unused marker value"
        def f(holder):
            return holder.lock, used, [unused for unused in ()], holder.unused_marker_value
        Holder.unused_marker_value = 1
        assert far(f, Holder()) == (None, 5, [], 1)
        assert b"unused marker value" not in far.last
    """)


@pytest.mark.short
def test_task_sees_the_global_that_an_initializer_set(far_script: Run) -> None:
    far_script("""
        g = None
        h = 1
        def initialize(value):
            global g, new
            g = new = value
            globals()["h"] = value
        def task(): return g, new, h
        far(initialize, 7)
        assert far(task)[:2] == (7, 7)
        if far.kind == "clean":
            assert far(task) == (7, 7, 7)
        assert far(lambda: g) == 7
        assert g is None
    """)


@pytest.mark.short
def test_counter_counts_on_in_its_worker(far_script: Run) -> None:
    far_script("""
        n = 0
        def count():
            global n
            n += 1
            return n
        assert [far(count) for _ in range(3)] == [1, 2, 3]
        assert far(lambda: count()) == 4
        assert n == 0
        assert far.twin()(count) == 1
    """)


@pytest.mark.short
def test_what_is_defined_anew_is_what_the_next_call_uses(far_script: Run) -> None:
    far_script("""
        K = 1
        def inner(x): return x + K
        def outer(x): return inner(x)
        nested = lambda x: outer(x)
        def wrapped():
            def local(x): return outer(x)
            return local
        local = wrapped()
        everywhere = [outer, nested, local, lambda x: nested(x)]
        assert [far(each, 1) for each in everywhere] == [2] * 4
        first = far.shipper.pack(outer).data
        K = 10
        assert [far(each, 1) for each in everywhere] == [11] * 4
        def inner(x): return -x - K
        assert [far(each, 1) for each in everywhere] == [-11] * 4
        assert far.shipper.pack(outer).data == first
        def outer(x): return "new"
        assert far(outer, 1) == far(nested, 1) == far(local, 1) == "new"
        assert far.twin()(nested, 1) == "new"
    """)


def test_name_bound_back_to_what_it_was(far_script: Run) -> None:
    far_script("""
        first, second = ["first"], ["second"]
        g = first
        def f(): return g
        for each in (first, second, first, first, second, first):
            g = each
            assert far(f) == each
    """)


def test_name_bound_or_deleted_later(far_script: Run) -> None:
    far_script("""
        def f(): return later
        try: far(f)
        except Failed as error: assert "NameError" in str(error)
        else: raise AssertionError
        later = 3
        assert far(f) == 3
        def g(): return later
        packed = far.shipper.pack(g)
        del later
        assert far(f) == 3
        later = 4
        assert far(f) == 4
    """)


def test_function_that_is_deleted_after_it_was_packed(far_script: Run) -> None:
    far_script("""
        import pickle
        if far.kind == "late": far(int)
        def f(): return 5
        packed = far.shipper.pack(f)
        del f
        definitions = far.shipper.definitions(packed.names, {})
        assert far(len, definitions) > 0
        assert far(lambda: 1) == 1
        from procession.wire.functions import install
        install(definitions)
        assert pickle.loads(packed.data)() == 5
    """)


def test_worker_may_call_the_main_module_by_its_other_name(far_script: Run) -> None:
    far_script("""
        import pickle
        far(int)
        class A: pass
        A.__module__ = "__mp_main__"
        data = pickle.dumps(A)
        assert b"__mp_main__" in data and pickle.loads(data) is A
        assert far(lambda a: type(a).__name__, A()) == "A"
        assert type(far(lambda a: a, A())) is A
    """)


def test_change_inside_an_object_is_not_seen(far_script: Run) -> None:
    far_script("""
        g = [1]
        def f(): return g
        assert far(f) == [1]
        g.append(2)
        assert far(f) == [1]
    """)


@pytest.mark.short
def test_global_that_cannot_be_pickled_is_named_with_its_user(far_script: Run) -> None:
    far_script("""
        import socket, tempfile, threading
        from procession.model.errors import InputNotPicklable
        pair = socket.socketpair()
        file = tempfile.TemporaryFile("w+")
        bad = {"lock": threading.Lock(), "sock": pair[0], "gen": (x for x in ()), "file": file, "deep": [{1: pair}]}
        lock, sock, gen, file, deep = bad.values()
        user = lambda: lock
        def use_sock(): return sock
        def use_gen(): return gen
        def use_file(): return file
        class Deep:
            def method(self): return deep
        def innocent(): return far_off.lock
        expected = {"lock": "<lambda>", "sock": "use_sock", "gen": "use_gen", "file": "use_file", "deep": "Deep.method"}
        if far.kind != "late":
            for name, function in zip(expected, (user, use_sock, use_gen, use_file, Deep().method)):
                for call in (function, lambda: function()):
                    try: far(call)
                    except InputNotPicklable as error:
                        assert (error.name, error.user) == (name, expected[name]), error
                        assert 'context="fork"' in str(error)
                    else: raise AssertionError(name)
        else:
            assert far(lambda: type(lock).__name__) == "lock"
            lock = threading.Lock()
            try: far(user)
            except InputNotPicklable as error: assert error.name == "lock"
            else: raise AssertionError
        try: far(innocent)
        except Failed as error: assert "far_off" in str(error)
        assert far(len, "abc") == 3
    """)


def test_error_of_a_reduce_passes_through(far_script: Run) -> None:
    far_script("""
        class Odd:
            def __init__(self, error): self.error = error
            def __reduce__(self): raise self.error
        for error in (ValueError("own"), KeyboardInterrupt(), SystemExit(3), GeneratorExit()):
            try: far(len, [Odd(error)])
            except BaseException as caught: assert caught is error, caught
            else: raise AssertionError
        import threading
        for value in (threading.Lock(), (x for x in ())):
            try: far(len, [value])
            except TypeError as caught: assert "cannot pickle" in str(caught)
            else: raise AssertionError
    """)


@pytest.mark.short
def test_functions_that_call_each_other(far_script: Run) -> None:
    far_script("""
        def even(n): return n == 0 or odd(n - 1)
        def odd(n): return n != 0 and even(n - 1)
        assert far(even, 10) is True and far(odd, 10) is False
        class A:
            def b(self): return B()
        class B:
            def a(self): return A()
        assert type(far(lambda: A().b().a())) is A
        A.other, B.other = B(), A()
        class C: pass
        class D(C): pass
        C.child = D
        assert far(lambda: (C.child is D, isinstance(D(), C))) == (True, True)
    """)


@pytest.mark.short
def test_method_sees_its_object_as_of_now(far_script: Run) -> None:
    far_script("""
        class Scaler:
            def __init__(self): self.factor = 1
            def scale(self, x): return x * self.factor
            @classmethod
            def name(cls): return cls.__name__
            @staticmethod
            def plain(x): return -x
        scaler = Scaler()
        for scaler.factor in (1, 2, 3):
            assert far(scaler.scale, 5) == 5 * scaler.factor
        assert far(Scaler.name) == far(scaler.name) == "Scaler"
        assert far(scaler.plain, 1) == far(Scaler.plain, 1) == -1
        assert far(Scaler.scale, scaler, 2) == 6
    """)


def test_closures_keep_their_cells(far_script: Run) -> None:
    far_script("""
        def counter():
            n = 0
            def inc():
                nonlocal n
                n += 1
                return n
            return inc, lambda: n
        inc, get = counter()
        assert far(lambda: (inc(), inc(), get())) == (1, 2, 2)
        mine = counter()
        assert far(lambda pair: (pair[0](), pair[1]()), mine) == (1, 1)
        def recursive():
            def fact(n): return 1 if n < 2 else n * fact(n - 1)
            return fact
        assert far(recursive(), 5) == 120
        def half_made():
            def use(): return never
            if False: never = 1
            return use
        try: far(half_made())
        except Failed as error: assert "never" in str(error)
    """)


def test_wrapped_functions(far_script: Run) -> None:
    far_script("""
        import contextlib, functools
        BASE = [1, 2, 3]
        def wraps(f):
            @functools.wraps(f)
            def w(*a): return "w", f(*a)
            return w
        def bare(f):
            def w(*a): return "b", f(*a)
            return w
        @wraps
        def one(x): return x + len(BASE)
        @bare
        def two(x): return x + len(BASE)
        @functools.lru_cache
        def cached(n): return n if n < 2 else cached(n - 1) + cached(n - 2)
        @contextlib.contextmanager
        def managed(): yield len(BASE)
        @functools.singledispatch
        def kind(x): return "object"
        @kind.register
        def _(x: int): return "int"
        @kind.register(str)
        def _(x): return "str"
        part = functools.partial(one, 4)
        def managing():
            with managed() as n: return n
        assert (far(one, 1), far(two, 1), far(cached, 20), far(part)) == (("w", 4), ("b", 4), 6765, ("w", 7))
        assert far(lambda: (one(1), two(1), cached(20), part())) == (("w", 4), ("b", 4), 6765, ("w", 7))
        assert far(managing) == 3
        assert far(lambda: (kind(1), kind("a"), kind(2.5), kind.__name__)) == ("int", "str", "object", "kind")
        assert far(kind, 1) == "int"
        def local():
            @functools.lru_cache(maxsize=7)
            def fib(n): return n if n < 2 else fib(n - 1) + fib(n - 2)
            return fib
        assert far(local(), 10) == 55
        assert far(lambda f: f.cache_info().maxsize, local()) == 7
    """)


def test_generators_coroutines_and_defaults(far_script: Run) -> None:
    far_script("""
        import asyncio
        K = 2
        def numbers(n):
            for i in range(n): yield i * K
        async def later(x):
            await asyncio.sleep(0)
            return x + K
        def with_defaults(a, b=[K], *, c=lambda: K): "doc"; return a, b, c()
        with_defaults.note = {"k": K}
        assert far(lambda: list(numbers(3))) == [0, 2, 4]
        assert far(lambda: asyncio.run(later(1))) == 3
        assert far(with_defaults, 1) == (1, [2], 2)
        told = lambda: (with_defaults.__doc__, with_defaults.note, with_defaults.__name__)
        assert far(told) == ("doc", {"k": 2}, "with_defaults")
    """)


def test_modules_go_as_imports(far_script: Run) -> None:
    far_script("""
        import os.path as p
        import xml.dom.minidom
        import concurrent.futures
        import numpy as np
        import __main__
        table = np.arange(4)
        def f(): return p.join("a", "b"), xml.dom.minidom.__name__, concurrent.futures.ThreadPoolExecutor.__name__
        assert far(f) == ("a/b", "xml.dom.minidom", "ThreadPoolExecutor")
        assert far(lambda: int(table.sum() + np.linalg.norm([3, 4]))) == 11
        assert far(np.vectorize(lambda x: x + len(table)), 1) == 5
        assert far(lambda: __main__.__dict__ is globals())
    """)


def test_globals_that_hold_functions(far_script: Run) -> None:
    far_script("""
        import collections, functools
        K = 1
        double = lambda x: x * 2 + K
        def plain(x): return x + K
        class Call:
            def __call__(self, x): return plain(x)
        table = {"a": plain, "b": double, "c": Call(), "d": functools.partial(plain, 1)}
        queue = collections.deque([double])
        def f(): return table["a"](1), table["b"](1), table["c"](1), table["d"](), queue[0](1)
        assert far(f) == (2, 3, 2, 2, 3)
        assert far(double, 2) == 5
        K = 10
        assert far(f) == (11, 12, 11, 11, 12)
    """)


def test_two_names_of_one_object_stay_one_object(far_script: Run) -> None:
    far_script("""
        cache = {}
        class Store:
            def __init__(self, cache): self.cache = cache
        store = Store(cache)
        alias = cache
        def put(): store.cache["k"] = 1
        def get(): return cache, alias is cache, store.cache is cache
        def both(): put(); return get()
        assert far(both) == ({"k": 1}, True, True)
        later = [cache]
        assert far(lambda: later[0] is cache)
        third = Store(store)
        assert far(lambda: third.cache is store)
    """)


def test_class_that_was_defined_anew_leaves_old_objects_alone(far_script: Run) -> None:
    far_script("""
        class A:
            def name(self): return "old"
        class B(A):
            pass
        a = A()
        def f(): return B().name(), A().name(), a.name()
        assert far(f) == ("old", "old", "old")
        class A:
            def name(self): return "new"
        assert f() == far(f) == far.twin()(f) == ("old", "new", "old")
    """)


def test_functions_of_a_module_share_its_globals(far_script: Run) -> None:
    far_script("""
        import pathlib, sys
        pathlib.Path("other_module.py").write_text(
            "n = 0\\n"
            "def maker():\\n"
            "    def count():\\n"
            "        global n\\n"
            "        n += 1\\n"
            "        return n\\n"
            "    return count\\n"
            "add = lambda: n\\n"
        )
        sys.path.insert(0, "")
        import other_module
        if far.kind != "late": far(sys.path.insert, 0, "")
        count = other_module.maker()
        assert [far(count), far(count), far(other_module.add)] == [1, 2, 2]
        assert far(lambda: other_module.n) == 2
        assert other_module.n == 0
    """)


def test_exec_with_a_dict_of_its_own(far_script: Run) -> None:
    far_script("""
        K = "main"
        space = {}
        exec("K = 4\\ndef f(x): return g(x) + K\\ndef g(x): return x * 2\\nclass A:\\n    def m(self): return K", space)
        assert far(space["f"], 3) == 10
        named = {"__name__": "__main__"}
        exec("K = 5\\ndef f(x): return g(x) + K\\ndef g(x): return x * 2\\nclass A:\\n    def m(self): return K", named)
        assert far(named["f"], 3) == 11
        assert far(named["A"]().m) == 5
        exec("def inside(): return K")
        assert far(inside) == "main"
        f = space["f"]
        assert far(lambda: f(1)) == 6
    """)


def test_main_is_not_searched_for_names_of_the_module_itself(far_script: Run) -> None:
    far_script('''
        """never this one"""
        __doc__ = "the doc"
        import logging
        log = logging.getLogger(__name__)
        def f(): return __name__, __doc__, log.name
        assert far(f) == ("__main__", "the doc", "__main__")
        assert far(lambda: __file__) == __file__
    ''')


def test_nothing_is_imported_for_what_needs_no_cloudpickle(far_script: Run) -> None:
    far_script("""
        import sys
        def f(x): return x + 1
        assert far(f, 1) == 2
        assert far(lambda: f(1)) == 2
        loaded = {"cloudpickle", "dis", "inspect", "ast"} & set(sys.modules)
        assert not loaded, loaded
    """)


def test_what_needs_cloudpickle(far_script: Run) -> None:
    far_script("""
        import types
        view = {1: 2}.keys()
        made = types.ModuleType("made")
        made.x = 3
        assert far(lambda: (list(view), made.x)) == ([1], 3)
        assert far(lambda v: bytes(v), memoryview(b"abc")) == b"abc"
    """)


def test_definition_that_cannot_be_rebuilt_leaves_the_others(far_script: Run) -> None:
    far_script("""
        if far.kind == "late": far(int)
        class Bomb:
            def __reduce__(self): return exec, ("raise LookupError('boom')",)
        bomb = Bomb()
        def before(): return 1
        def after(): return 2
        def f(): return before(), bomb, after()
        try: far(f)
        except Failed as error: assert "boom" in str(error)
        else: raise AssertionError
        assert far(before) == 1 and far(after) == 2
    """)


def test_error_names_the_user_of_this_call(far_script: Run) -> None:
    far_script("""
        if far.kind == "late": far(int)
        import threading
        from procession.model.errors import InputNotPicklable
        lock = threading.Lock()
        def first(): return lock
        def second(): return lock
        def through(): return first()
        for function, user in ((first, "first"), (second, "second"), (through, "first"), (lambda: second(), "second")):
            try: far(function)
            except InputNotPicklable as error: assert (error.name, error.user) == ("lock", user), error
            else: raise AssertionError
    """)
