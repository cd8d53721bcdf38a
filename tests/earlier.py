"""Files as an earlier palier left them."""

from __future__ import annotations

from pathlib import Path

import apsw


def without_lessons(state: Path) -> None:
    """`state.db` before it was kept by which lessons a version was taught."""
    connection = apsw.Connection(str(state))
    connection.execute("DROP TABLE learnt")
    connection.execute("DROP TABLE untold")
    connection.pragma("user_version", 5)
    connection.close()
