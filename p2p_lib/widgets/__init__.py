"""What a reader plays with in a notebook: a drawing pad that is translated as one draws, a before/after slider, a map of styles,
and many pictures at once; and what a training shows while it runs.

What is drawn runs in the browser (one small ES module a widget, under `p2p_lib/static`); only finished pictures travel, as PNG.
Nothing here is needed without a front end: `viz.show_translation` does for a file or an array what `Playground` does for a
drawing, `viz.show_rows` shows side by side what `Compare` lays over each other or `LatentExplorer` walks through,
`translator.translate_folder` is `BatchTranslate`, and `viz.plot_history` draws what `TrainingMonitor` shows. Each is imported when
it is first asked for: the monitor needs no anywidget, and outside notebooks no ipywidgets.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from p2p_lib.errors import ConfigError

if TYPE_CHECKING:
    from p2p_lib.widgets.batch import BatchTranslate
    from p2p_lib.widgets.compare import Compare
    from p2p_lib.widgets.explorer import LatentExplorer
    from p2p_lib.widgets.monitor import TrainingMonitor
    from p2p_lib.widgets.playground import Playground

__all__ = ["BatchTranslate", "Compare", "LatentExplorer", "Playground", "TrainingMonitor"]
HOMES = {
    "BatchTranslate": "batch",
    "Compare": "compare",
    "LatentExplorer": "explorer",
    "Playground": "playground",
    "TrainingMonitor": "monitor",
}


def __getattr__(name: str) -> Any:
    """A widget, imported now; ConfigError where it needs anywidget and that is not installed."""
    if name not in HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(importlib.import_module(f"{__name__}.{HOMES[name]}"), name)
    except ModuleNotFoundError as error:
        if error.name != "anywidget":
            raise
        raise ConfigError(
            "This widget needs a package more: pip install anywidget; without it, viz.show_translation and viz.show_rows do."
        ) from error
