#!/usr/bin/env bash
# Builds a Rust package for WASI:
#
#   tests/support/wasm-guest/build.sh component|module PACKAGE-DIRECTORY OUTPUT.wasm
#
# A component is made from a library (cdylib), a module from a program. Nobody needs this to build or test spin-deploy:
# what it makes is checked in. It needs a Rust toolchain for the tool beside it, and on Debian 12
#
#   apt-get install rustc-web rust-web-src wasi-libc lld
#
# which is a compiler with the source of its standard library, here 1.96.0, as Rust's own toolchains have it only where
# their target wasm32-wasip1 is installed.
set -euo pipefail
kind=$1 package=$(realpath "$2") output=$(realpath -m "$3")
here=$(dirname "$(realpath "$0")")
target=$here/../../../target

case $kind in
  component) what=--lib start=crt1-reactor.o ;;
  module) what=--bins start=crt1-command.o ;;
  *) echo "neither component nor module: $kind" >&2; exit 2 ;;
esac

# No place in the source is told: it would be a path of the machine that builds.
libc=/usr/lib/wasm32-wasi
flags=(-Clinker=wasm-ld -Clinker-flavor=wasm-ld -Clink-self-contained=no "-L$libc" "-Clink-arg=$libc/$start"
  -Zlocation-detail=none "--remap-path-prefix=$HOME=" "--remap-path-prefix=$package=")
built=$target/wasm-guest/$kind
name=$(sed -n 's/^name = "\(.*\)"$/\1/p' "$package/Cargo.toml" | head -1)
rm -f "$built"/wasm32-wasip1/release/*.wasm
RUSTC=/usr/bin/rustc RUSTC_BOOTSTRAP=1 RUSTFLAGS="${flags[*]}" CARGO_TARGET_DIR=$built \
  cargo build --manifest-path "$package/Cargo.toml" --locked --release $what --target wasm32-wasip1 \
  -Zbuild-std=std,panic_abort -Zbuild-std-features=optimize_for_size
module=$built/wasm32-wasip1/release/${name//-/_}.wasm

if [ "$kind" = module ]; then
  cp "$module" "$output"
else
  CARGO_TARGET_DIR=$target/wasm-guest/tool \
    cargo run --quiet --manifest-path "$here/Cargo.toml" --locked -- "$module" "$output"
fi
