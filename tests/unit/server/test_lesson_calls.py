"""Lessons over the admin socket: what the gateway keeps is what the command line is told."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from tests.teaching import climbed, teaching

from palier.errors import InvalidRequest, NotFound
from palier.lessons import Edit
from palier.server.admin import AdminServer, Gateway
from palier.server.remote import RemotePalier
from palier.training.lesson_lines import read


async def test_all_of_it_through_the_socket(tmp_path: Path) -> None:
    async with teaching(tmp_path) as school:
        path = tmp_path / "admin.sock"
        async with AdminServer(cast("Any", SimpleNamespace(lessons=school.desk)), path):
            desk = RemotePalier(path, Gateway(pid=0, version="", routes={}, cards={})).lessons
            await school.asked(climbed("t1"))
            await school.rated("t1", who="ann", rating="down", correction="At one.")
            found = await desk.harvest("support")
            assert (found.added, found.queued) == ({"correction": 1}, 1)
            (lesson,) = await desk.page(state="queued")
            assert await desk.get(lesson.id) == lesson == await school.desk.get(lesson.id)
            with pytest.raises(InvalidRequest, match="somebody else"):
                await desk.accept([lesson.id], who="ann")
            assert (await desk.accept([lesson.id], who="bob"))[0].state == "accepted"
            assert (await desk.edit(lesson.id, Edit(answer="At two."), who="bob")).answer == "At two."
            assert (await desk.reject([lesson.id], who="bob", reason="no"))[0].reason == "no"
            lines = read([(1, {"question": "Where is it?", "answer": "Here."})], "support").lessons.values()
            assert (await desk.add(list(lines), who="bob", accept=True)).added == 1
            assert (await desk.count()).states == {"accepted": 1, "rejected": 1}
            with pytest.raises(NotFound, match="no lesson"):
                await desk.get("none")
