"""Put, read and delete a document of a running gateway: palier serve & python examples/documents_over_http.py"""

import json
import os
import urllib.request
from pathlib import Path

URL = os.environ.get("PALIER_URL", "http://127.0.0.1:8420")
KEY = Path(os.environ.get("PALIER_KEY_FILE", ".palier/key")).read_text().strip()


def call(method: str, path: str, body: object = None) -> object:
    request = urllib.request.Request(
        URL + path,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request) as reply:
        return json.loads(reply.read() or b"null")


document = "/v1/palier/collections/notes/documents/opening-hours"
print(call("PUT", document, {"title": "Opening hours", "text": "The shop opens at ten.", "label": "public"}))
print(call("GET", document))
print(call("DELETE", document))
