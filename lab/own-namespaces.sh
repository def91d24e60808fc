#!/bin/sh
# Runs a command in network, mount and pid namespaces of its own, as root or as an ordinary user.
# With it, all is gone: hosts, links, mounts, processes, and files, which lie in memory on /run.
# Where there are none to be had it runs as it is, and LAB_NO_NAMESPACES says why.
[ "$#" -gt 0 ] || { echo "usage: $0 COMMAND [ARGUMENT]..." >&2; exit 2; }
# A session of services has variables that are of no use inside.
unset XDG_RUNTIME_DIR DBUS_SESSION_BUS_ADDRESS
inside='
set -e
mount -t proc proc /proc
mount -t tmpfs -o mode=755 none /run
mkdir -p /run/lab /run/tmp
ip link set lo up
export LAB_OWN_NAMESPACES=1 TMPDIR=/run/tmp HOME=/run/lab
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
exec "$@"'
user=
[ "$(id -u)" = 0 ] || user='--user --map-root-user'
# shellcheck disable=SC2086 # Two words or none.
LAB_NO_NAMESPACES=$(unshare $user --mount --pid --fork mount -t proc proc /proc 2>&1) || {
    export LAB_NO_NAMESPACES
    exec "$@"
}
# Whoever started it may be killed.
dying=
command -v setpriv >/dev/null && dying='setpriv --pdeathsig KILL'
# shellcheck disable=SC2086
exec $dying unshare $user --net --mount --propagation private --pid --fork --kill-child -- \
    sh -c "$inside" sh "$@"
