"""Printing how slots are read: the lines inside the `try:` of a printed function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ketch.binding import body as bodies
from ketch.binding.construct import constructor
from ketch.binding.plan import Plan, Slot
from ketch.binding.sources import Source
from ketch.binding.text import checks, converter, multiple_of, to_int, to_str
from ketch.http.formdata import TOKEN_FIELD
from ketch.kernel.codegen import Lines
from ketch.kernel.shapes import MISSING, ListShape, ScalarShape, Shape, TupleShape, UnionShape, is_scalar, list_within

_NUMBER_TESTS = {"gt": "{v} > {b}", "ge": "{v} >= {b}", "lt": "{v} < {b}", "le": "{v} <= {b}"}
_LENGTH_TESTS = {"min_length": "len({v}) >= {b}", "max_length": "len({v}) <= {b}"}


class SlotPrinter:
    """Writes the reading of every slot of `plan` to `lines`; `names` says which variable each slot is."""

    def __init__(self, lines: Lines, plan: Plan, names: dict[int, str], unique: Callable[[str], str]) -> None:
        self.lines = lines
        self.plan = plan
        self.names = names
        self.unique = unique

    def print(self) -> None:
        self._prepare()
        for slot in self.plan.outside_body:
            self._slot(slot)
        body = self.plan.body
        if body is not None and body.kind == "json":
            self._json()
        elif body is not None:
            self.lines.add("form = await request.form()")
            for slot in body.slots:
                self._slot(slot)

    def _prepare(self) -> None:
        sources = {slot.source for slot in self.plan.slots}
        if Source.PATH in sources:
            self.lines.add("values = request.values")
        if Source.QUERY in sources:
            self.lines.add("query = request.query")
        if Source.COOKIE in sources:
            self.lines.add("cookies = request.cookies")

    # --- JSON ---------------------------------------------------------------------------------------------------------

    def _json(self) -> None:
        plan = self.plan.body
        assert plan is not None  # the caller looked
        reader = bodies.JsonBody(plan)
        decode, read = self.lines.bind("decode", reader.decode), self.lines.bind("read", reader.read)
        name = ", ".join(self.names[id(slot)] for slot in plan.slots) + ("," if plan.embed else "")
        self.lines.add("limits = request.limits")
        self.lines.add("raw = request.arrived")
        # PERF: a body that came with its head needs no coroutine to be read (0.5 us).
        with self.lines.block("if raw is None or len(raw) > limits.body:"):
            self.lines.add("raw = await request.body()")
        # PERF: more bytes than values may be, or more brackets than the depth limit, is what needs a closer look.
        shallow = 'len(raw) <= limits.json_values and raw.count(b"{") + raw.count(b"[") <= limits.json_depth'
        # A name or text that nothing reads is not decoded by msgspec: `read` sees to it that it is UTF-8.
        with self.lines.block(
            f'if request.says(b"content-type", b"application/json") and {shallow} and raw.isascii():'
        ):
            self.lines.add(f"{name} = {decode}(raw)")
        with self.lines.block("else:"):
            self.lines.add(f"{name} = {read}(request, raw)")

    # --- text and files -----------------------------------------------------------------------------------------------

    def _slot(self, slot: Slot) -> None:
        if slot.record is not None:
            self._record(slot)
            return
        name = self.names.setdefault(id(slot), "")
        if not name:
            name = self.names[id(slot)] = self.unique(slot.name)
        if slot.source is Source.PATH:
            self._path(slot, name)
        elif slot.source is Source.FILE:
            self._file(slot, name)
        elif is_scalar(slot.shape):
            self._scalar(slot, name)
        else:
            self._list(slot, name)

    def _path(self, slot: Slot, name: str) -> None:
        if isinstance(slot.shape, UnionShape) and any(member.constraints for member in slot.shape.members):
            # Routing converts without constraints; which member a text is depends on theirs.
            read = self.lines.bind(f"read_{slot.name}", converter(slot.shape))
            self.lines.add(f"{name} = {read}(request.raw_values[{slot.index}])")
            return
        self.lines.add(f"{name} = values[{slot.index}]")
        self._constrain(slot.shape, name)

    def _scalar(self, slot: Slot, name: str) -> None:
        convert = converter(slot.shape, self._zone(slot))
        simple = isinstance(slot.shape, ScalarShape)
        call = self._bound_converter(slot, convert)
        if slot.required and slot.source in (Source.QUERY, Source.COOKIE):
            mapping = "query" if slot.source is Source.QUERY else "cookies"
            self.lines.add(f"{name} = {mapping}[{slot.alias!r}]")
            if call != "{}":
                self.lines.add(f"{name} = {call.format(name)}")
            if simple:
                self._constrain(slot.shape, name)
            return
        self.lines.add(f"{name} = {self._maybe(slot)}")
        with self.lines.block(f"if {name} is None:"):
            self._absent(slot, name)
        if call == "{}" and not slot.constraints:
            return
        with self.lines.block("else:"):
            if call != "{}":
                self.lines.add(f"{name} = {call.format(name)}")
            if simple:
                self._constrain(slot.shape, name)

    def _bound_converter(self, slot: Slot, convert: Any) -> str:
        """`to_int({})`: for a plain scalar the bare conversion, its constraints are printed; else all in one."""
        if isinstance(slot.shape, ScalarShape) and slot.constraints:
            import dataclasses

            from ketch.kernel.shapes import FREE

            tz = dataclasses.replace(FREE, tz=slot.constraints.tz)
            convert = converter(dataclasses.replace(slot.shape, constraints=tz), self._zone(slot))
        if convert is to_str:
            return "{}"
        if convert is to_int:
            # PERF: digits and nothing else is what an int mostly is; a call less.
            return "int({0}) if {0}.isdigit() and {0}.isascii() else " + self.lines.bind("to_int", to_int) + "({0})"
        label = getattr(convert, "__name__", "convert")
        return self.lines.bind(label if label.startswith("to_") else f"read_{slot.name}", convert) + "({})"

    def _zone(self, slot: Slot) -> str | None:
        return self.plan.timezone if slot.source is Source.FORM else None

    def _maybe(self, slot: Slot) -> str:
        """An expression for the text, or None when it is absent."""
        match slot.source:
            case Source.QUERY:
                return f"query.get({slot.alias!r})"
            case Source.COOKIE:
                return f"cookies.get({slot.alias!r})"
            case Source.HEADER:
                return f"request.header({slot.alias.lower().encode('latin-1')!r})"
        text = isinstance(slot.shape, ScalarShape) and slot.shape.type is str
        function = bodies.form_text if text else bodies.form_filled
        return f"{self.lines.bind(function.__name__, function)}(form, {slot.alias!r})"

    def _absent(self, slot: Slot, name: str) -> None:
        if _form_checkbox(slot):
            self.lines.add(f"{name} = False")
        elif slot.required:
            self.lines.add(f"raise KeyError({slot.alias!r})")
        else:
            self.lines.add(f"{name} = {self._default(slot)}")

    def _default(self, slot: Slot) -> str:
        plain = slot.default_factory is None and type(slot.default) in (int, bool, str, type(None))
        if plain:
            return repr(slot.default)
        return self.lines.bind(f"default_{slot.name}", bodies.fresh_default(slot)) + "()"

    def _constrain(self, shape: Shape, name: str) -> None:
        for word, bound in shape.constraints.items():
            template = {**_NUMBER_TESTS, **_LENGTH_TESTS}.get(word)
            if template is not None:
                shown = repr(bound) if type(bound) in (int, float) else self.lines.bind("bound_of", bound)
                test = template.format(v=name, b=shown)
            elif word == "multiple_of":
                test = f"{self.lines.bind('multiple_of', multiple_of)}({name}, {self.lines.bind('step', bound)})"
            elif word == "pattern":
                import re

                test = f"{self.lines.bind('search', re.compile(bound).search)}({name})"
            else:
                continue
            with self.lines.block(f"if not {test}:"):
                self.lines.add(f"raise ValueError({word!r})")

    def _list(self, slot: Slot, name: str) -> None:
        within = list_within(slot.shape)
        if within is None:
            raise TypeError(f"{slot.shape.annotation} cannot be read from the {slot.source.value}")
        self.lines.add(f"{name} = {self._texts(slot, within)}")
        with self.lines.block(f"if not {name}:"):
            self._absent(slot, name)
        with self.lines.block("else:"):
            self.lines.add(f"{name} = {self._converted_list(slot, within, name)}")
            tests = checks(slot.shape) or checks(within)
            if tests:
                self._constrain(within if not slot.shape.constraints else slot.shape, name)

    def _texts(self, slot: Slot, within: ListShape | TupleShape) -> str:
        match slot.source:
            case Source.QUERY:
                return f"request.query_list({slot.alias!r})"
            case Source.HEADER:
                return f"request.header_list({slot.alias.lower().encode('latin-1')!r})"
            case Source.COOKIE:
                return f"[cookies[{slot.alias!r}]] if {slot.alias!r} in cookies else []"
        item = within.item if isinstance(within, ListShape) else within.items[0] if within.items else None
        function = bodies.form_texts if isinstance(item, ScalarShape) and item.type is str else bodies.form_filled_texts
        return f"{self.lines.bind(function.__name__, function)}(form, {slot.alias!r})"

    def _converted_list(self, slot: Slot, within: ListShape | TupleShape, name: str) -> str:
        if isinstance(within, TupleShape):
            readers = [converter(item, self._zone(slot)) for item in within.items]
            known = self.lines.bind(f"readers_{slot.name}", readers)
            return f"tuple(read(text) for read, text in zip({known}, {name}, strict=True))"
        read = converter(within.item, self._zone(slot))
        kind = within.type.__name__
        if read is to_str:
            return name if kind == "list" else f"{kind}({name})"
        known = self.lines.bind(f"read_{slot.name}", read)
        return f"{kind}(map({known}, {name}))" if kind != "list" else f"[{known}(text) for text in {name}]"

    def _file(self, slot: Slot, name: str) -> None:
        function = bodies.form_files if slot.many else bodies.form_file
        self.lines.add(f"{name} = {self.lines.bind(function.__name__, function)}(form, {slot.alias!r})")
        with self.lines.block(f"if not {name}:" if slot.many else f"if {name} is None:"):
            self._absent(slot, name)
        if not slot.upload:
            with self.lines.block("else:"):
                self.lines.add(f"{name} = await {name}.read()")
        elif slot.many and slot.constraints:
            with self.lines.block("else:"):
                self._constrain(slot.shape, name)

    # --- parameter structs --------------------------------------------------------------------------------------------

    def _record(self, slot: Slot) -> None:
        name, record = self.names[id(slot)], slot.record
        assert record is not None  # the caller looked
        if record.forbid_unknown and slot.source in (Source.QUERY, Source.FORM):
            self._forbid_unknown(slot)
        if not slot.required:
            with self.lines.block(f"if not ({self._any_present(slot)}):"):
                self.lines.add(f"{name} = {self._default(slot)}")
            with self.lines.block("else:"):
                self._fields(slot, name)
        else:
            self._fields(slot, name)

    def _fields(self, slot: Slot, name: str) -> None:
        assert slot.record is not None
        if slot.record.kind == "pydantic":
            self._pydantic(slot, name)
            return
        made: list[str] = []
        optional: list[tuple[str, Slot]] = []
        for item in slot.fields:
            bare = item.required or item.default is not MISSING or item.default_factory is not None
            if bare:
                self._slot(item)
                made.append(f"{item.parameter!r}: {self.names[id(item)]}")
            else:
                optional.append((item.parameter, item))
        make = self.lines.bind(f"make_{slot.name}", constructor(slot.record))
        self.lines.add(f"{name} = {{{', '.join(made)}}}")
        for key, item in optional:  # only a TypedDict can leave a field out
            with self.lines.block(f"if {self._present(item)}:"):
                self._slot(item)
                self.lines.add(f"{name}[{key!r}] = {self.names[id(item)]}")
        if slot.record.kind != "typeddict":
            self.lines.add(f"{name} = {make}({name})")

    def _pydantic(self, slot: Slot, name: str) -> None:
        """Texts go to pydantic as they are: it coerces and explains in its own way."""
        assert slot.record is not None
        from pydantic import TypeAdapter

        validate = self.lines.bind(f"validate_{slot.name}", TypeAdapter(slot.record.annotation).validate_python)
        self.lines.add(f"{name} = {{}}")
        for item, field in zip(slot.fields, slot.record.fields, strict=True):
            many = not is_scalar(item.shape)
            with self.lines.block(f"if {self._present(item)}:"):
                within = list_within(item.shape)
                source = self._texts(item, within) if many and within is not None else self._raw(item)
                self.lines.add(f"{name}[{field.alias!r}] = {source}")
        self.lines.add(f"{name} = {validate}({name})")

    def _raw(self, item: Slot) -> str:
        return f"request.raw_values[{item.index}]" if item.source is Source.PATH else self._maybe(item)

    def _present(self, item: Slot) -> str:
        if item.source is Source.PATH:
            return "True"  # the route would not have matched without it
        if item.source is Source.FILE:
            return f"{self.lines.bind('form_files', bodies.form_files)}(form, {item.alias!r})"
        if not is_scalar(item.shape):
            within = list_within(item.shape)
            return self._texts(item, within) if within is not None else "False"
        return f"{self._maybe(item)} is not None"

    def _any_present(self, slot: Slot) -> str:
        return " or ".join(f"({self._present(item)})" for item in slot.fields) or "False"

    def _forbid_unknown(self, slot: Slot) -> None:
        known = {s.alias for top in self.plan.slots if top.source is slot.source for s in (top.fields or (top,))}
        if slot.source is Source.FORM:
            known |= {s.alias for top in self.plan.slots if top.source is Source.FILE for s in (top.fields or (top,))}
            known.add(TOKEN_FIELD)
        where = "query" if slot.source is Source.QUERY else "form"
        allowed = self.lines.bind(f"known_{slot.name}", frozenset(known))
        with self.lines.block(f"if not {allowed}.issuperset({where}.keys()):"):
            self.lines.add('raise ValueError("unknown name")')


def _form_checkbox(slot: Slot) -> bool:
    """Browsers leave out a box that is not ticked."""
    return slot.source is Source.FORM and isinstance(slot.shape, ScalarShape) and slot.shape.type is bool
