#!/bin/sh
# Installs spin-deploy from this checkout: the program itself, and the Spin plugin `deployer` where `spin` is found.
#
#   ./install.sh [--bin-dir DIR] [--no-plugin]
set -eu

bin_dir="${HOME}/.local/bin"
plugin=yes

usage() {
    sed -n '2,4s/^# \{0,1\}//p' "$0"
}

while [ $# -gt 0 ]; do
    case "$1" in
        --bin-dir)
            [ $# -ge 2 ] || { echo "install.sh: --bin-dir needs a directory" >&2; exit 2; }
            bin_dir=$2
            shift 2
            ;;
        --no-plugin) plugin=no; shift ;;
        -h | --help) usage; exit 0 ;;
        *) echo "install.sh: unknown argument: $1" >&2; usage >&2; exit 2 ;;
    esac
done

# Before leaving the directory to which a relative one is relative.
case "${bin_dir}" in
    /*) ;;
    *) bin_dir="$(pwd)/${bin_dir}" ;;
esac
cd "$(dirname "$0")"
checkout=$(pwd)

command -v cargo >/dev/null 2>&1 || {
    echo "install.sh: cargo is not on PATH; spin-deploy is built from source and needs a Rust toolchain" >&2
    exit 1
}
case "$(uname -s)" in
    Linux) os=linux ;;
    Darwin) os=macos ;;
    *) echo "install.sh: $(uname -s) is not supported" >&2; exit 1 ;;
esac
case "$(uname -m)" in
    x86_64 | amd64) arch=amd64 ;;
    aarch64 | arm64) arch=aarch64 ;;
    *) echo "install.sh: $(uname -m) is not supported" >&2; exit 1 ;;
esac

# Absolute, because Spin wants an absolute URL of the archive.
CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-target}"
case "${CARGO_TARGET_DIR}" in
    /*) ;;
    *) CARGO_TARGET_DIR="${checkout}/${CARGO_TARGET_DIR}" ;;
esac
export CARGO_TARGET_DIR
# Builds for another platform land elsewhere, and this installs for this machine.
unset CARGO_BUILD_TARGET
cargo build --release --locked --bin spin-deploy
built="${CARGO_TARGET_DIR}/release/spin-deploy"

mkdir -p "${bin_dir}"
install -m 0755 "${built}" "${bin_dir}/spin-deploy"
echo "installed ${bin_dir}/spin-deploy"
case ":${PATH}:" in
    *":${bin_dir}:"*) ;;
    *) echo "note: ${bin_dir} is not on PATH" ;;
esac

[ "${plugin}" = yes ] || exit 0
if ! command -v spin >/dev/null 2>&1; then
    echo "note: spin is not on PATH, so its plugin was not installed; run this again when it is"
    exit 0
fi

# Spin wants an archive whose program is called like the plugin, and a manifest with an absolute file URL.
dist="${CARGO_TARGET_DIR}/plugin"
mkdir -p "${dist}"
install -m 0755 "${built}" "${dist}/deployer"
cp LICENSE "${dist}/deployer.license"
archive="${dist}/deployer-${os}-${arch}.tar.gz"
tar -C "${dist}" -czf "${archive}" deployer deployer.license
if command -v sha256sum >/dev/null 2>&1; then
    sha256=$(sha256sum "${archive}")
else
    sha256=$(shasum -a 256 "${archive}")
fi
sha256=${sha256%% *}
package="{ \"os\": \"${os}\", \"arch\": \"${arch}\", \"url\": \"file://${archive}\", \"sha256\": \"${sha256}\" }"
sed "s|\"packages\": \[\]|\"packages\": [${package}]|" plugin-manifest.json >"${dist}/deployer.json"
spin plugin install --file "${dist}/deployer.json" --yes
cat <<TEXT
To let \`spin deploy\` use it (Spin 3.4 and later), put this into your shell's profile:

    export SPIN_DEPLOY_PLUGIN=deployer
TEXT
