"""A submitted form as a mapping."""

from __future__ import annotations

from .multidict import ImmutableMultiDict
from .uploads import UploadFile, close_uploads

TOKEN_FIELD = "_csrf_token"
"""The hidden field that proves a form to be ours; it is no field of the form's own type."""


class FormData(ImmutableMultiDict[str | UploadFile]):
    """Fields and files by name: the last of a name by `[]`, all by `getlist`, everything in order by `multi_items`."""

    __slots__ = ()

    @property
    def files(self) -> list[UploadFile]:
        """Every upload, in the order sent."""
        return [value for _, value in self._list if isinstance(value, UploadFile)]

    async def close(self) -> None:
        """Close every upload and remove its temporary file."""
        await close_uploads(self.files)
