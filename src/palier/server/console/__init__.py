"""The console: pages for people, at `/console`. They show what the parts of `Palier` say, and decide nothing.

A page is a module with a handler (`async def show(visit: Visit) -> Reply`), a template that fills `main` and `part`
(what htmx asks for by itself), its words in `words/PAGE.toml`, a line in `routing.routes` that says which role it
takes, and one in `visits.NAVIGATION`. What changes something is a POST that `does` it: its form carries the token of
the session, and it is on record (`visit.about`). The browser's tests and docs/screenshots.py list the pages.
"""
