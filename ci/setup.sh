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
needs time /usr/bin/time
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
PATH=$PATH:/usr/sbin needs dropbear-bin dropbear dropbearkey
needs openssh-client ssh-keyscan
needs openjdk-17-jdk-headless java javac keytool
needs bind9-dnsutils dig
needs tmux tmux
needs chromium chromium
needs libnss3-tools certutil
# What the conformance suites come with, and their servers: `cargo xtask conformance`.
needs npm npm
needs testssl.sh testssl
needs nghttp2-client h2load
PATH=$PATH:/usr/sbin needs nghttp2-server nghttpd
python3 -c 'import ensurepip' 2>/dev/null || missing+=(python3-venv)
needs mptcpize mptcpize
needs wireguard-go wireguard-go
needs wireguard-tools wg
needs zbar-tools zbarimg
needs tshark tshark
needs wireshark-common editcap
# The proxies that others wrote.
PATH=$PATH:/usr/sbin needs squid-openssl squid
needs microsocks microsocks
PATH=$PATH:/usr/sbin needs dante-server danted
[[ -e /usr/include/liburing.h ]] || missing+=(liburing-dev)
# What gives an ordinary user the helper.
needs sudo sudo
needs pkexec pkexec
needs dbus dbus-daemon
# What keeps a desktop's settings, and a client that reads them.
needs "libglib2.0-bin dconf-gsettings-backend gsettings-desktop-schemas" gsettings
needs libkf5config-bin kreadconfig5 kwriteconfig5
needs "libproxy-tools libproxy1-plugin-gsettings libproxy1-plugin-kconfig" proxy
[[ -e /usr/share/glib-2.0/schemas/org.gnome.system.proxy.gschema.xml ]] || missing+=(gsettings-desktop-schemas)
compgen -G '/usr/lib/*/gio/modules/libdconfsettings.so' >/dev/null || missing+=(dconf-gsettings-backend)
compgen -G '/usr/lib/*/libproxy/*/modules/config_kde.so' >/dev/null || missing+=(libproxy1-plugin-gsettings libproxy1-plugin-kconfig)
# The grounds of the lab: servers that are none of ours, containers, other kernels.
PATH=$PATH:/usr/sbin needs nginx-light nginx
PATH=$PATH:/usr/sbin needs dnsmasq-base dnsmasq
PATH=$PATH:/usr/sbin needs docker.io dockerd
PATH=$PATH:/usr/sbin needs iptables iptables
# Its own release's qemu-utils with it: a newer one is in the way.
needs "qemu-system-x86 qemu-utils/$(. /etc/os-release; echo "$VERSION_CODENAME")" qemu-system-x86_64
[[ -e /usr/share/seabios/bios-256k.bin ]] || missing+=(seabios)
needs cpio cpio
PATH=$PATH:/usr/sbin needs kmod depmod
needs vagrant vagrant
PATH=$PATH:/usr/sbin needs tcpdump tcpdump
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
    # An entry may be several packages.
    # shellcheck disable=SC2068
    "${as_root[@]}" apt-get install -y -qq --no-install-recommends --allow-downgrades \
        ${missing[@]} >/dev/null
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
