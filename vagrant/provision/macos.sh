#!/bin/sh
# Says what trials need and the system has not; curl, dig and a shell are part of macOS.
set -eu
for program in curl dig python3; do
    command -v "$program" >/dev/null || { echo "install $program: xcode-select --install" >&2; exit 1; }
done
sudo mkdir -p /lab
sudo chown "$(id -un)" /lab
