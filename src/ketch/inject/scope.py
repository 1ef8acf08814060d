"""What is open during one unit of work, and how it is closed.

Clean-up runs in reverse order of set-up, whatever happens: success, error, cancellation. It sees the error (a
generator may catch it, roll back and raise another) but cannot swallow it: an error that reached a scope leaves it.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from typing import Any

Exit = Callable[[BaseException | None], Awaitable[None]]


class Scope:
    """One `async with` around guard, bind, call and render. `exits` are closed when it ends (function scope).

    `late` is request scope, which whoever opened the scope closes after the last byte; `held` says that a stream keeps
    the scope open. `cache` is what guards made for the handler, and what handlers get from the framework.
    """

    # PERF: defaults on the class instead of slots: most scopes hold nothing.
    late: list[Exit] | None = None
    cache: dict[Any, Any] | None = None
    before_stream: list[Callable[[], Awaitable[None]]] | None = None
    held = False

    def __init__(self) -> None:
        self.exits: list[Exit] = []

    async def __aenter__(self) -> Scope:
        return self

    async def __aexit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        try:
            if self.exits and not self.held:
                await close(self.exits, error)
        finally:
            error = None  # see `close`

    async def enter(self, generator: AsyncGenerator[Any, None], late: bool = False) -> Any:
        """Start an async generator: its first value, with its clean-up remembered (`late`: request scope)."""
        try:
            value = await generator.__anext__()
        except StopAsyncIteration:
            raise _yielded_nothing(generator) from None
        self._remember(_async_exit(generator), late)
        return value

    async def enter_sync(self, generator: Generator[Any, None, None], hop: Any, late: bool = False) -> Any:
        """The same for a plain generator; `hop` runs its steps in a thread, or None for on the loop."""
        if hop is None:
            value = begin(generator)
        else:
            try:
                value = await hop(begin, generator)
            except BaseException as error:
                if getattr(generator, "gi_suspended", False):  # opened for somebody who was cancelled meanwhile
                    await hop.surely(finish, generator, error)
                raise
        self._remember(_sync_exit(generator, hop), late)
        return value

    def hold(self, opened: Opened, hop: Any) -> None:
        """Take over what a thread hop has opened: a stream goes on reading from it."""
        generators, opened.generators = opened.generators, []
        for generator in generators:
            self._remember(_sync_exit(generator, hop), False)

    def _remember(self, exit_: Exit, late: bool) -> None:
        if not late:
            self.exits.append(exit_)
            return
        if self.late is None:
            self.late = []
        self.late.append(exit_)

    def on_stream(self, flush: Callable[[], Awaitable[None]]) -> None:
        """Call `flush` before the first byte of a streamed result, while the scope stays open (a commit)."""
        if self.before_stream is None:
            self.before_stream = []
        self.before_stream.append(flush)

    def remember(self, key: Any, value: Any) -> Any:
        """Keep what a guard made, for the handler."""
        if self.cache is None:
            self.cache = {}
        self.cache[key] = value
        return value


class Opened:
    """The plain generators that one thread hop opened; closed in the same hop, in reverse.

    A value with a method `before_result` has it called before the result is encoded: a session sends what it holds.
    """

    __slots__ = ("generators", "settle")

    def __init__(self) -> None:
        self.generators: list[Generator[Any, None, None]] = []
        self.settle: list[Callable[[], None]] = []

    def enter(self, generator: Generator[Any, None, None]) -> Any:
        value = begin(generator)
        self.generators.append(generator)
        settle = getattr(value, "before_result", None)
        if settle is not None:
            self.settle.append(settle)
        return value

    def settled(self, result: Any) -> Any:
        """The handler's result, now that everything is ready for it to be encoded."""
        for settle in self.settle:
            settle()
        return result

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, kind: Any, error: BaseException | None, traceback: Any) -> None:
        failure = error
        try:
            while self.generators:
                try:
                    finish(self.generators.pop(), failure)
                except BaseException as raised:
                    failure = raised
            if failure is not None and failure is not error:
                raise failure
        finally:
            error = failure = None  # see `close`


async def close(exits: list[Exit], error: BaseException | None = None) -> None:
    """Run the exits in reverse. Each sees the newest error; the last one raised is raised if it is not `error`."""
    failure = error
    try:
        while exits:
            try:
                await exits.pop()(failure)
            except BaseException as raised:
                failure = raised
        if failure is not None and failure is not error:
            raise failure
    finally:
        # The error's traceback leads to this frame now; an error that its own frame holds is garbage that only the
        # collector finds, and a request with it.
        error = failure = None


def _async_exit(generator: AsyncGenerator[Any, None]) -> Exit:
    async def leave(error: BaseException | None) -> None:
        if error is None:
            try:
                await generator.__anext__()
            except StopAsyncIteration:
                return
            await generator.aclose()
            raise RuntimeError(f"{_named(generator)} yielded twice; a dependency yields once.")
        try:
            await generator.athrow(error)
        except StopAsyncIteration:
            return
        except BaseException as raised:
            if raised is not error:
                raise
            return
        finally:
            error = None  # see `close`
        await generator.aclose()

    return leave


def _sync_exit(generator: Generator[Any, None, None], hop: Any) -> Exit:
    async def leave(error: BaseException | None) -> None:
        try:
            if hop is not None:
                await hop.surely(finish, generator, error)
            else:
                finish(generator, error)
        finally:
            error = None  # see `close`

    return leave


def begin(generator: Generator[Any, None, None]) -> Any:
    """A plain generator's value."""
    try:
        return next(generator)
    except StopIteration:
        raise _yielded_nothing(generator) from None


def finish(generator: Generator[Any, None, None], error: BaseException | None) -> None:
    """Run a plain generator to its end, with the error if there was one."""
    failed = error is not None
    try:
        if error is None:
            next(generator)
        else:
            generator.throw(error)
    except StopIteration:
        return
    except BaseException as raised:
        if raised is not error:
            raise
        return
    finally:
        error = None  # see `close`
    generator.close()
    if not failed:
        raise RuntimeError(f"{_named(generator)} yielded twice; a dependency yields once.")


def _yielded_nothing(generator: Any) -> RuntimeError:
    return RuntimeError(f"{_named(generator)} did not yield; a dependency yields once.")


def _named(generator: Any) -> str:
    return str(getattr(generator, "__qualname__", "the generator"))
