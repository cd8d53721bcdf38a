"""`palier backup` and `palier restore-backup`: all that an installation is, copied while it runs, and put back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from palier.cli import terminal
from palier.cli.session import CONFIG, Config, Json
from palier.config import Settings, load

if TYPE_CHECKING:
    from palier.backups.manifest import Manifest
    from palier.backups.restoring import Restored

Target = Annotated[Path, typer.Argument(metavar="DEST", help="A folder that is not there yet.")]
Source = Annotated[Path, typer.Argument(metavar="SRC", help="A backup.")]
Weights = Annotated[bool, typer.Option("--weights", help="The weights of embedded models too, not their hashes alone.")]
NoVaultKey = Annotated[
    bool, typer.Option("--without-vault-key", help="Leave out the key of what is kept sealed: keep it apart.")
]
Erasures = Annotated[
    Path | None,
    typer.Option(
        "--erasures",
        metavar="FILE",
        help="`erasures.jsonl` of the data folder, or that folder: what was forgotten since is forgotten again.",
        show_default=False,
    ),
]


def backup(
    target: Target,
    weights: Weights = False,
    without_vault_key: NoVaultKey = False,
    config: Config = CONFIG,
    as_json: Json = False,
) -> None:
    """Copy the data folder, the settings and the files they name, while the gateway runs.

    As DEST.partial, which is looked through and renamed: what is called DEST is whole. Nothing is overwritten.
    """

    async def main() -> None:
        made = await _made(load(config), config.absolute(), target.absolute(), weights, not without_vault_key)
        if as_json:
            terminal.json_line(made)
            return
        size = sum(one.size for one in made.files)
        terminal.note(f"{target}: {len(made.files)} files, {size / 1e6:.1f} MB, {made.entries} entries of the ledger")
        for words in made.left_out:
            terminal.note(f"not in it: {words}")
        for one in made.weights:
            if not one.path:
                told = f"SHA-256 {one.sha256}" if one.sha256 else "which are not there"
                terminal.note(f"not in it: the weights of model `{one.model}` ({one.weights}), {told}")
        terminal.note("it holds words and keys as the data folder does: keep it as safe")

    terminal.run(main)


async def _made(settings: Settings, config: Path, target: Path, weights: bool, vault_key: bool) -> Manifest:
    """By the gateway that owns the data folder; where none runs, here."""
    from palier.backups.making import Wanted, make
    from palier.backups.manifest import Manifest
    from palier.server.backup_calls import Backup
    from palier.server.remote import RemotePalier
    from palier.stores.folder import DataFolder

    if remote := await RemotePalier.connect(DataFolder(settings.folder).admin_socket):
        call = Backup(target=str(target), config=str(config), weights=weights, vault_key=vault_key)
        made: Manifest = await remote.call(call, Manifest)
        return made
    if not settings.folder.is_dir():
        return make(settings, config, target, Wanted(weights, vault_key))
    with DataFolder.claim(settings.folder):
        return make(settings, config, target, Wanted(weights, vault_key))


def restore_backup(source: Source, target: Target, erasures: Erasures = None, as_json: Json = False) -> None:
    """Put a backup back, as a new folder with its settings and its data.

    A backup that is damaged, or of a newer palier, is refused. What was forgotten after it was made is in it: say with
    --erasures what that was.
    """

    def main() -> None:
        from palier.backups.restoring import restore

        restored = restore(source, target, erasures)
        if as_json:
            terminal.json_line(restored)
        else:
            _show(restored)

    terminal.run(main)


def _show(restored: Restored) -> None:
    made = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(restored.manifest.created))
    terminal.note(f"{restored.folder}: {len(restored.manifest.files)} files as they were on {made}")
    for words in restored.notes:
        terminal.note(words)
    if not restored.told:
        terminal.note(
            f"WHAT WAS FORGOTTEN AFTER {made}, if anything, IS BACK: delete the folder and restore it with --erasures"
            " and `erasures.jsonl` of the data folder that was, or run `palier forget` again for each"
        )
    elif restored.again:
        terminal.note(f"{restored.again} erasures since are done again at the first start, before anything is answered")
    if restored.foreign:
        terminal.note(
            f"{restored.foreign} ERASURES CANNOT BE TOLD: they were written with another fingerprint.key;"
            " run `palier forget` again for each"
        )
    terminal.note(f"palier doctor -c {restored.config}")
