"""CUFS: which sketch and which photo show the same person, by their names."""

from __future__ import annotations

import re

SCAN = re.compile(r"-sz\d+$")
REDRAWN = re.compile(r"(^|/)([fm])2-")


def person(stem: str) -> str:
    """What the names of a sketch and of its photo have in common; `stem` is a path without suffix.

    The CUHK students' sketches carry ``-sz1`` behind the photo's name, and some a 2 before their number: ``F2-005-01-sz1`` belongs
    to ``f-005-01``, ``m1-001-01-sz1`` to ``m1-001-01``, in upper or lower case. In AR and XM2VTS a sketch has its photo's name.
    Numbers of one part may come again in another, so each lies in folders of its own.
    """
    return REDRAWN.sub(r"\1\2-", SCAN.sub("", stem.lower()))
