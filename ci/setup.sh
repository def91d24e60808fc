#!/usr/bin/env bash
# Installs what a bare Debian 12 with Rust lacks for the build and for the tests
# of real clients. It asks for nothing that is there, so a warm machine is quick.
set -euo pipefail
started=$SECONDS
missing=()

# needs PACKAGE COMMAND…: the package where one of its commands is missing.
needs() {
    local package=$1 command
    shift
    for command in "$@"; do
        command -v "$command" >/dev/null || { missing+=("$package"); return; }
    done
}

needs build-essential cc make
needs util-linux setpriv unshare nsenter
needs coreutils timeout
needs procps ps
needs iproute2 ip ss
needs nftables nft
needs openssl openssl
needs ca-certificates update-ca-certificates
# The clients that the tests run unmodified.
needs curl curl
needs wget wget
needs git git
needs nodejs node
needs golang-go go
needs openjdk-17-jdk-headless java javac keytool
needs bind9-dnsutils dig
needs tmux tmux
# The system's own Python, which an unprivileged user can reach, with requests.
/usr/bin/python3 -c 'import requests' 2>/dev/null || missing+=(python3 python3-requests)

if ((${#missing[@]})); then
    echo "setup: installing ${missing[*]}"
    as_root=()
    ((EUID == 0)) || as_root=(sudo)
    export DEBIAN_FRONTEND=noninteractive
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

awk -v seconds=$((SECONDS - started)) 'BEGIN { printf "setup: %.1f min\n", seconds / 60 }'
