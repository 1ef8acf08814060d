"""Forms as HTML: a label for every control, hints and errors tied to it, and what was typed shown again.

A control's id is `<parameter>-<field>`, so that several forms fit on one page. Classes for the page's own stylesheet:
`field`, `hint`, `error`, `form-errors`. Passwords and other secrets are never shown again, files cannot be.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from ketch.binding.forms import form_slots
from ketch.binding.plan import Slot
from ketch.binding.submitted import Submitted
from ketch.binding.text import zone_of
from ketch.http.redact import looks_secret
from ketch.kernel.shapes import MISSING
from ketch.kernel.suggest import hint as did_you_mean
from ketch.templates.fields import Attributes, Control, control, shows, text_of, values_of, words
from ketch.templates.words import CsrfInput, Html, current

_PASSWORD = re.compile(r"passw|pwd|passphrase", re.IGNORECASE).search
_NOT_IN_IDS = re.compile(r"[^\w-]+")


def draw(form: Submitted[Any]) -> str:
    """The whole form: its own errors, its fields, its token."""
    slots = list(form_slots(form))
    fields = [Drawn(form, slot) for slot in slots]
    invalid = next((field for field in fields if field.errors), None)
    if invalid is not None:
        invalid.focus = True
    token = current.set(form.request)
    try:
        parts = [_form_errors(form, slots), *(field.__html__() for field in fields), CsrfInput().__html__()]
    finally:
        current.reset(token)
    return "\n".join(part for part in parts if part)


def _form_errors(form: Submitted[Any], slots: Sequence[Slot]) -> str:
    """What is wrong with no field in particular, or with one that is not shown."""
    known = {slot.alias for slot in slots} | {slot.parameter for slot in slots}
    told = [
        message if not name else f"{words(name)}: {message}"
        for name, messages in form.errors.items()
        if name not in known
        for message in messages
    ]
    if not told:
        return ""
    return '<div class="form-errors" role="alert">' + "".join(f"<p>{escape(text)}</p>" for text in told) + "</div>"


@dataclass(slots=True)
class Drawn:
    """One field: in a template drawn whole, or by its parts `label`, `input`, `hint`, `errors`, `name`, `id`."""

    form: Submitted[Any]
    slot: Slot
    focus: bool = False

    @classmethod
    def of(cls, form: Submitted[Any], name: str) -> Drawn:
        """The field called `name` in the type, or on the wire. Raises LookupError, with a suggestion."""
        slots = list(form_slots(form))
        for slot in slots:
            if name == slot.parameter:
                return cls(form, slot)
        for slot in slots:
            if name == slot.alias:
                return cls(form, slot)
        guess = did_you_mean(str(name), [slot.parameter for slot in slots])
        raise LookupError(f'The form has no field "{name}". {guess}'.rstrip())

    # --- parts --------------------------------------------------------------------------------------------------------

    @property
    def name(self) -> str:
        """The name that is sent."""
        return self.slot.alias

    @property
    def id(self) -> str:
        """The id of its control."""
        prefix = self.form.plan.slots[0].parameter
        return _NOT_IN_IDS.sub("-", f"{prefix}-{self.slot.alias}")

    @property
    def label(self) -> str:
        """`Field(title=...)`, else the name in words."""
        return self.slot.note.title or words(self.slot.parameter)

    @property
    def hint(self) -> str:
        """`Field(description=...)`."""
        return self.slot.note.description or ""

    @property
    def errors(self) -> list[str]:
        """What is wrong with it, in words."""
        found = self.form.errors.get(self.slot.alias, [])
        other = self.form.errors.get(self.slot.parameter, []) if self.slot.parameter != self.slot.alias else []
        return [*found, *other]

    @property
    def required(self) -> bool:
        return bool(control(self.slot).attributes.get("required"))

    @property
    def value(self) -> str:
        """What it shows: what was typed, else what is there initially, else its default; "" for a secret."""
        return next(iter(self.values), "")

    @property
    def values(self) -> list[str]:
        """The same for a field that takes several."""
        if _is_secret(self.slot):
            return []
        if self.form.submitted:
            sent = _sent(self.form.raw, self.slot.alias)
            return [text for text in sent if isinstance(text, str)]
        zone = zone_of(self.form.plan.timezone)
        return [text_of(value, zone) for value in values_of(self._initial())]

    def _initial(self) -> Any:
        name, given = self.slot.parameter, self.form.initial
        if given is not None:
            found = given.get(name, MISSING) if isinstance(given, Mapping) else getattr(given, name, MISSING)
            if found is not MISSING:
                return found
        if self.slot.default_factory is not None:
            return self.slot.default_factory()
        return None if self.slot.default is MISSING else self.slot.default

    # --- HTML ---------------------------------------------------------------------------------------------------------

    @property
    def input(self) -> Html:
        """The control alone; hint and errors it speaks of have the ids `<id>-hint` and `<id>-error`."""
        found = control(self.slot)
        if found.kind == "checks":
            return Html("".join(self._checks(found)))
        if found.kind == "inputs":
            values = self.values or [""]
            lines = [self._one(found, text, self.id if at == 0 else "") for at, text in enumerate(values)]
            return Html("\n".join(lines))
        return Html(self._one(found, self.value, self.id))

    def _one(self, found: Control, value: str, id: str) -> str:
        common: Attributes = {"id": id, "name": self.slot.alias, **self._state()}
        if found.kind == "select":
            return f"<select{_written({**common, **found.attributes})}>{_options(found, value)}</select>"
        if found.kind == "textarea":
            # The parser drops a line break that comes first.
            return f"<textarea{_written({**common, 'rows': '5', **found.attributes})}>\n{escape(value)}</textarea>"
        own = dict(found.attributes)
        if found.kind == "checkbox":
            own["checked"] = value.lower() in ("true", "on", "1", "yes", "t", "y")
        elif found.kind != "file":
            self._input_type(own, value)
        return f"<input{_written({**_first(own), **common, **own})}>"

    def _input_type(self, own: Attributes, value: str) -> None:
        if _PASSWORD(self.slot.alias) and own["type"] == "text":
            own["type"] = "password"
        elif not shows(str(own["type"]), value):
            # What was typed is shown again, also where it is no number or date.
            own["type"] = "text"
            for name in ("min", "max", "step"):
                own.pop(name, None)
        elif own["type"] in ("time", "datetime-local") and value.count(":") == 2:
            own["step"] = "1" if "." not in value else "any"
        if value:
            own["value"] = value

    def _checks(self, found: Control) -> Iterator[str]:
        chosen = set(self.values)
        for at, (value, label) in enumerate(found.choices):
            id = f"{self.id}-{at + 1}"
            own: Attributes = {"type": "checkbox", "id": id, "name": self.slot.alias, "value": value}
            own["checked"] = value in chosen
            yield f'<div><input{_written(own)}> <label for="{id}">{escape(label)}</label></div>\n'

    def _state(self) -> Attributes:
        described = [f"{self.id}-hint"] if self.hint else []
        described += [f"{self.id}-error"] if self.errors else []
        return {
            "aria-describedby": " ".join(described) or False,
            "aria-invalid": "true" if self.errors else False,
            "autofocus": self.focus,
        }

    def __html__(self) -> str:
        """The field whole: label, hint, errors, control."""
        found = control(self.slot)
        hint = f'<p class="hint" id="{self.id}-hint">{escape(self.hint)}</p>' if self.hint else ""
        errors = f'<p class="error" id="{self.id}-error">{"<br>".join(map(escape, self.errors))}</p>'
        told = "\n".join(part for part in (hint, errors if self.errors else "") if part)
        if found.kind == "checks":
            described = _written({"aria-describedby": self._state()["aria-describedby"]})
            head = f'<fieldset class="field"{described}>\n<legend>{escape(self.label)}</legend>'
            return "\n".join(part for part in (head, told, self.input.rstrip("\n"), "</fieldset>") if part)
        label = f'<label for="{self.id}">{escape(self.label)}</label>'
        if found.kind == "checkbox":
            parts = ['<div class="field check">', f"{self.input} {label}", told, "</div>"]
        else:
            parts = ['<div class="field">', label, told, self.input, "</div>"]
        return "\n".join(part for part in parts if part)

    __str__ = __html__


def _is_secret(slot: Slot) -> bool:
    return looks_secret(slot.alias) or looks_secret(slot.parameter)


def _sent(raw: Mapping[str, Any], name: str) -> list[Any]:
    getlist = getattr(raw, "getlist", None)
    if getlist is not None:
        return list(getlist(name))
    return [raw[name]] if name in raw else []


def _first(attributes: Attributes) -> Attributes:
    """`type` is written first, as people do."""
    return {"type": attributes["type"]} if "type" in attributes else {}


def _written(attributes: Mapping[str, str | bool]) -> str:
    """Attributes with a space before each; True is the bare name, False and an empty id nothing."""
    parts = []
    for name, value in attributes.items():
        if value is True:
            parts.append(f" {name}")
        elif value is not False and not (name == "id" and not value):
            parts.append(f' {name}="{escape(value)}"')
    return "".join(parts)


def _options(found: Control, chosen: str) -> str:
    blank = '<option value=""></option>' if found.blank else ""
    known = any(value == chosen for value, _ in found.choices)
    other = "" if known or not chosen else f'<option value="{escape(chosen)}" selected>{escape(chosen[:100])}</option>'
    rows = [
        f'<option value="{escape(value)}"{" selected" if value == chosen else ""}>{escape(label)}</option>'
        for value, label in found.choices
    ]
    return blank + other + "".join(rows)


__all__ = ["Drawn", "draw"]
