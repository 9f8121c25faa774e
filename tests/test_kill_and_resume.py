"""A run that is killed in earnest, at any moment, ends as one that was not."""

from __future__ import annotations

import pytest
from helpers import ROOT
from kill_and_resume import kill_and_resume


@pytest.mark.slow  # three processes, one after the other
def test_a_kill_leaves_no_trace(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    equal = kill_and_resume(tmp_path, kills=1, seed=0)
    assert "left a checkpoint" in capsys.readouterr().out  # the kill met a run on its way
    assert equal
