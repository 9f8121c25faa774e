"""What `BatchTranslate` does with files, without its front end: take uploads, translate one by one, pack the results."""

from __future__ import annotations

import dataclasses
import logging
import tempfile
import zipfile
from pathlib import Path

from p2p_lib.data.images import find_images
from p2p_lib.errors import DataError, P2PError
from p2p_lib.files import atomic_write
from p2p_lib.translator import Translator, translate_folder
from p2p_lib.widgets.uploads import check_upload

log = logging.getLogger("p2p_lib")


@dataclasses.dataclass
class Row:
    """What became of one file: where its result lies, or a sentence on why there is none."""

    name: str
    source: Path | None = None
    result: Path | None = None
    note: str = ""


class BatchFiles:
    """A folder of its own with ``in`` (uploads), ``out`` (results, unless the caller has named a place) and the zip.

    `close` removes that folder; a place that the caller has named stays.
    """

    def __init__(self, out: str | Path | None = None) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="p2p-batch-", ignore_cleanup_errors=True)
        self._home = Path(self._scratch.name)
        self.out = Path(out).expanduser() if out is not None else self._home / "out"
        self.packed = self._home / "results.zip"
        self.rows: list[Row] = []

    def begin(self) -> None:
        """Forget the rows of the time before."""
        self.rows = []

    def take(self, name: str, content: bytes) -> None:
        """An uploaded file: a row to translate, or one that says why not. A name that was there before gets a number."""
        name = self._unused(Path(name.replace("\\", "/")).name or "picture")
        try:
            check_upload(name, content)
        except DataError as error:
            self.rows.append(Row(name, note=str(error)))
            return
        path = self._home / "in" / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        self.rows.append(Row(name, path))

    def refuse(self, name: str, note: str) -> None:
        """A file that could not even be sent."""
        self.rows.append(Row(name, note=note))

    def take_folder(self, folder: str | Path) -> None:
        """Every picture below a folder of this machine; DataError where there is none."""
        folder = Path(folder).expanduser()
        if not folder.is_dir():
            raise DataError(f"There is no folder {folder} on the machine where the kernel runs.")
        files = find_images(folder)
        if not files:
            raise DataError(f"There are no pictures in {folder}.")
        self.rows = [Row(file.relative_to(folder).as_posix(), file) for file in files]

    def translate(self, row: Row, model: Translator) -> None:
        """Write the result of one row, as `translate_folder` does, or note why there is none."""
        try:
            report = translate_folder(model, row.source, (self.out / row.name).parent, overwrite=True, progress=False)
        except P2PError as error:
            row.note = f"{row.name}: {error}"
        except Exception as error:  # one picture too large for memory must not end the others
            log.exception("A picture could not be translated.")
            row.note = f"{row.name} could not be translated ({error})."
        else:
            row.result = next(iter(report.written), None)
            row.note = "".join(f"{row.name} cannot be used: {reason}." for reason in report.unreadable.values())

    def pack(self) -> Path:
        """The results of all rows as a zip, under their names; DataError where there are none."""
        results = [row.result for row in self.rows if row.result is not None]
        if not results:
            raise DataError("There is no result to download yet; choose pictures first.")
        with atomic_write(self.packed) as file, zipfile.ZipFile(file, "w") as archive:  # stored: pictures are compressed already
            for result in results:
                archive.write(result, result.relative_to(self.out).as_posix())
        return self.packed

    def close(self) -> None:
        """Remove what was written for the browser."""
        self._scratch.cleanup()

    def _unused(self, name: str) -> str:
        taken, stem, suffix = {row.name for row in self.rows}, Path(name).stem, Path(name).suffix
        numbered = (f"{stem}-{i}{suffix}" for i in range(2, len(taken) + 3))
        return name if name not in taken else next(other for other in numbered if other not in taken)
