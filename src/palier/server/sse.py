"""Server-sent events: the frames that both stream formats share."""

from __future__ import annotations

from palier.server.wire import encode

DONE = b"data: [DONE]\n\n"


def failure(error: bytes) -> bytes:
    """The last frame of a stream that failed in the middle; no `[DONE]` follows. `error` is OpenAI's error object."""
    return b"event: error\ndata: %b\n\n" % error


class Head:
    """The constant part of a stream's chunks, encoded once: `data: {"id":...,"choices":[`."""

    def __init__(self, id: str, object: str, model: str, created: int, *, include_usage: bool) -> None:
        fields = encode({"id": id, "object": object, "created": created, "model": model})
        self._open = b'data: %b,"choices":[' % fields[:-1]
        self._close = b'],"usage":null}\n\n' if include_usage else b"]}\n\n"

    def chunk(self, choice: bytes, *, palier: bytes = b"", usage: bytes = b"") -> bytes:
        """One frame with the JSON of one choice (or none); palier's report, and the usage if asked, are in the last."""
        if usage:
            return b'%b%b],"palier":%b,"usage":%b}\n\n' % (self._open, choice, palier, usage)
        if palier:
            return b'%b%b],"palier":%b%b' % (self._open, choice, palier, self._close[1:])
        return self._open + choice + self._close
