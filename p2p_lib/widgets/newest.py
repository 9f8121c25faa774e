"""Work that only the newest item is worth: a drawing that comes while one is translated replaces the one that waits."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Newest(Generic[Item]):
    """Calls ``work(item)`` in a thread of its own, one item at a time, and never for an item that a newer one has replaced.

    However fast items come, at most one waits, and the last is always worked on. The thread ends when nothing waits. `work` must
    not raise.
    """

    def __init__(self, work: Callable[[Item], None]) -> None:
        self._work = work
        self._change = threading.Condition()
        self._waiting: list[Item] = []  # one item at most
        self._running = False

    def put(self, item: Item) -> None:
        """Have the item worked on next; returns at once."""
        with self._change:
            self._waiting = [item]
            if not self._running:
                self._running = True
                threading.Thread(target=self._run, name="newest", daemon=True).start()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until nothing is left to do; False where that takes longer than `timeout` seconds."""
        with self._change:
            return self._change.wait_for(lambda: not self._running, timeout)

    @property
    def waiting(self) -> bool:
        """Whether a newer item waits for the one in work to end."""
        with self._change:
            return bool(self._waiting)

    def drop(self) -> None:
        """Forget the item that waits; the one in work is finished."""
        with self._change:
            self._waiting = []

    def _run(self) -> None:
        while True:
            with self._change:
                if not self._waiting:
                    self._running = False
                    self._change.notify_all()
                    return
                item = self._waiting.pop()
            self._work(item)
