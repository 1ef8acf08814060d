"""Declarations and what they become: `declare` records, `freeze` checks and solves, `runtime` serves."""

from ketch.app.application import App
from ketch.app.mode import mode
from ketch.app.router import Router

__all__ = ["App", "Router", "mode"]
