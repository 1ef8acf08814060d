"""The database engines that the data room knows, each behind `ketch.data.backend.Backend`."""

from __future__ import annotations

from ketch.data.adapters.mysql import MySQL
from ketch.data.adapters.postgres import Postgres
from ketch.data.adapters.sqlite import SQLite
from ketch.data.backend import Backend

BACKENDS: tuple[Backend, ...] = (SQLite(), Postgres(), MySQL())
