"""What a reader plays with in a notebook: a drawing pad that is translated as one draws, a before/after slider, a map of styles,
and many pictures at once.

What is drawn runs in the browser (one small ES module a widget, under `p2p_lib/static`); only finished pictures travel, as PNG.
Nothing here is needed without a front end: `viz.show_translation` does for a file or an array what `Playground` does for a
drawing, `viz.show_rows` shows side by side what `Compare` lays over each other or `LatentExplorer` walks through, and
`translator.translate_folder` is `BatchTranslate`.
"""

from __future__ import annotations

from p2p_lib.errors import ConfigError

try:
    import anywidget  # noqa: F401
except ModuleNotFoundError as error:
    raise ConfigError(
        "The widgets need a package more: pip install anywidget; without it, viz.show_translation(picture, model) does the same."
    ) from error

from p2p_lib.widgets.batch import BatchTranslate
from p2p_lib.widgets.compare import Compare
from p2p_lib.widgets.explorer import LatentExplorer
from p2p_lib.widgets.playground import Playground

__all__ = ["BatchTranslate", "Compare", "LatentExplorer", "Playground"]
