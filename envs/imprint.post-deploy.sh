#!/usr/bin/env bash
# Installs this checkout into the environment that Snakemake has just made.
set -euo pipefail
pip install --no-deps -e "$(git rev-parse --show-toplevel)"
