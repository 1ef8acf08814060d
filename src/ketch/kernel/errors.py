"""Mistakes found at start-up.

A `SetupError` is for the person who writes the application; it never happens because of what a client sent. It says
what is wrong, at which places, why that matters and what to write instead, under a stable code that has a page in the
documentation (docs/errors/CODE.md). Several mistakes are gathered into one error, so that they can be mended together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ketch.kernel.origin import Origin


@dataclass(frozen=True, slots=True)
class Place:
    """One of the lines of code that a mistake is about: `handler  app/users.py:13   async def show(id: int)`."""

    label: str
    origin: Origin
    text: str = ""

    def columns(self) -> tuple[str, str, str]:
        return self.label, str(self.origin), self.text or self.origin.text


@dataclass(frozen=True, slots=True)
class Fault:
    """One mistake. `fix` is shown as code or as a sentence; it may have several lines."""

    code: str
    what: str
    places: tuple[Place, ...] = ()
    why: str = ""
    fix: str = ""

    def __str__(self) -> str:
        lines = [f"{self.code}  {self.what}"]
        rows = [place.columns() for place in self.places]
        label_width = max((len(row[0]) for row in rows), default=0)
        where_width = max((len(row[1]) for row in rows), default=0)
        lines += [f"  {a:<{label_width}}  {b:<{where_width}}   {c}".rstrip() for a, b, c in rows]
        lines += [f"  {line}".rstrip() for text in (self.why, self.fix) if text for line in text.splitlines()]
        return "\n".join(lines)


class SetupError(Exception):
    """The application as written cannot work. `faults` holds every mistake found, in source order."""

    def __init__(self, code: str, what: str, *, places: Iterable[Place] = (), why: str = "", fix: str = "") -> None:
        self.faults: tuple[Fault, ...] = (Fault(code, what, tuple(places), why, fix),)
        super().__init__(str(self.faults[0]))

    @property
    def code(self) -> str:
        """The code of the first mistake, for example `KETCH-BIND-002`."""
        return self.faults[0].code

    @classmethod
    def gather(cls, errors: Sequence[SetupError]) -> SetupError:
        """One error that tells all of them. `errors` must not be empty; doubles are told once."""
        faults = tuple(dict.fromkeys(fault for error in errors for fault in error.faults))
        whole = cls.__new__(cls)
        whole.faults = faults
        Exception.__init__(whole, whole._text())
        return whole

    def at(self, place: Place) -> SetupError:
        """The same mistakes with one more place, told first: known to the caller, not to who found them."""
        whole = type(self).__new__(type(self))
        whole.faults = tuple(replace(fault, places=(place, *fault.places)) for fault in self.faults)
        Exception.__init__(whole, whole._text())
        return whole

    def _text(self) -> str:
        if len(self.faults) == 1:
            return str(self.faults[0])
        head = f"{len(self.faults)} mistakes were found:"
        return "\n\n".join([head, *map(str, self.faults)])

    def __str__(self) -> str:
        return self._text()


class Faults:
    """Collects mistakes while a start-up goes on, and raises them together at its end."""

    def __init__(self) -> None:
        self.errors: list[SetupError] = []

    def add(self, error: SetupError) -> None:
        self.errors.append(error)

    def raise_all(self) -> None:
        """Raises one SetupError for everything collected; does nothing if there is nothing."""
        if self.errors:
            raise SetupError.gather(self.errors)
