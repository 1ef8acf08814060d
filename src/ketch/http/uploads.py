"""Uploaded files: a small one stays in memory, a large one moves to a temporary file, and no disk stalls the loop."""

from __future__ import annotations

from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO

from .disposition import clean_filename
from .headers import Headers
from .threads import in_thread

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

_BATCH = 262_144
"""Bytes gathered before a thread writes them: a hop costs tens of microseconds, and so does writing this much."""


class UploadFile:
    """One file of a multipart form.

    `filename` is safe to use as it is: one clean path component, never empty. `raw_filename` is what the client said,
    and `content_type` what it claims; believe neither. `size` is bytes, `headers` are those of the part, `file` is an
    ordinary binary file object for code in threads. `read`, `write`, `seek` and `close` are for the event loop. The
    temporary file, if there is one, has no name on disk where the system allows that, and goes when the request ends.
    """

    __slots__ = ("_on_disk", "_pending", "_spool", "file", "filename", "headers", "raw_filename", "size")

    def __init__(
        self,
        file: BinaryIO | None = None,
        *,
        size: int | None = None,
        filename: str | None = None,
        headers: Headers | Mapping[str, str] | None = None,
        spool: int = 1_048_576,
    ) -> None:
        self.file: BinaryIO = BytesIO() if file is None else file
        self.size = size if size is not None else (0 if file is None else None)
        self.raw_filename = filename
        self.filename = clean_filename(filename)
        self.headers = headers if isinstance(headers, Headers) else Headers.of(headers or {})
        self._spool = spool
        self._on_disk = not isinstance(self.file, BytesIO)
        self._pending = bytearray()

    @property
    def content_type(self) -> str | None:
        """The media type that the client claims, or None."""
        return self.headers.get("content-type")

    @property
    def closed(self) -> bool:
        return self.file.closed

    async def read(self, size: int = -1) -> bytes:
        """The next `size` bytes, all that are left if negative; b"" at the end. ValueError once the file is closed."""
        self._check_open()
        return await in_thread(self.file.read, size) if self._on_disk else self.file.read(size)

    async def write(self, data: bytes) -> None:
        """Write at the present position, moving to disk when memory has held enough. ValueError once closed."""
        self._check_open()
        if self.size is not None:
            self.size += len(data)
        if not self._on_disk and self.file.tell() + len(data) <= self._spool:
            self.file.write(data)
            return
        await in_thread(self._write_to_disk, data)

    async def seek(self, offset: int) -> None:
        """Move to `offset` bytes from the start. ValueError once the file is closed."""
        self._check_open()
        if self._on_disk:
            await in_thread(self.file.seek, offset)
        else:
            self.file.seek(offset)

    async def close(self) -> None:
        """Forget the content; a temporary file is removed. Closing twice is no error."""
        await close_uploads([self])

    def receive(self, data: bytes | bytearray) -> bool:
        """Take a piece while the form is being parsed; True when `flush` should be awaited before the next."""
        self.size = (self.size or 0) + len(data)
        if not self._on_disk and self.size <= self._spool:
            self.file.write(data)
            return False
        self._pending += data
        return len(self._pending) >= _BATCH

    async def flush(self) -> None:
        """Have a thread write what `receive` has gathered."""
        if self._pending:
            data, self._pending = self._pending, bytearray()
            await in_thread(self._write_to_disk, data)

    async def rewind(self) -> None:
        """Everything is there: write the rest and stand at the start."""
        await self.flush()
        await self.seek(0)

    def _write_to_disk(self, data: bytes | bytearray) -> None:
        """Runs in a thread; cancellation waits for it, so nothing else touches the file meanwhile."""
        if not self._on_disk:
            self._move_to_disk()
        self.file.write(data)

    def _move_to_disk(self) -> None:
        from tempfile import TemporaryFile

        memory = self.file
        disk = TemporaryFile(prefix="ketch-upload-")  # noqa: SIM115 - lives as long as the upload
        try:
            position = memory.tell()
            memory.seek(0)
            disk.write(memory.read())
            disk.seek(position)
        except BaseException:
            disk.close()
            raise
        self.file, self._on_disk = disk, True
        memory.close()

    def _check_open(self) -> None:
        if self.file.closed:
            raise ValueError(
                f"the upload {self.filename!r} is closed: uploads end with their request, "
                "so read it before, or keep a copy for work that comes later"
            )

    def __repr__(self) -> str:
        return f"UploadFile(filename={self.filename!r}, size={self.size!r}, content_type={self.content_type!r})"


async def close_uploads(uploads: Iterable[UploadFile]) -> None:
    """Close every one of them, whatever happens to the caller meanwhile: what is on disk in a single thread hop."""
    on_disk = []
    for upload in uploads:
        upload._pending.clear()
        if upload._on_disk:
            on_disk.append(upload.file)
        else:
            upload.file.close()
    if on_disk:
        await in_thread(_close_files, on_disk)


def _close_files(files: list[BinaryIO]) -> None:
    for file in files:
        try:
            file.close()
        except OSError:
            pass  # the last bytes did not fit on the disk: nobody will read them
