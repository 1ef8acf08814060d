"""The bounded pool: context variables, errors, cancellation that waits, refusal when it is full."""

from __future__ import annotations

import asyncio
import contextvars
import threading
import time

import pytest

from ketch.inject.threads import Threads, ThreadsBusy

word: contextvars.ContextVar[str] = contextvars.ContextVar("word", default="none")


def test_runs_elsewhere_with_the_callers_context() -> None:
    async def main() -> tuple[str, str]:
        threads = Threads(2)
        word.set("hello")
        try:
            return await threads(lambda: (threading.current_thread().name, word.get()))
        finally:
            threads.close()

    name, heard = asyncio.run(main())
    assert name.startswith("ketch-worker") and heard == "hello"


@pytest.mark.parametrize("error", [ValueError("x"), StopIteration("y"), KeyboardInterrupt()])
def test_errors_come_back(error: BaseException) -> None:
    def fail() -> None:
        raise error

    async def main() -> BaseException:
        threads = Threads(1)
        try:
            await threads(fail)
        except BaseException as raised:
            return raised
        finally:
            threads.close()
        raise AssertionError("nothing was raised")

    raised = asyncio.run(main())
    assert raised is error or raised.__cause__ is error  # a StopIteration leaves a coroutine as a RuntimeError


def test_cancellation_waits_for_the_thread() -> None:
    log: list[str] = []

    def work() -> None:
        time.sleep(0.1)
        log.append("done")

    async def main() -> None:
        threads = Threads(1)
        task = asyncio.create_task(threads(work))
        await asyncio.sleep(0.02)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        log.append("cancelled")
        assert threads.busy == 0
        threads.close()

    asyncio.run(main())
    assert log == ["done", "cancelled"]


def test_refuses_when_full() -> None:
    async def main() -> None:
        threads = Threads(1, queue=1)
        gate = threading.Event()
        waiting = [asyncio.create_task(threads(gate.wait)) for _ in range(2)]
        await asyncio.sleep(0.02)
        with pytest.raises(ThreadsBusy, match="All 1 threads are busy and 1 calls wait"):
            await threads(gate.wait)
        gate.set()
        await asyncio.gather(*waiting)
        assert await threads(lambda: 5) == 5
        threads.close()

    asyncio.run(main())


def test_what_has_not_begun_when_its_caller_is_cancelled_never_begins() -> None:
    done: list[str] = []

    async def main() -> None:
        threads, gate = Threads(1), threading.Event()
        first = asyncio.create_task(threads(gate.wait))
        await asyncio.sleep(0.02)
        dropped = asyncio.create_task(threads(done.append, "dropped"))
        cleaned = asyncio.create_task(threads.surely(done.append, "cleaned up"))
        await asyncio.sleep(0.02)
        for task in (dropped, cleaned):
            task.cancel()
        await asyncio.sleep(0)  # the tasks hear of it on their next turn, before the thread is free
        await asyncio.sleep(0)
        gate.set()
        await first
        for task in (dropped, cleaned):
            with pytest.raises(asyncio.CancelledError):
                await task
        assert threads.busy == 0
        threads.close()

    asyncio.run(main())
    assert done == ["cleaned up"]


def test_a_thread_whose_loop_was_closed_meanwhile_serves_the_next() -> None:
    threads, gate, entered = Threads(1), threading.Event(), threading.Event()

    def work() -> None:
        entered.set()
        gate.wait(10)

    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda loop, context: None)  # it says that a task was given up: so it was
    call = loop.create_task(threads(work))
    loop.call_later(0, loop.stop)
    loop.run_forever()
    assert entered.wait(10)
    loop.close()
    del call
    gate.set()

    async def main() -> int:
        return await threads(lambda: 5)

    assert asyncio.run(main()) == 5
    threads.close()
