"""Clicks on a button while a cell runs, which the kernel would otherwise handle only when the cell has ended.

A kernel reads its messages in the thread that runs the cell, so somebody has to look there now and then: that is `WaitingClicks`.
It reads the stream where they wait: with ipykernel 6 (Colab has 6.17) the one of the kernel's shell, with ipykernel 7 the one that
leads from the receiving thread to the main thread. ipykernel 7.0 to 7.3 with JupyterLab 4.4 need none of this, since there a thread
of its own (a subshell) handles what widgets say; ipykernel 7.4 sends that to the main thread again where it made the widget.

jupyter-ui-poll serves every widget, but replaces the kernel's handlers so that the cells in line wait, and calls the kernel's
``do_one_iteration``, which ipykernel 7 no longer has. Here all but the clicks on one button stays in line as it is.
"""

from __future__ import annotations

import sys
import threading
from typing import Any

from ipywidgets import Button


class WaitingClicks:
    """Looks through the messages that wait for the kernel, and handles the clicks on `button` among them.

    Every other message is handed on, in the order of arrival, and handled when the cell has ended. Outside the main thread of a
    kernel, and with kernels that keep their messages elsewhere, there is nothing to look through.
    """

    def __init__(self, button: Button) -> None:
        self._button = button
        self._kernel = getattr(sys.modules["IPython"].get_ipython(), "kernel", None) if "IPython" in sys.modules else None
        in_main = threading.current_thread() is threading.main_thread()
        self._stream = waiting_messages(self._kernel) if self._kernel is not None and in_main else None

    def handle(self) -> None:
        """Handle the clicks that have come; takes some microseconds where there are none. To be called in the main thread."""
        while self._stream is not None and self._stream.socket.poll(0):
            frames = self._stream.socket.recv_multipart(copy=False)
            if self._is_click(frames):
                self._button.click()
            else:
                self._stream._run_callback(self._stream._recv_callback, frames)  # what the stream does with all that it reads

    def _is_click(self, frames: list[Any]) -> bool:
        """Whether a message says that the button was clicked. Its signature is left to the kernel, which checks it only once."""
        session = self._kernel.session
        _, (_, header, _, _, content, *_) = session.feed_identities(frames, copy=False)
        if session.unpack(header.bytes)["msg_type"] != "comm_msg":
            return False
        message = session.unpack(content.bytes)
        return message["comm_id"] == self._button.model_id and message["data"].get("content") == {"event": "click"}


def waiting_messages(kernel: Any) -> Any | None:
    """The zmq stream on which messages wait while a cell runs; None for a kernel that has none.

    The same as ipykernel's own ``eventloops.get_shell_stream``, which there is from 7.1 on.
    """
    thread = getattr(kernel, "shell_channel_thread", None)  # ipykernel 7, unless its subshells are off
    stream = thread.manager.get_shell_channel_to_subshell_pair(None).to_stream if thread else getattr(kernel, "shell_stream", None)
    return stream if hasattr(stream, "_recv_callback") and hasattr(stream, "_run_callback") else None
