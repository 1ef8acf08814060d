"""What a browser would find in a piece of HTML: its controls, their labels, its texts."""

from __future__ import annotations

from html.parser import HTMLParser

_CONTROLS = ("input", "select", "textarea")


class Markup(HTMLParser):
    """`controls`: the value shown by each control, by name; `labelled`: names of those with a label; `texts`."""

    def __init__(self) -> None:
        super().__init__()
        self.controls: dict[str, str] = {}
        self.labelled: set[str] = set()
        self.texts: list[str] = []
        self._named_by_id: dict[str, str] = {}
        self._labels_for: set[str] = set()
        self._in_label = False
        self._textarea: str | None = None

    @classmethod
    def of(cls, text: str) -> Markup:
        """The markup of a text."""
        found = cls()
        found.feed(text)
        found.close()
        found.labelled |= {found._named_by_id[id] for id in found._labels_for & found._named_by_id.keys()}
        return found

    def shows(self, text: str) -> bool:
        """Whether a reader sees it, in a text or in a control."""
        return any(text in shown for shown in (*self.texts, *self.controls.values()))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """HTMLParser's."""
        given = {name: value or "" for name, value in attrs}
        if tag == "label":
            self._in_label = True
            self._labels_for.add(given.get("for", ""))
        elif tag in _CONTROLS and "name" in given:
            name = given["name"]
            self.controls[name] = given.get("value", "")
            self._named_by_id[given.get("id", f"no id: {name}")] = name
            if self._in_label:
                self.labelled.add(name)
            self._textarea = name if tag == "textarea" else None

    def handle_endtag(self, tag: str) -> None:
        """HTMLParser's."""
        if tag == "label":
            self._in_label = False
        elif tag == "textarea":
            self._textarea = None

    def handle_data(self, data: str) -> None:
        """HTMLParser's."""
        self.texts.append(data)
        if self._textarea is not None:
            self.controls[self._textarea] += data.removeprefix("\n")
