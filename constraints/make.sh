#!/bin/sh
# Write the exact pins, with hashes, from the ranges of pyproject.toml. Needs uv; run it when a range changes.
# The whole first: an extra may hold back what the base could have newer, and the two must agree.
set -eu
cd "$(dirname "$0")/.."
common="--universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet"
uv pip compile pyproject.toml --group dev --all-extras $common "$@" -o constraints/dev.txt
uv pip compile pyproject.toml --group demo -c constraints/dev.txt $common "$@" -o constraints/base.txt
