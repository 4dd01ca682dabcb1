#!/bin/sh
# ONNX Runtime's C++ headers of Debian's package, unpacked and not installed: get_onnxruntime_headers.sh OUT
#
# Debian has the package from release 13 (trixie) on. On an older one apt is asked for that release by the sources that the
# machine has, in a folder of its own: nothing of the machine's apt changes. Licence: MIT, in OUT/onnxruntime/copyright.
set -eu
package=libonnxruntime-dev
mkdir -p "$1"
out=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
set --
if ! apt-cache show "$package" > /dev/null 2>&1; then
    mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial" "$work/sources"
    touch "$work/state/status"
    machine=$(grep -lE '^Suites: *bookworm' /etc/apt/sources.list.d/*.sources | head -n 1)
    # Its first paragraph is that of the release itself, those behind it of updates.
    sed '/^$/,$d; s/^Suites:.*/Suites: trixie/' "$machine" > "$work/sources/trixie.sources"
    set -- -o "Dir::State=$work/state" -o "Dir::State::status=$work/state/status" -o "Dir::Cache=$work/cache" \
        -o Dir::Etc::sourcelist=/dev/null -o "Dir::Etc::sourceparts=$work/sources" -o APT::Sandbox::User=root
    apt-get "$@" update -qq
fi
cd "$work"
apt-get "$@" download -qq "$package"
dpkg-deb --extract "$package"_*.deb unpacked
cp -r unpacked/usr/include/onnxruntime "$out/"
cp "unpacked/usr/share/doc/$package/copyright" "$out/onnxruntime/"
