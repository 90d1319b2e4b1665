"""A copy of a bucket in a folder: what an auditor was given, or fetched with tools of their own."""

import os
from collections.abc import Iterator
from pathlib import Path

from ari_app.errors import ConsentgateError, NotThereError, PermanentError
from ari_app.untrusted import open_plain

CHUNK_BYTES = 1 << 20


class FolderArchive:
    """An Archive: each file is an object, its key the path below the folder."""

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            hint = "Copy the bucket there first: aws s3 sync s3://BUCKET FOLDER"
            raise ConsentgateError("there is no copy of a bucket", on=str(folder), why="it is no folder", hint=hint)
        self._folder = folder

    def list(self, prefix: str) -> Iterator[str]:
        def refuse(error: OSError) -> None:
            # Where nothing is, nothing is listed; a folder that may not be looked into is another matter.
            if not isinstance(error, FileNotFoundError):
                raise _refusal(str(error.filename), error)

        for folder, below, files in os.walk(self._folder / prefix, onerror=refuse):
            below.sort()
            yield from (Path(folder, name).relative_to(self._folder).as_posix() for name in sorted(files))

    def read(self, key: str) -> Iterator[bytes]:
        try:
            # Keys come from the listing, but a link could lead out of the copy.
            with open_plain(self._folder / key) as stream:
                while chunk := stream.read(CHUNK_BYTES):
                    yield chunk
        except FileNotFoundError:
            raise NotThereError("an object cannot be read", on=key, why="it is not there") from None
        except OSError as error:
            raise _refusal(key, error) from error


def _refusal(what: str, error: OSError) -> PermanentError:
    hint = "Copy it again, with plain files that you may read"
    return PermanentError("a copy of a bucket cannot be read", on=what, why=error.strerror or str(error), hint=hint)
