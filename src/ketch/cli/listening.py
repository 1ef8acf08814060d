"""A listening socket, or the reason why there is none, told."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

from ketch.cli.loading import PROBLEMS
from ketch.cli.terminal import say
from ketch.server.sockets import CannotListen

T = TypeVar("T")


def listening(opened: Callable[[], T]) -> T:
    """What `opened` returns. Prints what is in the way and exits with 1 if there is nothing to be had."""
    try:
        return opened()
    except CannotListen as error:
        say(str(error))
        raise click.exceptions.Exit(PROBLEMS) from None
