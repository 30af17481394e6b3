"""`Process.result` and `exception`: what the target returned or raised, however the process ended."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any

import pytest

import procession
from procession import MaybeEncodingError, RemoteError, TaskExit, WorkerDied
from tests.process import targets

pytestmark = pytest.mark.limit(60)


@pytest.fixture
def context(start_method: str | None) -> Any:
    return procession.get_context(start_method)


def ended(context: Any, target: Any, *args: Any) -> Any:
    process = context.Process(target=target, args=args)
    process.start()
    process.join()
    return process


@pytest.mark.short
def test_result_is_what_the_target_returned(context: Any) -> None:
    process = context.Process(target=targets.add, args=(1,), kwargs={"second": 2}, name="adder")
    process.start()
    assert process.result() == 3 == process.result(timeout=0)
    assert process.exception() is None and process.exitcode == 0 and process.name == "adder"
    process.close()
    with pytest.raises(ValueError, match="closed"):
        process.result()


def test_exception_is_what_the_target_raised(context: Any, capfd: pytest.CaptureFixture[str]) -> None:
    process = ended(context, targets.fail, "no such key")
    for _ in range(2):
        with pytest.raises(LookupError, match="no such key") as caught:
            process.result()
    assert process.exception() is caught.value and process.exitcode == 1
    assert "in fail" in str(caught.value.__cause__)
    if "Server" not in process.name and "Nursery" not in process.name:  # theirs goes where it went at their begin
        assert "LookupError: no such key" in capfd.readouterr().err  # as multiprocessing prints it


def test_result_before_the_end_is_a_timeout(context: Any) -> None:
    event = context.Event()
    process = context.Process(target=targets.wait_for, args=(event,))
    process.start()
    for kind in (procession.TimeoutError, TimeoutError):
        with pytest.raises(kind, match=r"timeout=0\.01"):
            process.result(0.01)
    with pytest.raises(TimeoutError):
        process.exception(timeout=0)
    event.set()
    assert process.result(30) == "was set"


def test_process_that_never_started_has_no_result() -> None:
    with pytest.raises(AssertionError, match="started"):
        procession.Process(target=targets.pid).result()


@pytest.mark.parametrize("size", [0, 59_980, 59_990, 60_000, 60_010, 100_000_000])
def test_large_result_that_nobody_reads_does_not_hold_up_its_process(context: Any, size: int) -> None:
    process = ended(context, targets.many_bytes, size)
    assert process.exitcode == 0
    unread = ended(context, targets.many_bytes, size)
    assert process.result() == b"x" * size and len(process.result()) == size
    del unread


def test_large_result_of_many_objects() -> None:
    assert ended(procession.get_context(), targets.many_objects, 300_000).result() == list(range(300_000))


def test_result_that_cannot_be_sent_is_said_to_be(context: Any) -> None:
    process = ended(context, targets.unsendable)
    assert process.exitcode == 0  # as with multiprocessing, which drops it
    with pytest.raises(MaybeEncodingError, match="lambda"):
        process.result()


@pytest.mark.parametrize("target", [targets.trap, targets.ends_the_pickler])
def test_result_that_fails_to_travel_costs_nothing_else(target: Any) -> None:
    process = ended(procession.get_context("fork"), target)
    assert process.exitcode == 0 and isinstance(process.exception(), (LookupError, MaybeEncodingError))


def test_exception_that_cannot_be_rebuilt_arrives_by_its_name(capfd: pytest.CaptureFixture[str]) -> None:
    error = ended(procession.get_context("fork"), targets.fail_oddly).exception()
    assert isinstance(error, RemoteError) and "Rebuilt" in str(error)
    capfd.readouterr()


@pytest.mark.parametrize(("code", "exitcode"), [(None, 0), (0, 0), (7, 7), ("a text", 1), (True, 1), ((1, 2), 1)])
def test_sys_exit_ends_with_its_code(code: object, exitcode: int, capfd: pytest.CaptureFixture[str]) -> None:
    process = ended(procession.get_context("fork"), targets.leave, code)
    assert process.exitcode == exitcode
    with pytest.raises(TaskExit) as caught:
        process.result()
    assert caught.value.code == code
    assert ("a text" in capfd.readouterr().err) == (code == "a text")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGUSR2])
def test_killed_process_says_by_which_signal(context: Any, number: signal.Signals) -> None:
    process = ended(context, targets.die, number)
    assert process.exitcode == -number
    with pytest.raises(WorkerDied, match=number.name) as caught:
        process.result()
    assert caught.value.pid == process.pid and caught.value.exitcode == -number


def test_exit_without_a_word_is_a_death(context: Any) -> None:
    process = ended(context, os._exit, 3)
    assert process.exitcode == 3 and isinstance(process.exception(), WorkerDied)


def test_keyboard_interrupt_of_the_target_is_not_ours(capfd: pytest.CaptureFixture[str]) -> None:
    process = ended(procession.get_context("fork"), targets.interrupt)
    assert process.exitcode == 1 and isinstance(process.exception(), RemoteError)
    assert "KeyboardInterrupt" in capfd.readouterr().err


def test_terminate_and_kill(context: Any) -> None:
    for end, number in (("terminate", signal.SIGTERM), ("kill", signal.SIGKILL)):
        process = context.Process(target=signal.pause)
        process.start()
        assert process.is_alive() and process.exitcode is None and process in procession.active_children()
        getattr(process, end)()
        assert isinstance(process.exception(30), WorkerDied) and process.exitcode == -number
        assert not process.is_alive() and process not in procession.active_children()


@pytest.mark.short
def test_subclass_may_have_attributes_of_any_name() -> None:
    process = targets.Worker(None, 21)
    process.start()
    assert process.result() == 42 and process._bond == "the user's own"  # type: ignore[comparison-overlap]


def test_recipe_with_a_property_named_exception_goes_on_working() -> None:
    class Recipe(procession.Process):  # the well-known one
        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self._receiver, self._sender = procession.Pipe(duplex=False)
            self._exception: Any = None

        def run(self) -> None:
            try:
                super().run()
                self._sender.send(None)
            except Exception as error:
                self._sender.send(error)

        @property
        def exception(self) -> Any:  # type: ignore[override]
            if self._receiver.poll():
                self._exception = self._receiver.recv()
            return self._exception

    process = Recipe(target=targets.fail, args=("mine",))
    process.start()
    process.join()
    assert repr(process.exception) == "LookupError('mine')" and process.result() is None
    process._receiver.close()
    process._sender.close()


def test_fork_inside_the_target_does_not_speak_for_it() -> None:
    assert ended(procession.get_context("fork"), targets.fork_that_returns).result() == "parent"


@pytest.mark.parametrize("target", [targets.close_all_descriptors, targets.replace_all_descriptors])
def test_target_that_closes_all_descriptors_ends_as_it_would(target: Any) -> None:
    process = ended(procession.get_context("fork"), target)
    assert process.exitcode == 0 and isinstance(process.exception(), WorkerDied)


def test_two_threads_get_the_same_result() -> None:
    process = procession.Process(target=targets.many_objects, args=(50_000,))
    process.start()
    results: list[Any] = []
    threads = [threading.Thread(target=lambda: results.append(process.result())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4 and all(each is results[0] for each in results)
