"""`Submitted[T]`: what a person typed into a form, valid or not.

It never raises 422. On a GET nothing was submitted: `value` is None and there are no errors. On a valid POST `value`
is a T. On an invalid one `errors` says what is wrong, field by field, and `raw` holds what was typed, so that the page
can show the form again. `{{ form }}` in a template draws it, `{{ form["title"] }}` one field of it (the templates
room knows how); the page writes the `<form>` around it and the button.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from ketch.http.problems import ErrorDetail

T = TypeVar("T")


class Submitted(Generic[T]):
    """`value` (a T or None), `errors` (field name -> messages; "" for the form as a whole), `raw` (name -> text).

    `initial`, a mapping or an object with attributes of the fields' names, is what an edit page shows at first.
    """

    __slots__ = ("details", "errors", "initial", "plan", "raw", "request", "submitted", "value")

    def __init__(
        self,
        value: T | None,
        *,
        raw: Mapping[str, Any] | None = None,
        details: Sequence[ErrorDetail] = (),
        submitted: bool = False,
        plan: Any = None,
        request: Any = None,
    ) -> None:
        self.value = value
        self.initial: Any = None
        self.raw: Mapping[str, Any] = raw or {}
        self.details = tuple(details)
        self.submitted = submitted
        self.plan = plan
        self.request = request
        self.errors: dict[str, list[str]] = {}
        for detail in self.details:
            loc = detail["loc"]
            self.errors.setdefault(str(loc[1]) if len(loc) > 1 else "", []).append(detail["msg"])

    def __bool__(self) -> bool:
        """True when something valid was submitted."""
        return self.value is not None

    @property
    def invalid(self) -> bool:
        """True when something was submitted that is not valid: the page goes out as 422."""
        return self.submitted and bool(self.errors)

    def add_error(self, field: str, message: str) -> None:
        """Add an error found by the handler (a name that is taken); "" is the form as a whole."""
        self.errors.setdefault(field, []).append(message)

    @property
    def enctype(self) -> str:
        """What the `<form>` has to say so that files are sent: `<form method="post" enctype="{{ form.enctype }}">`."""
        from ketch.binding.forms import has_files

        return "multipart/form-data" if has_files(self) else "application/x-www-form-urlencoded"

    def __getitem__(self, name: str) -> Any:
        """One field for a template: drawn whole, or its `label`, `input`, `errors`. Raises LookupError if unknown."""
        from ketch.binding.forms import field

        return field(self, name)

    def __iter__(self) -> Iterator[Any]:
        """The fields in their order, for a template that arranges them itself."""
        from ketch.binding.forms import field_names

        return (self[name] for name in field_names(self))

    def __repr__(self) -> str:
        return f"<Submitted value={self.value!r} errors={self.errors!r}>"

    def __html__(self) -> str:
        """The form's fields with labels, what was typed, the errors and the token; drawn by the templates room."""
        from ketch.binding.forms import draw

        return draw(self)
