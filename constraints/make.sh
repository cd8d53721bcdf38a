#!/bin/sh
# Write the exact pins, with hashes, from the ranges of pyproject.toml. Needs uv; run it when a range changes.
set -eu
cd "$(dirname "$0")/.."
common="--universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet"
uv pip compile pyproject.toml --group demo $common "$@" -o constraints/base.txt
uv pip compile pyproject.toml --group dev --all-extras -c constraints/base.txt $common "$@" -o constraints/dev.txt
