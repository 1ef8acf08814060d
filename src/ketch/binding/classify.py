"""Where each parameter of a callable comes from: the rules of "first match", and the start-up mistakes they find.

A `Classifier` belongs to one route (or command, or exception handler). It reads the signatures of the handler and of
every dependency, and turns each parameter into a slot, a framework leaf, or a need for another provider.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ketch.binding.framework import framework_leaf
from ketch.binding.mistakes import (
    body_on_get,
    cannot_be_read,
    guard_with_body,
    nested_parameter_struct,
    nothing_to_call,
    path_name_unknown,
    unfit_in_thread,
    unfit_in_websocket,
    unknown_type,
)
from ketch.binding.plan import Slot
from ketch.binding.signature import EMPTY, Parameter, Signature, read_signature
from ketch.binding.sources import DependsMarker, Marker, Source
from ketch.http.uploads import UploadFile
from ketch.inject.graph import Need, Wanted
from ketch.inject.provider import Provider, Qualified, called, check_scope, name_of
from ketch.kernel.annotations import shape_of
from ketch.kernel.constraints import refine
from ketch.kernel.errors import Place
from ketch.kernel.origin import Origin
from ketch.kernel.shapes import (
    MISSING,
    FieldShape,
    ListShape,
    NoneShape,
    OpaqueShape,
    RecordShape,
    ScalarShape,
    Shape,
    UnionShape,
    is_scalar,
    is_scalar_list,
    is_structured,
)

BODILESS = frozenset({"GET", "HEAD", "OPTIONS", "DELETE"})


class Registry(Protocol):
    """Who provides a type, and what replaces a callable (overrides)."""

    def find(self, key: Any) -> Provider | None:
        """The provider of a type or Qualified, by exact match."""

    def replace(self, dependency: Callable[..., Any]) -> Any:
        """The callable that stands for `dependency` now: itself unless it is overridden."""

    def names(self) -> list[str]:
        """Names of the provided types, for Did you mean."""


@dataclass(slots=True)
class Classifier:
    """The place for which parameters are read. `paths` maps a path name to its position in the pattern."""

    label: str
    origin: Origin
    registry: Registry
    paths: Mapping[str, int] = field(default_factory=dict)
    methods: frozenset[str] = frozenset()
    websocket: bool = False
    guard: bool = False
    outside: bool = False
    given: Mapping[str, Any] = field(default_factory=dict)
    local_names: Mapping[str, Any] | None = None
    used_paths: set[str] = field(default_factory=set)
    names: set[str] = field(default_factory=set)
    given_to: Any = None
    signatures: dict[int, Signature] = field(default_factory=dict)

    @property
    def bodiless(self) -> bool:
        return bool(self.methods & BODILESS)

    def signature(self, target: Callable[..., Any]) -> Signature:
        """The signature of a callable, read once for this place."""
        known = self.signatures.get(id(target))
        if known is None:
            known = self.signatures[id(target)] = read_signature(target, self.local_names)
        return known

    def read(self, provider: Provider, scopes: tuple[str, ...]) -> Iterator[Wanted]:
        """What the parameters of `provider` want; the `Reader` of an inject.graph.Solver."""
        signature = self.signature(provider.target)
        by_name = False
        for position, parameter in enumerate(signature.parameters):
            given = self.given.get(parameter.name) or self.given.get(f"#{position}")
            is_given = given is not None and provider.key is self.given_to
            source = given if is_given else self._source(parameter, provider, scopes)
            by_name = by_name or parameter.keyword or source is None  # behind one left to its default
            if source is not None:
                yield Wanted(parameter.name, source, by_name)

    def _source(self, parameter: Parameter, provider: Provider, scopes: tuple[str, ...]) -> Any:
        marker = marker_of(parameter)
        if isinstance(marker, DependsMarker):
            return self._depends(marker, parameter, provider)
        framework = framework_leaf(parameter, scopes)
        if framework is not None and marker is None:
            if self.outside and parameter.default is not MISSING:
                return None  # there is no request here; its default says what then
            if framework.kind == "websocket" and not self.websocket:
                raise unknown_type(self, parameter, provider, "An ordinary request is no WebSocket.")
            return framework
        if isinstance(marker, Marker):
            return self._marked(marker, parameter, provider)
        if parameter.name in self.paths:
            return self._slot(Source.PATH, Marker(source=Source.PATH), parameter, provider)
        return self._provided(parameter, provider) or self._inferred(parameter, provider)

    # --- other providers ----------------------------------------------------------------------------------------------

    def _depends(self, marker: DependsMarker, parameter: Parameter, provider: Provider) -> Need:
        dependency = marker.dependency if marker.dependency is not None else parameter.bare
        if dependency is EMPTY or not callable(dependency):
            raise nothing_to_call(self, parameter, provider)
        check_scope(marker.scope, provider.origin)
        replaced = self.registry.replace(dependency)
        if isinstance(replaced, Provider):
            return Need(replaced, marker.use_cache, marker.scopes, marker.security)
        made = called(replaced, marker.scope, marker.inline)
        return Need(made, marker.use_cache, marker.scopes, _is_security(marker, replaced))

    def _provided(self, parameter: Parameter, provider: Provider) -> Need | None:
        key = key_of(parameter)
        found = self.registry.find(key) if key is not None else None
        if found is None:
            return None
        if self.websocket and "websocket" in found.instead:
            raise unfit_in_websocket(self, parameter, provider, name_of(found.instead["websocket"]))
        if provider.kind.is_sync and not provider.inline and "def" in found.instead:
            raise unfit_in_thread(self, parameter, provider, name_of(found.instead["def"]))
        return Need(found)

    # --- values from the request --------------------------------------------------------------------------------------

    def _inferred(self, parameter: Parameter, provider: Provider) -> Slot | None:
        if self.outside:
            if parameter.default is not MISSING:
                return None
            raise unknown_type(self, parameter, provider, "There is no request here to read it from.")
        shape = self._shape(parameter, provider)
        if _upload(shape):
            return self._slot(Source.FILE, Marker(source=Source.FILE), parameter, provider)
        if is_scalar(shape) or is_scalar_list(shape):
            return self._slot(Source.QUERY, Marker(source=Source.QUERY), parameter, provider)
        if not is_structured(shape):
            if parameter.default is not MISSING:
                return None  # nobody provides it; its default says what then
            raise unknown_type(self, parameter, provider)
        if self.websocket or self.bodiless:
            raise body_on_get(self, parameter, provider)
        return self._slot(Source.BODY, Marker(source=Source.BODY), parameter, provider, inferred=True)

    def _marked(self, marker: Marker, parameter: Parameter, provider: Provider) -> Slot:
        if marker.source is Source.PATH and (marker.alias or parameter.name) not in self.paths:
            shape = self._shape(parameter, provider)
            if not isinstance(shape, RecordShape):
                raise path_name_unknown(self, parameter, provider, marker.alias or parameter.name)
        body = marker.source in (Source.BODY, Source.FORM, Source.FILE)
        if body and (self.websocket or self.methods & {"GET", "HEAD"} == self.methods != frozenset()):
            raise body_on_get(self, parameter, provider)
        return self._slot(marker.source, marker, parameter, provider)

    def _shape(self, parameter: Parameter, provider: Provider) -> Shape:
        if not parameter.annotated:
            return ScalarShape(annotation=str, type=str)
        try:
            return shape_of(parameter.annotation)
        except (TypeError, NameError) as error:
            raise unknown_type(self, parameter, provider, str(error)) from None

    def _slot(
        self, source: Source, marker: Marker, parameter: Parameter, provider: Provider, inferred: bool = False
    ) -> Slot:
        if self.guard and source in (Source.BODY, Source.FORM, Source.FILE):
            raise guard_with_body(self, parameter, provider)
        shape = refine(self._shape(parameter, provider), marker)
        default = parameter.default if marker.default is MISSING else marker.default
        default = MISSING if isinstance(default, Marker) or default is ... else default
        alias = marker.alias or _wire_name(parameter.name, source, marker)
        upload = _upload(shape)
        if upload and source is Source.FORM:
            source = Source.FILE
        slot = Slot(
            name=self._unique(parameter.name),
            source=source,
            alias=alias,
            shape=shape,
            parameter=parameter.name,
            required=default is MISSING and marker.default_factory is None,
            default=default,
            default_factory=marker.default_factory,
            index=self.paths.get(alias, -1),
            upload=upload,
            many=upload and list_of_uploads(shape),
            note=shape.note,
            include_in_schema=marker.include_in_schema,
            embed=marker.embed,
            inferred=inferred,
            media_type=marker.media_type,
            place=Place("parameter", provider.origin),
        )
        if source is Source.PATH:
            self.used_paths.add(alias)
        if source is Source.BODY:
            return slot
        return self._expanded(slot, marker, parameter, provider)

    def _expanded(self, slot: Slot, marker: Marker, parameter: Parameter, provider: Provider) -> Slot:
        """A record outside a JSON body is a parameter struct: one slot for each of its fields."""
        record = _record_of(slot.shape)
        if record is None:
            readable = is_scalar(slot.shape) or is_scalar_list(slot.shape) or slot.upload
            readable = readable or _bytes_file(slot)
            if not readable or (slot.source is Source.PATH and is_scalar_list(slot.shape)):
                raise cannot_be_read(self, parameter, provider, slot.source.value)
            return slot
        fields = tuple(self._field(slot, marker, item, parameter, provider) for item in record.fields)
        return dataclasses.replace(slot, fields=fields, record=record)

    def _field(self, slot: Slot, marker: Marker, item: FieldShape, parameter: Parameter, provider: Provider) -> Slot:
        upload = _upload(item.shape)
        if not (upload or is_scalar(item.shape) or is_scalar_list(item.shape)):
            raise nested_parameter_struct(self, parameter, provider, item.name)
        alias = item.alias if item.alias != item.name else _wire_name(item.name, slot.source, marker)
        if slot.source is Source.PATH:
            if alias not in self.paths:
                raise path_name_unknown(self, parameter, provider, alias)
            self.used_paths.add(alias)
        source = Source.FILE if upload else Source.FORM if slot.source is Source.FILE else slot.source
        return Slot(
            name=self._unique(f"{slot.name}_{item.name}"),
            source=source,
            alias=alias,
            shape=item.shape,
            parameter=item.name,
            required=item.required,
            default=item.default,
            default_factory=item.default_factory,
            index=self.paths.get(alias, -1),
            upload=upload,
            many=upload and list_of_uploads(item.shape),
            note=item.shape.note,
        )

    def _unique(self, name: str) -> str:
        unique, n = name, 1
        while unique in self.names:
            n += 1
            unique = f"{name}_{n}"
        self.names.add(unique)
        return unique


def marker_of(parameter: Parameter) -> Marker | DependsMarker | None:
    """The marker in Annotated, else the one written as the default value."""
    for item in reversed(parameter.metadata):
        if isinstance(item, (Marker, DependsMarker)):
            return item
    if isinstance(parameter.default, (Marker, DependsMarker)):
        return parameter.default
    return None


def _is_security(marker: DependsMarker, target: Any) -> bool:
    return marker.security or hasattr(target, "scheme_name")


def key_of(parameter: Parameter) -> Any:
    """What a provider of this parameter is registered under; None for what nobody can provide."""
    bare = parameter.bare
    if bare is EMPTY or bare is None:
        return None
    qualifier = next((item for item in parameter.metadata if isinstance(item, str)), None)
    try:
        hash(bare)
    except TypeError:
        return None
    return Qualified(bare, qualifier) if qualifier is not None else bare


def _wire_name(name: str, source: Source, marker: Marker) -> str:
    return name.replace("_", "-") if source is Source.HEADER and marker.convert_underscores else name


def _record_of(shape: Shape) -> RecordShape | None:
    if isinstance(shape, UnionShape):
        rest = [m for m in shape.members if not isinstance(m, NoneShape)]
        shape = rest[0] if len(rest) == 1 else shape
    return shape if isinstance(shape, RecordShape) else None


def _upload(shape: Shape) -> bool:
    match shape:
        case OpaqueShape(type=kind):
            return isinstance(kind, type) and issubclass(kind, UploadFile)
        case ListShape(item=item):
            return _upload(item)
        case UnionShape(members=members):
            return any(_upload(m) for m in members)
    return False


def list_of_uploads(shape: Shape) -> bool:
    """True for `list[UploadFile]`, also when it may be None."""
    if isinstance(shape, UnionShape):
        return any(list_of_uploads(m) for m in shape.members)
    return isinstance(shape, ListShape)


def _bytes_file(slot: Slot) -> bool:
    return slot.source is Source.FILE and isinstance(slot.shape, ScalarShape) and slot.shape.type is bytes
