"""Forms that are shown again: the plan behind `Submitted[T]`, and reading one."""

from __future__ import annotations

import dataclasses
from collections.abc import Awaitable, Callable, Iterator
from typing import TYPE_CHECKING, Any

from ketch.binding.plan import BodyPlan, Plan, Slot
from ketch.binding.sources import Marker, Source
from ketch.binding.submitted import Submitted
from ketch.http.problems import ValidationProblem

if TYPE_CHECKING:
    from ketch.binding.classify import Classifier
    from ketch.inject.provider import Provider

Interpret = Callable[[Plan, Any], Awaitable[dict[str, Any]]]


def form_plan(where: Classifier, provider: Provider, name: str, annotation: Any, timezone: str, label: str) -> Plan:
    """The plan that reads one T from a form's fields. Raises SetupError if T has fields that text cannot say."""
    from ketch.binding.signature import Parameter
    from ketch.kernel.shapes import MISSING

    reader = dataclasses.replace(where, methods=frozenset({"POST"}), guard=False, names=set())
    marker = Marker(source=Source.FORM)
    parameter = Parameter(name, annotation, annotation, (marker,), MISSING, False)
    slot = reader._slot(Source.FORM, marker, parameter, provider)
    body = BodyPlan(kind="form", slots=(slot,))
    return Plan(label=label, slots=(slot,), body=body, timezone=timezone)


def submitter(interpret: Interpret) -> Callable[[Plan, Any], Awaitable[Submitted[Any]]]:
    """The function that printed code calls for a `Submitted` parameter."""

    async def submit(plan: Plan, request: Any) -> Submitted[Any]:
        if request.method in ("GET", "HEAD"):
            return Submitted(None, plan=plan, request=request)
        slot = plan.slots[0]
        try:
            value = (await interpret(plan, request))[slot.name]
        except ValidationProblem as problem:
            raw = await request.form()
            return Submitted(None, raw=raw, details=problem.errors, submitted=True, plan=plan, request=request)
        return Submitted(value, raw=await request.form(), submitted=True, plan=plan, request=request)

    return submit


def form_slots(form: Submitted[Any]) -> Iterator[Slot]:
    """The slots of a form's fields, in their order."""
    for slot in form.plan.slots if form.plan is not None else ():
        yield from slot.fields or (slot,)


def has_files(form: Submitted[Any]) -> bool:
    """Whether a field of the form is a file."""
    return any(slot.source is Source.FILE for slot in form_slots(form))


def field_names(form: Submitted[Any]) -> list[str]:
    """The names of the fields as the type has them."""
    return [slot.parameter for slot in form_slots(form)]


def draw(form: Submitted[Any]) -> str:
    """The form as HTML: what the application's templates room makes of it."""
    drawn: str = _room(form).draw_form(form)
    return drawn


def field(form: Submitted[Any], name: str) -> Any:
    """One field, as the templates room shows it."""
    return _room(form).field(form, name)


def _room(form: Submitted[Any]) -> Any:
    runtime = getattr(form.request, "runtime", None)
    if runtime is None:
        raise RuntimeError("a form can be drawn only for a request of a running application")
    if runtime.templates is None:
        runtime.load_templates()
    return runtime.templates


__all__ = ["draw", "field", "field_names", "form_plan", "form_slots", "has_files", "submitter"]
