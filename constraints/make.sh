#!/bin/sh
# Write the exact pins, with hashes, from the ranges of pyproject.toml. Needs uv; run it when a range changes.
# The whole first: an extra may hold back what the base could have newer, and the two must agree.
# The extra `train` is apart, without hashes: which build of torch is taken (for the processor, or with several GB for
# graphics cards) is the index's to say, and train.txt lists only what the others do not have.
set -eu
cd "$(dirname "$0")/.."
torch="torch==2.13.0"
common="--universal --python-version 3.11 --no-header --no-annotate --quiet"
extras="--extra guards --extra bench --extra carbon --extra hub --extra pii --extra presidio"
uv pip compile pyproject.toml --group dev $extras $common --generate-hashes "$@" -o constraints/dev.txt
uv pip compile pyproject.toml --group demo -c constraints/dev.txt $common --generate-hashes "$@" -o constraints/base.txt
echo "$torch" | uv pip compile pyproject.toml - --extra train -c constraints/dev.txt $common "$@" |
    grep -Ev '^(nvidia|cuda|triton)' | while read -r line; do
        grep -qF "${line%% *} " constraints/dev.txt || echo "$line"
    done > constraints/train.txt
