"""The monitor without a browser: what it displays and leaves behind, its button, and what there is where no widgets are."""

from __future__ import annotations

import base64
import dataclasses
import io
import json
import time
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

import p2p_lib as p2p
from p2p_lib.widgets import TrainingMonitor

ipywidgets = pytest.importorskip("ipywidgets", reason="ipywidgets is not installed")
zmq = pytest.importorskip("zmq", reason="pyzmq, which comes with notebooks, is not installed")
Session = pytest.importorskip("jupyter_client.session").Session
IOLoop = pytest.importorskip("tornado.ioloop").IOLoop
ZMQStream = pytest.importorskip("zmq.eventloop.zmqstream").ZMQStream

from IPython.core.interactiveshell import InteractiveShell  # noqa: E402
from IPython.utils.capture import capture_output  # noqa: E402
from ipywidgets.widgets import widget as widget_module  # noqa: E402

from p2p_lib.widgets import monitor, monitor_view  # noqa: E402
from p2p_lib.widgets.waiting_clicks import WaitingClicks  # noqa: E402

WIDGET = "application/vnd.jupyter.widget-view+json"


@pytest.fixture
def fit(small_task, make_pairs):
    """``fit("run", resume=True)``: twelve steps at 32 pixels with a monitor."""
    return lambda out, **options: p2p.fit(
        small_task(), out, train=make_pairs(5, 36), val=make_pairs(3, 32, seed=1), monitor=TrainingMonitor(), **options
    )


@pytest.fixture
def displayed(monkeypatch):
    """What a notebook would be told to show, while an IPython shell is there that takes it."""
    monkeypatch.setattr(monitor, "has_front_end", lambda: True)
    InteractiveShell.instance()
    with capture_output() as captured:
        yield captured
    InteractiveShell.clear_instance()


def live() -> dict:
    """The widgets that ipywidgets keeps (version 8, version 7)."""
    return dict(widget_module._instances if hasattr(widget_module, "_instances") else ipywidgets.Widget.widgets)


def button() -> ipywidgets.Button:
    (found,) = (widget for widget in live().values() if isinstance(widget, ipywidgets.Button))
    return found


def decoded(output, kind: str) -> Image.Image:
    return Image.open(io.BytesIO(base64.b64decode(output.data[kind])))


def test_without_a_front_end_there_are_a_bar_and_printed_lines(fit, finished_run, capsys):
    run = fit("run")
    shown = capsys.readouterr()
    lines = shown.out.strip().split("\n")
    assert [line.partition(":")[0] for line in lines] == [f"Losses at step {step}" for step in (4, 8, 12)]
    last = run.history[-1]
    assert lines[-1].endswith(f"Validation at step 12: val_l1 {last['val_l1']:.3g}, val_psnr {last['val_psnr']:.3g}")
    assert "training facades" in shown.err and "24/24" in shown.err
    untimed = [[{k: v for k, v in row.items() if k != "seconds"} for row in each.history] for each in (run, finished_run)]
    assert untimed[0] == untimed[1]


def test_a_training_leaves_plain_pictures_and_no_widgets(fit, displayed):
    before = set(live())
    run = fit("run")
    widgets, place, curves, samples = (
        displayed.outputs
    )  # two outputs of the cell, both replaced in place, whatever the number of steps
    assert WIDGET in widgets.data and not curves.data.keys() & {WIDGET} and not samples.data.keys() & {WIDGET}
    assert [output.update for output in displayed.outputs] == [False, False, True, True]
    assert (curves.transient, samples.transient) == (widgets.transient, place.transient)
    assert decoded(curves, "image/png").width > 500
    sheet = Image.open(run.out / "samples" / "step_000012.png")
    assert np.abs(np.asarray(decoded(samples, "image/jpeg"), float) - np.asarray(sheet.convert("RGB"))).mean() < 3
    assert curves.data["text/plain"].startswith("facades finished: step 12 of 12, ")
    assert set(live()) == before


def test_the_button_stops_as_ctrl_c_does(fit, displayed):
    def click(event: p2p.training.Event) -> None:
        if event.kind == "validation" and event.row["step"] == 4:
            button().click()

    run = fit("run", callbacks=[click])
    assert (run.step, run.finished) == (4, False)
    assert "stopped and saved (resume=True goes on): step 4 of 12" in displayed.outputs[-2].data["text/plain"]
    assert fit("run", resume=True).finished
    assert "finished: step 12 of 12" in displayed.outputs[-2].data["text/plain"]


def test_a_training_that_breaks_off_leaves_no_widgets_either(fit, displayed):
    def fail(event: p2p.training.Event) -> None:
        raise ConnectionError("gone")

    before = set(live())
    with pytest.raises(ConnectionError, match="gone"):
        fit("run", callbacks=[fail])
    assert "broken off by ConnectionError: step 4 of 12" in displayed.outputs[-2].data["text/plain"]
    assert "image/png" in displayed.outputs[-2].data
    assert set(live()) == before


def test_twenty_monitors_leave_as_many_widgets(displayed, finished_run):
    trainer = SimpleNamespace(task=finished_run.task, out=finished_run.out, step=0, total_steps=10, history=[])
    before = set(live())
    for _ in range(20):
        with TrainingMonitor().watch(trainer, lambda: None) as bar:
            assert len(live()) > len(before)
            trainer.step += 1
            bar.update(1)
    assert set(live()) == before


def test_curves_take_a_small_share_of_the_time(displayed, finished_run, monkeypatch):
    """With drawings that take 30 ms, rows every 10 ms, and nothing for free: about a twentieth of the time is drawing."""
    drawn = []
    monkeypatch.setattr(monitor_view, "curves_png", lambda *_: (time.sleep(0.03), drawn.append(1), b"png")[-1])
    monkeypatch.setattr(monitor_view, "CURVES_EVERY_S", 0)
    monkeypatch.setattr(monitor_view, "CURVES_FREE_S", 0)
    trainer = SimpleNamespace(task=finished_run.task, out=finished_run.out, step=0, total_steps=100, history=[])
    with TrainingMonitor().watch(trainer, lambda: None) as bar:
        for _ in range(100):
            time.sleep(0.01)
            trainer.history = [*trainer.history, finished_run.history[-1]]
            bar.update(1)
    assert 1 + 1 <= len(drawn) <= 1 + 4  # the last is that of the end


@pytest.fixture
def waiting():
    """A kernel's stream of waiting messages, what it hands on, and ``send(type, content)`` for the other end."""
    context, loop, handed = zmq.Context(), IOLoop(make_current=False), []
    ours, theirs = context.socket(zmq.PAIR), context.socket(zmq.PAIR)
    ours.bind("inproc://shell")
    theirs.connect("inproc://shell")
    stream, session = ZMQStream(ours, loop), Session(key=b"secret")
    stream.on_recv(
        lambda frames: handed.append(session.deserialize(session.feed_identities(frames, copy=False)[1], copy=False)), copy=False
    )
    kernel = SimpleNamespace(session=session, shell_stream=stream)
    yield kernel, handed, lambda kind, content: session.send(theirs, kind, content, ident=b"front end")
    stream.close()
    theirs.close()
    context.term()
    loop.close()


def test_clicks_are_handled_and_all_else_stays_in_line(waiting, monkeypatch):
    kernel, handed, send = waiting
    monkeypatch.setattr("IPython.get_ipython", lambda: SimpleNamespace(kernel=kernel))
    pressed = []
    stop, other = ipywidgets.Button(), ipywidgets.Button()
    stop.on_click(pressed.append)
    clicks = WaitingClicks(stop)
    clicks.handle()
    send("execute_request", {"code": "1"})
    for widget, event in ((other, {"event": "click"}), (stop, {"event": "hover"}), (stop, {"event": "click"})):
        send("comm_msg", {"comm_id": widget.model_id, "data": {"method": "custom", "content": event}})
    send("execute_request", {"code": "2"})
    clicks.handle()
    assert pressed == [stop]
    assert [(message["msg_type"], message["content"].get("code")) for message in handed] == [
        ("execute_request", "1"),
        ("comm_msg", None),
        ("comm_msg", None),
        ("execute_request", "2"),
    ]
    monitor_view.close(stop)
    monitor_view.close(other)


def test_state_of_the_widgets_is_plain_text_and_html_safe(displayed, small_task, finished_run):
    """A task's name is shown as text, whatever is in it."""
    trainer = SimpleNamespace(
        task=dataclasses.replace(small_task(), name="<b>mine"), out=finished_run.out, step=0, total_steps=3, history=[]
    )
    with TrainingMonitor().watch(trainer, lambda: None):
        texts = json.dumps([widget.value for widget in live().values() if isinstance(widget, ipywidgets.HTML)])
        assert "&lt;b&gt;mine" in texts and "<b>mine" not in texts
