"""Libraries that only some metrics need."""

from __future__ import annotations

import importlib
from typing import Any

from palier.errors import MissingExtra


def need(module: str, metric: str) -> Any:
    """The module, imported now. Raises `MissingExtra` with the install command."""
    try:
        return importlib.import_module(module)
    except ImportError:
        package = module.partition(".")[0]
        raise MissingExtra(f"the metric `{metric}` needs {package}", hint='pip install "palier[bench]"') from None
