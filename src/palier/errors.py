"""What can go wrong, as a tree; each error says what happened, and `hint` what to do about it.

PalierError
├── ConfigurationError        palier.toml, the environment or the command line is wrong         exit 2
├── DataFolderBusy            another process owns the data folder                              exit 2
├── MissingExtra              an optional package is needed; the hint is the install command    exit 2
├── InvalidRequest      400   the client's own fault; `param` names the field                   exit 2
├── Unauthorized        401                                                                     exit 2
├── Forbidden           403                                                                     exit 2
│   └── LocalOnly       403   it would leave, and nothing may (`local_only`)
├── NotFound            404                                                                     exit 2
├── TooLarge            413                                                                     exit 2
├── Busy                429   a bounded queue is full; `retry_after` seconds                    exit 4
├── BudgetExceeded      429   what a key or a route may spend is spent; `retry_after`           exit 5
├── UpstreamError       502   a tier answered, but not with an answer                           exit 4
│   ├── UpstreamRefused 502   401, 403, 429, 5xx, a redirect
│   └── UpstreamGarbage 502   not JSON, not the wire, cut in the middle
├── UpstreamTimeout     504   connect, first token or total                                     exit 4
│   └── ConnectTimeout  504   nothing was sent yet: safe to try again
├── Unavailable         503   engine restarting, circuit open, worker lost; `retry_after`       exit 4
└── StoreError          503   a file could not be written or read                               exit 2

A filter's line that fails is no error of the command: the rest goes on, and it exits 1.
"""

from __future__ import annotations

import re
from typing import Literal


class PalierError(Exception):
    """Base. `status` is the HTTP status, `code` a stable word, `exit_status` the command line's.

    `said` are an upstream's own words: they may repeat the prompt, so they are told to whoever asked and kept only
    where words are kept.
    """

    status = 500
    code = "internal_error"
    type = "server_error"
    exit_status = 1
    logged = False
    """What it says stands in the log already."""
    unsent = False
    """Nothing went to the upstream, by no try: whatever else failed, it took nothing."""

    def __init__(
        self,
        message: str,
        *,
        said: str = "",
        hint: str = "",
        param: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.said = said
        self.hint = hint
        self.param = param
        self.retry_after = retry_after

    def __str__(self) -> str:
        text = f"{self.message}: {self.said}" if self.said else self.message
        return f"{text} ({self.hint})" if self.hint else text


class ConfigurationError(PalierError):
    status = 503
    code = "configuration_error"
    exit_status = 2


class DataFolderBusy(PalierError):
    status = 503
    code = "data_folder_busy"
    exit_status = 2


class MissingExtra(PalierError):
    code = "missing_extra"
    exit_status = 2


class InvalidRequest(PalierError):
    status = 400
    code = "invalid_request"
    type = "invalid_request_error"
    exit_status = 2


class Unauthorized(PalierError):
    status = 401
    code = "invalid_api_key"
    type = "authentication_error"
    exit_status = 2


class Forbidden(PalierError):
    status = 403
    code = "forbidden"
    type = "permission_error"
    exit_status = 2


class LocalOnly(Forbidden):
    code = "local_only"


class NotFound(PalierError):
    status = 404
    code = "not_found"
    type = "invalid_request_error"
    exit_status = 2


class TooLarge(PalierError):
    status = 413
    code = "request_too_large"
    type = "invalid_request_error"
    exit_status = 2


class Busy(PalierError):
    status = 429
    code = "queue_full"
    type = "rate_limit_error"
    exit_status = 4


class BudgetExceeded(PalierError):
    status = 429
    code = "budget_exceeded"
    exit_status = 5
    type = "insufficient_quota"
    whose: Literal["key", "route"] = "key"


class UpstreamError(PalierError):
    status = 502
    code = "upstream_error"
    type = "upstream_error"
    exit_status = 4


class UpstreamRefused(UpstreamError):
    code = "upstream_refused"


class UpstreamGarbage(UpstreamError):
    code = "upstream_garbage"


class UpstreamTimeout(PalierError):
    status = 504
    code = "upstream_timeout"
    type = "upstream_error"
    exit_status = 4


class ConnectTimeout(UpstreamTimeout):
    code = "connect_timeout"


class Unavailable(PalierError):
    status = 503
    code = "unavailable"
    type = "server_error"
    exit_status = 4


class StoreError(PalierError):
    status = 503
    code = "store_error"
    exit_status = 2


_KINDS = {
    "int": "a whole number",
    "float": "a number",
    "str": "a text",
    "bool": "true or false",
    "array": "a list",
    "object": "a table of fields",
    "null": "nothing",
}


def unfit(error: Exception, named: str = "field") -> str:
    """What of some data is not as it must be, its place first, in the words of people: `error` is msgspec's.

    `named` is what a field is called there.
    """
    words, _, place = str(error).partition(" - at ")
    place = re.sub(r"^(`key` in )?`\$\.?|`$", "", place).replace("[...]", ".NAME")
    if found := re.fullmatch(r"Object (missing required|contains unknown) field `(.*)`", words):
        name = f"{place}.{found[2]}".strip(".")
        return f"`{name}` is missing" if found[1] == "missing required" else f"unknown {named} `{name}`"
    at = f"`{place}`" if place else "it"
    if found := re.fullmatch(r"Expected `(.*)`, got `(.*)`", words):
        quoted = "number" in (wanted := _kinds(found[1])) and found[2] == "str"
        return f"{at} must be {wanted}, and is {_kinds(found[2])}" + (" (write it without quotes)" if quoted else "")
    if found := re.fullmatch(r"Expected `(.*?)`(.*)", words):
        return f"{at} must be {_kinds(found[1])}{found[2]}"
    if found := re.fullmatch(r"Invalid enum value (.*)", words):
        return f"{at} may not be {found[1]}"
    return f"{at}: {words}" if place else words


def _kinds(told: str) -> str:
    return " or ".join(_KINDS.get(kind, kind) for kind in told.split(" | "))
