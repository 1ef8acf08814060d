"""Who provides what: the application's providers, what extensions added, and overrides in front of both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ketch.inject.provider import Provider, name_of
from ketch.kernel.errors import Place, SetupError


class ProviderRegistry:
    """The `Registry` of binding/classify: the application's `own` providers win over those that extensions `added`."""

    def __init__(self, own: Iterable[Provider], added: Iterable[Provider], replaced: Mapping[Any, Provider]) -> None:
        self._by_key: dict[Any, Provider] = {provider.key: provider for provider in added}
        self.replaced = replaced
        self.doubles: list[SetupError] = []
        said: dict[Any, Provider] = {}
        for provider in own:
            self._add(provider, said)

    def _add(self, provider: Provider, said: dict[Any, Provider]) -> None:
        before = said.setdefault(provider.key, provider)
        if before is not provider:
            self.doubles.append(
                SetupError(
                    "KETCH-DEP-008",
                    f"{name_of(provider.key)} is provided twice.",
                    places=[Place("first", before.origin), Place("again", provider.origin)],
                    fix='Tell them apart with a qualifier: app.provide(T, x, qualifier="b") and Annotated[T, "b"].',
                )
            )
        self._by_key[provider.key] = provider

    def find(self, key: Any) -> Provider | None:
        """The provider of a type or Qualified; an override first."""
        return self.replaced.get(key) or self._by_key.get(key)

    def replace(self, dependency: Callable[..., Any]) -> Any:
        """The override of a dependency function, or the function itself."""
        try:
            return self.replaced.get(dependency, dependency)
        except TypeError:  # unhashable callables cannot be overridden
            return dependency

    def names(self) -> list[str]:
        """Names for Did you mean."""
        return [name_of(key) for key in self._by_key]
