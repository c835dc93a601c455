#!/usr/bin/env bash
# Makes api.wasm and site.wasm anew, or only those that are named; tests/support/wasm-guest/build.sh tells what it needs.
set -euo pipefail
cd "$(dirname "$0")"
[ $# -gt 0 ] || set -- api site
for component; do
  ../../tests/support/wasm-guest/build.sh component "$component" "$component.wasm"
done
