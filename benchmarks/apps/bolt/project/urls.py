"""No URLs of Django's own."""

from __future__ import annotations

from typing import Any

urlpatterns: list[Any] = []
