"""`ketch shell`: a Python prompt in the started application.

The event loop runs in the main thread; the prompt stands in another and hands each line over, so that `await` works at
the prompt as it does in a handler.
"""

from __future__ import annotations

import ast
import code
import inspect
import signal
import sys
import threading
import traceback
import types
from concurrent.futures import CancelledError
from typing import Any

import click

from ketch.cli.loading import PROBLEMS, app_argument, frozen, load, report
from ketch.cli.terminal import paint, say


@click.command()
@app_argument
@click.option("--command", "-c", "text", metavar="CODE", help="Run this and leave.")
def shell(app: str | None, text: str | None) -> None:
    """A Python prompt with the application, its container and await.

    \b
    Names:    app        the application, started
              get(T)     what provides T, for instance:  session = await get(Session)
              call(f)    call f with its parameters injected
              url_for    the path of a route
    Example:  ketch shell
              ketch shell -c "print(url_for('home'))"
    """
    found = load(app)
    frozen(found)
    import asyncio

    raise click.exceptions.Exit(asyncio.run(_session(found.app, text)))


async def _session(app: Any, text: str | None) -> int:
    """Start, let the prompt speak, stop. Returns the exit code."""
    import asyncio

    try:
        await app.runtime.start()
    except Exception as error:
        say(report(error))
        return PROBLEMS
    try:
        async with app.scope() as scope:
            prompt = _Prompt(_names(app, scope), asyncio.get_running_loop())
            if text is None and sys.stdin.isatty():
                prompt.take_interrupts()
                await _in_thread(lambda: prompt.talk(_banner(app)))
                return 0
            source = text if text is not None else await _in_thread(sys.stdin.read)
            return await prompt.run(source)
    finally:
        await app.runtime.stop()


def _names(app: Any, scope: Any) -> dict[str, Any]:
    names = {"app": app, "get": scope.get, "call": scope.call, "scope": scope, "url_for": app.url_path_for}
    models = sys.modules.get("ketch.data")
    if models is not None:  # the application uses the data room: its models are what one asks for at a prompt
        names |= {kind.__name__: kind for kind in _below(models.Model)}
        names |= {name: getattr(models, name) for name in ("Session", "Sessions", "select")}
    return {"__name__": "__console__", "__doc__": None, **names}


def _below(kind: type) -> list[type]:
    found: dict[type, None] = {}
    direct: list[type] = type.__subclasses__(kind)
    for below in direct:
        found |= dict.fromkeys([below, *_below(below)])
    return list(found)


def _banner(app: Any) -> str:
    python = ".".join(map(str, sys.version_info[:3]))
    return (
        f"{app.title} {app.version}, Python {python}. {paint('app, get(T), call(f), url_for; await works.', dim=True)}"
    )


async def _in_thread(work: Any) -> Any:
    """In a daemon thread: a prompt that waits for a line must not keep the process alive."""
    import asyncio

    loop = asyncio.get_running_loop()
    done: asyncio.Future[Any] = loop.create_future()

    def settle(value: Any, error: BaseException | None) -> None:
        if not done.done():
            done.set_exception(error) if error is not None else done.set_result(value)

    def body() -> None:
        try:
            outcome, error = work(), None
        except BaseException as raised:
            outcome, error = None, RuntimeError(str(raised)) if isinstance(raised, StopIteration) else raised
        loop.call_soon_threadsafe(settle, outcome, error)

    threading.Thread(target=body, name="ketch-shell", daemon=True).start()
    return await done


class _Prompt(code.InteractiveConsole):
    """Python's own prompt, whose code runs on the loop."""

    def __init__(self, names: dict[str, Any], loop: Any) -> None:
        super().__init__(names)
        self.names = names
        self.loop = loop
        self.running: Any = None
        self.compile.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT

    def talk(self, banner: str) -> None:
        """Until end of file."""
        try:
            import readline  # noqa: F401 (it gives the prompt a history)
        except ImportError:
            pass
        self.interact(banner, exitmsg="")

    def runcode(self, code: types.CodeType) -> None:
        """One entry: evaluated on the loop, awaited there if it has to be."""
        import asyncio

        self.running = asyncio.run_coroutine_threadsafe(self._evaluate(code), self.loop)
        try:
            self.running.result()
        except SystemExit:
            raise
        except CancelledError:
            self.write("KeyboardInterrupt\n")
        except BaseException as error:
            self.write("".join(traceback.format_exception(_from(error, "<console>"))))
        finally:
            self.running = None

    def take_interrupts(self) -> None:
        """Ctrl+C ends what is running, not the prompt."""
        try:
            self.loop.add_signal_handler(signal.SIGINT, self._interrupted)
        except NotImplementedError:  # Windows: it ends the prompt
            pass

    def _interrupted(self) -> None:
        if self.running is not None:
            self.running.cancel()
        else:
            self.write("\nCtrl+D leaves.\n>>> ")

    async def _evaluate(self, code: types.CodeType) -> Any:
        outcome = types.FunctionType(code, self.names)()
        return await outcome if inspect.iscoroutine(outcome) else outcome

    async def run(self, source: str) -> int:
        """A whole text at once. Returns the exit code."""
        try:
            compiled = compile(source, "<shell>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
            await self._evaluate(compiled)
        except Exception as error:
            say("".join(traceback.format_exception(_from(error, "<shell>"))).rstrip())
            return PROBLEMS
        return 0


def _from(error: BaseException, file: str) -> BaseException:
    """The error with its traceback from the first line of `file` on: without what called it."""
    frames = error.__traceback__
    while frames is not None and frames.tb_frame.f_code.co_filename != file:
        frames = frames.tb_next
    return error.with_traceback(frames)
