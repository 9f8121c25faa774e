"""A run that is killed in earnest, at any moment, ends as one that was not."""

from __future__ import annotations

from pathlib import Path

from kill_and_resume import kill_and_resume


def test_two_kills_leave_no_trace(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[1]))
    equal = kill_and_resume(tmp_path, kills=2, seed=0)
    assert "left a checkpoint" in capsys.readouterr().out  # the kills met a run on its way
    assert equal
