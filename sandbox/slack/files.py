"""Files the app uploads by the three calls of files_upload_v2 (get a URL, send the bytes, complete)."""

import itertools
import mimetypes

from sandbox.slack.changes import Changes
from sandbox.slack.errors import SlackError
from sandbox.slack.model import StoredFile


class FileShelf:
    """Files by id. Every method is safe from any thread."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._files: dict[str, StoredFile] = {}
        self._numbers = itertools.count(1)

    def reserve(self, name: str, alt: str = "") -> StoredFile:
        """A place for an upload; nothing can be seen of it before `complete`. `alt` is for those who do not see it."""
        with self._changes.lock:
            kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
            stored = StoredFile(id=f"F0RAYGPU{next(self._numbers):04d}", name=name, mimetype=kind, alt=alt)
            self._files[stored.id] = stored
            return stored

    def fill(self, file_id: str, content: bytes) -> None:
        """Take the bytes. Raises file_not_found for an id nobody reserved."""
        with self._changes.lock:
            stored = self.get(file_id)
            stored.content = content
            stored.uploaded = True

    def complete(self, file_id: str, title: str, channels: list[str]) -> StoredFile:
        """Finish the upload and share it. Raises file_not_found before any bytes came."""
        with self._changes.lock:
            stored = self.get(file_id)
            if not stored.uploaded:
                raise SlackError("file_not_found")
            stored.title = title or stored.name
            stored.complete = True
            stored.shared_in = channels
            self._changes.publish("files")
            return stored

    def get(self, file_id: str) -> StoredFile:
        """The file. Raises file_not_found."""
        with self._changes.lock:
            stored = self._files.get(file_id)
            if stored is None:
                raise SlackError("file_not_found")
            return stored

    def complete_ones(self) -> list[StoredFile]:
        """Every file whose upload was completed, oldest first."""
        with self._changes.lock:
            return [stored for stored in self._files.values() if stored.complete]
