"""From solved nodes to plans: which slots a printed function reads, and how the body is divided among them."""

from __future__ import annotations

from collections.abc import Iterable

from ketch.binding.classify import Classifier
from ketch.binding.mistakes import mixed_bodies, two_bodies
from ketch.binding.plan import BodyPlan, Plan, Slot
from ketch.binding.sources import Source
from ketch.inject.graph import Node
from ketch.inject.provider import Provider


def assemble(where: Classifier, provider: Provider, nodes: Iterable[Node], timezone: str) -> Plan:
    """The plan for everything `nodes` read. Raises SetupError for two inferred bodies or JSON beside a form."""
    slots: dict[int, Slot] = {}
    for node in nodes:
        for leaf in node.leaves():
            if isinstance(leaf, Slot):
                slots[id(leaf)] = leaf
    body = _body(where, provider, list(slots.values()))
    return Plan(label=where.label, slots=tuple(slots.values()), body=body, timezone=timezone)


def _body(where: Classifier, provider: Provider, slots: list[Slot]) -> BodyPlan | None:
    json = [slot for slot in slots if slot.source is Source.BODY]
    form = [slot for slot in slots if slot.source in (Source.FORM, Source.FILE)]
    if json and form:
        raise mixed_bodies(where, provider, json[0], form[0])
    if form:
        return BodyPlan(kind="form", slots=tuple(form))
    if not json:
        return None
    inferred = [slot for slot in json if slot.inferred]
    if len(inferred) > 1:
        raise two_bodies(where, provider, inferred)
    embed = len(json) > 1 or json[0].embed
    return BodyPlan(kind="json", slots=tuple(json), embed=embed, media_type=json[0].media_type)
