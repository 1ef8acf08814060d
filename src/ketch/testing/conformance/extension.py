"""Is it an extension? The kit of seams/extension."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ketch.app import App
from ketch.seams.extension import Extension


def extension(make: Callable[[], Extension]) -> None:
    """The promises of seams/extension: a name, a setup that freezes, a start and a stop, twice over."""

    async def twice() -> None:
        for _ in range(2):
            app = App(extensions=[make()], openapi_url=None, docs_url=None)
            await app.runtime.start()
            await app.runtime.stop()

    subject = make()
    assert isinstance(subject, Extension), "an extension has a name and a method setup(declare)"
    assert subject.name, "an extension's name is a text that is not empty"
    asyncio.run(twice())
