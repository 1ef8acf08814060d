"""Which database: what the code says, what the environment says, and what a test gets instead.

`DATABASE_URL` wins over the code. With KETCH_ENV=test neither counts: a test gets `TEST_DATABASE_URL` or a fresh
temporary SQLite file, so that it can never touch the configured database.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_URL = "sqlite:///app.db"

_IN_MEMORY = re.compile(r"sqlite(\+\w+)?:/{0,3}(:memory:)?$")
_SECRET_OPTION = re.compile(r"(?i)([?&](?:password|passwd|pwd|sslpassword|secret|token)=)[^&]*")
_PASSWORD = re.compile(r"(://[^:/@?#]*):[^@/]*@")


@dataclass(frozen=True, slots=True)
class Address:
    """`url` in SQLAlchemy's form; `source` says who chose it; `temporary` is a folder to delete afterwards."""

    url: str
    source: str
    temporary: Path | None = None

    @property
    def shown(self) -> str:
        """The URL for logs and terminals, with its password hidden."""
        return hide_password(self.url)


def hide_password(url: str) -> str:
    """`postgresql://ann:***@db/shop`: also passwords that stand among the options."""
    return _SECRET_OPTION.sub(r"\1***", _PASSWORD.sub(r"\1:***@", url))


def choose(configured: str | None, mode: str, environ: Mapping[str, str] = os.environ) -> Address:
    """The address for this mode ("production", "dev" or "test").

    A database in memory becomes a temporary file: every connection and thread sees the same one, and the settings
    that matter (WAL, the lock of writers) are those of production.
    """
    if mode == "test":
        address = Address(environ.get("TEST_DATABASE_URL", ""), "TEST_DATABASE_URL")
        return address if address.url else temporary_file("a fresh temporary file, because this is a test")
    url, source = environ.get("DATABASE_URL", ""), "DATABASE_URL"
    if not url:
        url, source = configured or DEFAULT_URL, "the code" if configured else "the default"
    if _IN_MEMORY.match(url):
        return temporary_file("a temporary file that stands in for memory")
    return Address(url, source)


def temporary_file(source: str) -> Address:
    """A new SQLite file in a folder of its own, which may be deleted when the database closes."""
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="ketch-db-"))
    return Address(f"sqlite:///{folder / 'test.db'}", source, folder)
