"""`palier serve`: the gateway."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import threading
from typing import Annotated

import msgspec
import typer

from palier.cli import terminal, vault
from palier.cli.session import CONFIG, Config
from palier.config import Settings, load

Host = Annotated[str, typer.Option("--host", help="Address to listen on.", show_default="[server] host")]
Port = Annotated[
    int | None, typer.Option("--port", min=0, max=65535, help="Port; 0: any.", show_default="[server] port")
]
UntilEof = Annotated[
    bool, typer.Option("--until-eof", help="Stop when standard input closes: when whoever started it is gone.")
]
WithoutLostKey = Annotated[
    bool,
    typer.Option("--without-lost-key", help="Do without a key that is lost, from now on: what it sealed stays unread."),
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log more.")]


def serve(
    config: Config = CONFIG,
    host: Host = "",
    port: Port = None,
    until_eof: UntilEof = False,
    without_lost_key: WithoutLostKey = False,
    verbose: Verbose = False,
) -> None:
    """Answer applications over the OpenAI API, until interrupted."""

    async def main() -> None:
        settings = _settings(load(config), host, port)
        if without_lost_key:
            await vault.give_up(settings)
        await _serve(settings, until_eof=until_eof, verbose=verbose)

    terminal.run(main)


def _settings(settings: Settings, host: str, port: int | None) -> Settings:
    """The file's settings, under the command line's."""
    server = settings.server
    server = msgspec.structs.replace(server, host=host or server.host, port=server.port if port is None else port)
    return msgspec.structs.replace(settings, server=server)


async def _serve(settings: Settings, *, until_eof: bool, verbose: bool) -> None:
    from palier.app import Palier
    from palier.server import http
    from palier.server.admin import AdminServer
    from palier.stores.folder import DataFolder

    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
    )
    socket = DataFolder(settings.folder).admin_socket
    async with Palier.open(settings) as palier, AdminServer(palier, socket):
        warming = asyncio.ensure_future(palier.warm())
        serving = asyncio.ensure_future(http.serve(palier))
        if until_eof:
            _cancel_at_eof(serving)
        try:
            await serving
        except asyncio.CancelledError:
            if not until_eof:
                raise
        finally:
            warming.cancel()


def _cancel_at_eof(serving: asyncio.Future[None]) -> None:
    """Cancel `serving` when standard input closes. A thread: the descriptor may be of any kind."""
    loop = asyncio.get_running_loop()

    def watch() -> None:
        with contextlib.suppress(OSError):
            while os.read(0, 4096):
                pass
        with contextlib.suppress(RuntimeError):  # the loop is closed: the gateway has stopped by itself
            loop.call_soon_threadsafe(serving.cancel)

    threading.Thread(target=watch, name="until-eof", daemon=True).start()
