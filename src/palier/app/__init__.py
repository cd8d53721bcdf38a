"""The only assembler: settings to wired parts. The server, the command line and programs hold a `Palier`."""

from palier.app.knowing import LOCAL
from palier.app.palier import Palier
from palier.app.sync import SyncPalier

__all__ = ["LOCAL", "Palier", "SyncPalier"]
