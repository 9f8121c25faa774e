"""What Playground and LatentExplorer share: a front end that asks by number, and answers of which only the newest is worth work."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import traitlets

from p2p_lib.errors import P2PError
from p2p_lib.widgets.base import CellWidget
from p2p_lib.widgets.newest import Newest

log = logging.getLogger("p2p_lib")


class Answering(CellWidget):
    """The front end sets its traits and counts `number` up; `answered` follows once the answer is in the other traits.

    A question that comes while one is answered replaces the one that waits (`Newest`).
    """

    number = traitlets.Int(0).tag(sync=True, echo_update=False)  # counts the questions that came
    answered = traitlets.Int(0).tag(sync=True)  # the number of the question that the answer belongs to
    note = traitlets.Unicode().tag(sync=True)

    def __init__(self, **traits: Any) -> None:
        self._queue = Newest(self._work)
        super().__init__(**traits)
        self.observe(lambda change: self._queue.put((change.new, self._question())), "number")

    def _question(self) -> Any:
        """What is asked, as of now: the thread that answers must not read traits that change."""
        raise NotImplementedError

    def _answers(self, question: Any) -> Iterator[dict[str, Any]]:
        """Traits to set, the most urgent first; each portion is sent as soon as it is there."""
        raise NotImplementedError

    def _leave(self) -> None:
        """A question that still waits is not answered any more."""
        self._queue.drop()

    def wait(self, timeout: float | None = None) -> bool:
        """Block until the last question that came is answered; False where that takes longer than `timeout` seconds."""
        return self._queue.wait(timeout)

    def _work(self, numbered: tuple[int, Any]) -> None:
        """Answer one question, in the thread of the queue; whatever goes wrong, the front end is told, since it waits."""
        number, question = numbered
        try:
            for traits in self._answers(question):
                self._tell(traits | {"answered": number, "note": ""})
        except Exception as error:
            expected = isinstance(error, P2PError)
            log.log(logging.DEBUG if expected else logging.ERROR, "A picture could not be translated.", exc_info=error)
            self._tell({"answered": number, "note": str(error) if expected else f"This could not be translated ({error})."})

    def _tell(self, traits: dict[str, Any]) -> None:
        with self.hold_sync():
            for name, value in traits.items():
                setattr(self, name, value)
