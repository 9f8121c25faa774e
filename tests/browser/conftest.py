"""What the browser tests keep."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def screenshot(tmp_path_factory) -> Callable:
    """``screenshot(page, "name")`` keeps what the page shows, in $P2P_SCREENSHOTS if that is set."""
    folder = Path(os.environ.get("P2P_SCREENSHOTS") or tmp_path_factory.mktemp("screenshots")).resolve()  # tests change folder
    folder.mkdir(parents=True, exist_ok=True)
    return lambda shown, name: shown.screenshot(path=folder / f"{name}.png")
