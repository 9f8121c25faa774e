"""`BatchTranslate`: many pictures through one model, as thumbnails and a zip."""

from __future__ import annotations

import io
import threading
from pathlib import Path
from typing import Any

import numpy as np
import traitlets
from PIL import Image, ImageDraw, ImageOps

from p2p_lib.data.images import read_image, to_rgb
from p2p_lib.errors import DataError, P2PError
from p2p_lib.translator import Translator
from p2p_lib.viz import picture_grid
from p2p_lib.widgets.base import CellWidget, front_end, to_png
from p2p_lib.widgets.batch_files import BatchFiles, Row

THUMBNAIL = 84
PART = 4_000_000  # bytes of the zip in one message
N_STILL = 6


class BatchTranslate(CellWidget):
    """Choose several files, or name a folder; see them done one after the other, and download all results as a zip.

    A file that cannot be used gets one sentence, and the rest goes on. Results have the name, size and format of their files, where
    the format can hold them. Without widgets, ``p2p_lib.translator.translate_folder(model, folder, out)`` does the same.

    Parameters
    ----------
    model : a `Translator`.
    out : a folder that keeps the results; unset: they go when the widget does, and the zip is what stays.
    """

    _esm = front_end("parts.js", "batch.js")
    _css = front_end("parts.css", "batch.css")

    title = traitlets.Unicode().tag(sync=True)
    busy = traitlets.Bool(False).tag(sync=True)
    done = traitlets.Int(0).tag(sync=True)
    total = traitlets.Int(0).tag(sync=True)
    ready = traitlets.Bool(False).tag(sync=True)  # there is something to download
    note = traitlets.Unicode("Choose one picture or many; their sizes are kept.").tag(sync=True)

    def __init__(self, model: Translator, out: str | Path | None = None) -> None:
        self._model, self._files = model, BatchFiles(out)
        self._stop, self._thread, self._closed = threading.Event(), None, False
        super().__init__(title=model.task.name)
        self.on_msg(self._receive)

    @property
    def rows(self) -> list[Row]:
        """What became of each file, in the order in which they were given."""
        return self._files.rows

    def still(self) -> bytes:
        """The first pictures beside their results, as a PNG."""
        shown = [_thumbnail(row) for row in self.rows if row.result is not None][:N_STILL]
        if not shown:
            blank = Image.new("RGB", (360, 40), "white")
            ImageDraw.Draw(blank).text((8, 12), "BatchTranslate: no pictures yet", fill="black")
            return to_png(blank)
        size = (2 * THUMBNAIL, THUMBNAIL)
        return to_png(Image.fromarray(picture_grid([[np.asarray(ImageOps.pad(one, size, color="white"))] for one in shown])))

    def translate_folder(self, folder: str | Path) -> None:
        """What the button does: begin with the pictures of a folder; DataError where there are none."""
        self._files.take_folder(folder)
        self._start()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until all is done or stopped; False where that takes longer than `timeout` seconds."""
        if self._thread is not None:
            self._thread.join(timeout)
        return self._thread is None or not self._thread.is_alive()

    def _leave(self) -> None:
        """Its files go off the disk, once the picture in work is finished."""
        self._closed = True
        self._stop.set()
        if self.wait(0):
            self._files.close()

    def _start(self) -> None:
        self._stop.clear()
        self.send({"kind": "cleared"})
        self._tell(busy=True, ready=False, done=0, total=len(self.rows), note=f"Translating {_pictures(len(self.rows))}.")
        self._thread = threading.Thread(target=self._work, name="batch", daemon=True)
        self._thread.start()

    def _work(self) -> None:
        """Every row, in a thread of its own, so that the notebook can be used meanwhile."""
        for index, row in enumerate(self.rows):
            if self._stop.is_set():
                break
            if row.source is not None:
                self._files.translate(row, self._model)
            self._show(index)
            self.done = index + 1
        self._tell(busy=False, ready=any(row.result for row in self.rows), note=self._summary())
        if self._closed:
            self._files.close()

    def _summary(self) -> str:
        results, wrong = sum(row.result is not None for row in self.rows), sum(bool(row.note) for row in self.rows)
        parts = [f"{_pictures(results)} translated"] + [f"{wrong} that cannot be used"] * (wrong > 0)
        return ", ".join(parts) + ("; stopped before the rest." if self.done < self.total else ".")

    def _receive(self, widget: Any, content: dict, buffers: list) -> None:
        kind, name = content.get("kind"), str(content.get("name", "The file"))
        if kind == "shown":
            for index in range(self.done):
                self._show(index)
        elif kind == "stop":
            self._stop.set()
        elif kind == "zip":
            self._send_zip(int(content.get("part", 0)))
        elif not self.busy:
            self._prepare(kind, name, content, buffers)

    def _prepare(self, kind: str, name: str, content: dict, buffers: list) -> None:
        """What begins a batch; every file is answered, so that the browser sends the next."""
        if kind == "begin":
            self._files.begin()
        elif kind == "file" and buffers:
            self._files.take(name, bytes(buffers[0]))
        elif kind == "refuse":
            self._files.refuse(name, str(content.get("note", "")))
        elif kind == "start":
            self._start()
        elif kind == "folder":
            try:
                self.translate_folder(str(content.get("path", "")).strip() or ".")
            except P2PError as error:
                self.note = str(error)
        if kind in ("begin", "file", "refuse"):
            self.send({"kind": "took"})

    def _show(self, index: int) -> None:
        row = self.rows[index]
        image = [_as_jpeg(_thumbnail(row))] if row.result is not None else []
        self.send({"kind": "row", "index": index, "name": row.name, "note": row.note}, image)

    def _send_zip(self, part: int) -> None:
        """One part of the zip, which is made anew for the first of them."""
        try:
            path = self._files.pack() if part == 0 else self._files.packed
            with open(path, "rb") as file:
                file.seek(part * PART)
                content = file.read(PART)
        except (DataError, OSError) as error:
            self.send({"kind": "no zip", "note": str(error)})
        else:
            self.send({"kind": "zip", "part": part, "of": -(-path.stat().st_size // PART)}, [content])

    def _tell(self, **traits: Any) -> None:
        with self.hold_sync():
            for name, value in traits.items():
                setattr(self, name, value)


def _pictures(count: int) -> str:
    return f"{count:,} picture{'' if count == 1 else 's'}"


def _thumbnail(row: Row) -> Image.Image:
    """A small picture of a row's file with its result to the right."""
    both = [to_rgb(read_image(path)) for path in (row.source, row.result)]
    width = max(1, round(THUMBNAIL * both[0].width / both[0].height))
    small = [np.asarray(image.resize((min(width, 3 * THUMBNAIL), THUMBNAIL))) for image in both]
    return Image.fromarray(picture_grid([small]))


def _as_jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=85)
    return file.getvalue()
