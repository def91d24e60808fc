# One scene: a mode is started, used and stopped, killed at chosen steps of that, and the machine
# compared with before. Runs in mount and network namespaces of its own, over copies of what could
# be changed.
#
#     scene.sh SIDESTREAM KILLAT WORK SCENE POINTS
#
# POINTS is how many steps are taken, evenly, or `every`.
set -eu
sidestream=$1 killat=$2 work=$3 scene=$4 points=$5
mount --make-rprivate /
mount -t tmpfs tmpfs "$work"
mount -t tmpfs tmpfs /run
for folder in etc usr/local/share var/lib; do
    name=$(echo $folder | tr / _)
    mkdir -p "$work/$name.upper" "$work/$name.work"
    mount -t overlay overlay -o "lowerdir=/$folder,upperdir=$work/$name.upper,workdir=$work/$name.work" /$folder
done
ip link set lo up
export HOME=$work/home TMPDIR=$work/tmp LC_ALL=C
unset XDG_STATE_HOME XDG_DATA_HOME XDG_CONFIG_HOME XDG_RUNTIME_DIR SUDO_UID DBUS_SESSION_BUS_ADDRESS
mkdir -p "$HOME" "$TMPDIR"
cd "$HOME"

# What a server answers that the scenes ask.
printf 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi' >"$work/answer"
/usr/bin/python3 -c '
import socket, sys
server = socket.create_server(("127.0.0.1", 8000))
answer = open(sys.argv[1], "rb").read()
while True:
    client, _ = server.accept()
    client.recv(4096)
    client.sendall(answer)
    client.close()' "$work/answer" &
helpers=$!
trap 'kill $helpers 2>/dev/null' EXIT
url=http://127.0.0.1:8000/

# Each scene: its command, what is done once it says that it works, and what was there before.
use() { :; }
prepare() { :; }
as= is_machine_wide=
case $scene in
run) set -- run -- sh -c "curl -sS $url; exit 0" ;;
run-as-user)
    set -- run -- sh -c "curl -sS $url; exit 0"
    as='setpriv --reuid=65534 --regid=65534 --clear-groups'
    chown -R 65534:65534 "$HOME" "$TMPDIR"
    ;;
run-seccomp) set -- run --driver seccomp -- sh -c "curl -sS $url; exit 0" ;;
regular) set -- --mode regular@8080; use() { curl -sS -x http://127.0.0.1:8080 --noproxy '' $url; } ;;
socks5) set -- --mode socks5@1080; use() { curl -sS -x socks5h://127.0.0.1:1080 --noproxy '' $url; } ;;
tun) set -- --mode tun:side0 ;;
wireguard) set -- --mode wireguard@51820 ;;
local) set -- --mode local:curl; use() { curl -sS $url; }; is_machine_wide=1 ;;
transparent) set -- --mode transparent@8080 ;;
gateway)
    ip link add side1 type veth peer name side2
    ip address add 198.51.100.1/24 dev side1
    ip link set side1 up
    sysctl -qw net.ipv4.ip_forward=1
    set -- --mode transparent@8080 --gateway side1
    ;;
first)
    # Nothing of ours has been on this machine.
    set -- --mode regular@8080 --mode wireguard@51820
    prepare() { rm -rf "$HOME/.local"; }
    ;;
system-proxy)
    mkdir -p "$HOME/.config"
    printf '[Proxy Settings]\nProxyType=0\n' >"$HOME/.config/kioslaverc"
    dbus-daemon --session --print-address=1 --nofork >"$work/bus" 2>/dev/null &
    helpers="$helpers $!"
    until [ -s "$work/bus" ]; do sleep 0.02; done
    export DBUS_SESSION_BUS_ADDRESS=$(cat "$work/bus")
    gsettings set org.gnome.system.proxy mode "'auto'"
    set -- --mode regular@8080 --set-system-proxy=desktop,environment
    use() { curl -sS -x http://127.0.0.1:8080 --noproxy '' $url; }
    ;;
ca-install)
    mkdir -p "$HOME/.pki/nssdb"
    certutil -N -d "sql:$HOME/.pki/nssdb" --empty-password
    update-ca-certificates --fresh >"$work/fresh" 2>&1
    set -- ca install --store system,nss
    ;;
ca-first)
    # Chromium is there, and has never been started.
    set -- ca install --store nss
    mkdir -p "$work/bin"
    : >"$work/bin/google-chrome"
    PATH=$PATH:$work/bin
    ;;
ca-uninstall)
    mkdir -p "$HOME/.pki/nssdb"
    certutil -N -d "sql:$HOME/.pki/nssdb" --empty-password
    update-ca-certificates --fresh >"$work/fresh" 2>&1
    set -- ca uninstall --store system,nss
    prepare() { "$sidestream" ca install --store system,nss >"$work/said" 2>&1; }
    ;;
esac
case $scene in ca-* | run*) is_tool=1 ;; *) is_tool= ;; esac

# What is on the machine but in its files: network, kernel objects, mounts, processes of ours.
machine() {
    ip -o link | sed 's/ qlen.*//'; ip rule; ip -6 rule; ip route show table all; ip -6 route show table all
    nft list ruleset
    cat /proc/self/mountinfo
    ip netns list
    find /sys/fs/cgroup -type d -name '*sidestream*' 2>/dev/null
    ls /sys/fs/bpf
    [ -z "$is_machine_wide" ] || bpftool prog list 2>/dev/null | sed -n 's/^\([0-9]*: [a-z_]* name side[^ ]*\).*/\1/p'
    [ -z "$is_machine_wide" ] || bpftool link list 2>/dev/null | sed -n 's/^\([0-9]*: cgroup\).*/\1/p'
    # A process that ends meanwhile cannot be read.
    grep -lsxz "SCENE=$work" /proc/[0-9]*/environ || :
}

# Written all the time, or by others; and what each scene may leave otherwise than it was.
unlike='/\.cache/dconf\|/dconf/user\|/run/mount'
case $scene in
# Databases that their own tool writes anew may hold the same in other bytes.
ca-*) unlike="$unlike\|/java/cacerts\|/cert9.db\|/key4.db" ;;
# The keys are made on first use, and stay, as does the journal's empty folder.
first) unlike="$unlike\|/home/.local \|/.local/share \|/.local/state \|/sidestream \|/wireguard \|/journal \|/lock \|/lock$\|/root.pem\|/root-cert.pem\|/server.conf\|/phone.conf" ;;
esac

files() {
    places="$HOME $TMPDIR /etc /usr/local/share /run /var/lib/sidestream"
    # No size or time: databases and folders have those that they have.
    find $places -printf '%p %y %m %U %G %l\n' 2>/dev/null | grep -v "$unlike" | sort
    find $places -type f -print0 2>/dev/null | xargs -0 sha256sum | grep -v "$unlike" | sort -k2
    case $scene in system-proxy) gsettings list-recursively org.gnome.system.proxy ;; esac
}

# Plays the scene once, killing VICTIM at STEP.
play() {
    step=$1 victim=$2
    shift 2
    : >"$work/said"
    rm -f "$work/report"
    SCENE=$work "$killat" "$work/report" "$step" "$victim" $as "$sidestream" "$@" >"$work/out" 2>"$work/said" &
    tracer=$!
    until [ -s "$work/report" ]; do sleep 0.01; done
    root=$(sed -n 's/^root //p' "$work/report")
    if [ -z "$is_tool" ]; then
        while kill -0 "$tracer" 2>/dev/null && ! grep -q 'listening on\|intercepting\|AllowedIPs' "$work/said"; do sleep 0.01; done
        case $scene in system-proxy)
            while kill -0 "$tracer" 2>/dev/null && ! grep -q 'must trust' "$work/said"; do sleep 0.01; done ;;
        esac
        use >/dev/null 2>&1 || :
        kill -INT "$root" 2>/dev/null || :
    fi
    wait "$tracer" || :
    # Who was not killed ends by itself, or is asked to.
    [ -n "$is_tool" ] || kill -INT "$root" 2>/dev/null || :
    tries=0
    while [ -e "/proc/$root" ]; do
        tries=$((tries + 1)); [ $tries -lt 1000 ] || { echo "$scene does not end"; exit 9; }; sleep 0.02
    done
}

settle() {
    # Its routing rules are the one thing of a network's that outlives its processes, if all are killed.
    [ "$scene" != gateway ] || "$sidestream" repair >"$work/repaired" 2>&1
    # What dies with a descriptor is gone at once; the kernel takes a moment for some of it.
    tries=0
    # Programs in the kernel that others had before may have gone since.
    while machine >"$work/machine.after"
        diff "$work/machine.before" "$work/machine.after" | grep '^[<>]' | grep -v '^< [0-9]*: \(cgroup$\|[a-z_]* name side\)' >"$work/diff"
    do
        tries=$((tries + 1))
        if [ $tries -ge 200 ]; then
            echo "$scene, $victim killed ($(tail -1 "$work/report")) at step $step leaves:"; cat "$work/diff"
            failed=1
            cp "$work/machine.after" "$work/machine.before"
            return
        fi
        sleep 0.05
    done
}

repair() {
    tries=0
    while $as "$sidestream" repair >"$work/repaired" 2>&1; grep -q 'is about it' "$work/repaired"; do
        tries=$((tries + 1)); [ $tries -lt 600 ] || { echo "still busy"; exit 9; }; sleep 0.05
    done
    # What an install has finished stays until it is taken out.
    case $scene in ca-*)
        "$sidestream" ca uninstall --store system,nss >"$work/uninstalled" 2>&1 || { echo "$scene: no uninstall:"; cat "$work/uninstalled"; failed=1; }
    esac
    files >"$work/files.after"
    if diff "$work/files.before" "$work/files.after" | grep '^[<>]' >"$work/diff"; then :; else return 0; fi
    echo "$scene, $victim killed ($(tail -1 "$work/report")) at step $step leaves:"; cat "$work/diff"; cat "$work/repaired"
    failed=1
    cp "$work/files.after" "$work/files.before"
}

failed=
# Once in whole: what is made on first use is there then, and the steps are counted.
$as "$sidestream" ca show >/dev/null
case $scene in
ca-* | first) ;;
*) play 0 all "$@" ;;
esac
$as "$sidestream" repair >/dev/null 2>&1
case $scene in ca-*)
    "$sidestream" ca install --store system,nss >/dev/null 2>&1
    "$sidestream" ca uninstall --store system,nss >/dev/null 2>&1 ;;
esac
machine >"$work/machine.before"
files >"$work/files.before"
prepare
play 0 all "$@"
steps=$(sed -n 's/^steps //p' "$work/report")
settle; repair
[ -n "$steps" ] && [ "$steps" -gt 0 ] || { echo "$scene has no steps:"; cat "$work/said" "$work/report"; exit 9; }
case $points in every) stride=1 first=1 ;; *) stride=$(((steps + points) / (points + 1))) first=$stride ;; esac
taken=0
step=$first
while [ "$step" -le "$steps" ]; do
    case $((taken % 3)) in 0) victims=all ;; 1) victims=root ;; 2) victims=self ;; esac
    [ "$points" != every ] || victims='all root self'
    for victim in $victims; do
        prepare
        play "$step" "$victim" "$@"
        settle
        repair
        taken=$((taken + 1))
    done
    step=$((step + stride))
done
[ -z "$failed" ] || exit 8
echo "$scene: $taken kills in $steps steps"
