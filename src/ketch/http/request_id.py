"""The id of the request being handled, for whoever writes logs: set by a middleware, read everywhere."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

request_id: ContextVar[str | None] = ContextVar("ketch_request_id", default=None)
"""None outside a request, and where no middleware gives ids."""


def stamp_record(record: Any) -> bool:
    """A filter for the standard library's logging: `handler.addFilter(stamp_record)` gives records `request_id`."""
    record.request_id = request_id.get() or "-"
    return True
