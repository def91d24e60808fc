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
needs chromium chromium
# What makes and looks at the eBPF object.
needs clang-19 clang-19
needs llvm-19 llvm-strip-19
[[ -e /usr/include/bpf/bpf_helpers.h ]] || missing+=(libbpf-dev)
PATH=$PATH:/usr/sbin needs bpftool bpftool
# The system's own Python, which an unprivileged user can reach, with requests.
/usr/bin/python3 -c 'import requests' 2>/dev/null || missing+=(python3 python3-requests)
# And with httpx, which speaks HTTP/2 where it finds h2.
/usr/bin/python3 -c 'import httpx, h2' 2>/dev/null || missing+=(python3-httpx python3-h2)
# And with websockets, client and origin of WebSocket.
/usr/bin/python3 -c 'import websockets' 2>/dev/null || missing+=(python3-websockets)

if ((${#missing[@]})); then
    echo "setup: installing ${missing[*]}"
    as_root=()
    ((EUID == 0)) || as_root=(sudo)
    export DEBIAN_FRONTEND=noninteractive
    "${as_root[@]}" apt-get update -qq
    "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
fi

# The conformance suite of HTTP/2.
if ! command -v httpwg >/dev/null; then
    echo "setup: building httpwg"
    built=$(mktemp -d)
    cargo install --quiet --locked --root "$built" httpwg-cli@0.2.5
    as_root=()
    ((EUID == 0)) || as_root=(sudo)
    "${as_root[@]}" install -m 755 "$built/bin/httpwg" /usr/local/bin/
    rm -rf "$built"
fi

awk -v seconds=$((SECONDS - started)) 'BEGIN { printf "setup: %.1f min\n", seconds / 60 }'
