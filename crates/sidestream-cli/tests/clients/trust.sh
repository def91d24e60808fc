# Runs in mount and network namespaces of its own, over which the machine's stores lie as copies.
set -eu
sidestream=$1 work=$2 task=$3
mount --make-rprivate /
mount -t tmpfs tmpfs "$work"
for folder in etc usr/local usr/lib/jvm var/lib; do
    name=$(echo $folder | tr / _)
    mkdir -p "$work/$name.upper" "$work/$name.work"
    mount -t overlay overlay -o "lowerdir=/$folder,upperdir=$work/$name.upper,workdir=$work/$name.work" /$folder
done
ip link set lo up
export HOME=$work/home LC_ALL=C
unset XDG_STATE_HOME XDG_DATA_HOME SUDO_UID
mkdir -p "$HOME/.mozilla/firefox/p.default" "$HOME/.pki/nssdb" "$HOME/.jdks/own/lib/security"
for database in "$HOME/.mozilla/firefox/p.default" "$HOME/.pki/nssdb"; do
    certutil -N -d "sql:$database" --empty-password
done
cp -L /etc/ssl/certs/java/cacerts "$HOME/.jdks/own/lib/security/cacerts"
# As its package leaves it, whatever was done by hand.
update-ca-certificates --fresh >"$work/fresh" 2>&1
"$sidestream" ca show >/dev/null

look() {
    find /etc /usr/local/share /usr/lib/jvm/*/lib/security "$HOME/.mozilla" "$HOME/.pki" "$HOME/.jdks" |
        sort | while read -r path; do
            if [ -L "$path" ]; then echo "$path -> $(readlink "$path")"
            elif [ -d "$path" ]; then stat -c '%n %a %u %g' "$path"
            elif [ -f "$path" ]; then echo "$(stat -c '%n %a %u %g' "$path") $(sha256sum <"$path")"
            fi
        done
}

serve() {
    "$sidestream" ca export --with-key >"$work/ca.pem"
    openssl req -newkey rsa:2048 -nodes -keyout "$work/key.pem" -subj /CN=localhost -out "$work/request" 2>/dev/null
    printf 'subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\nbasicConstraints=CA:FALSE\n' >"$work/extensions"
    openssl x509 -req -in "$work/request" -CA "$work/ca.pem" -CAkey "$work/ca.pem" -set_serial 7 -days 30 \
        -extfile "$work/extensions" -out "$work/leaf.pem" 2>/dev/null
    openssl s_server -accept 4433 -www -quiet -cert "$work/leaf.pem" -key "$work/key.pem" >/dev/null 2>&1 &
    server=$!
    trap 'kill $server' EXIT
    tries=0
    until curl -sk https://localhost:4433/ -o /dev/null; do
        tries=$((tries + 1)); [ $tries -lt 200 ] || exit 9; sleep 0.05
    done
}

# Says for each client whether it trusts the server.
ask() {
    says() { if "$@" >"$work/said" 2>&1; then echo "$client trusts"; else echo "$client refuses"; fi; }
    client=curl says curl -sS https://localhost:4433/
    client=openssl says openssl s_client -connect localhost:4433 -verify_return_error </dev/null
    client=python says /usr/bin/python3 -c 'import urllib.request as r; r.urlopen("https://localhost:4433/").read()'
    client=wget says wget -qO- https://localhost:4433/
    client=git says sh -c 'git ls-remote https://localhost:4433/x 2>&1 | grep -qv "certificate verification failed\|SSL certificate problem"'
    client=java says java -Djava.net.preferIPv4Stack=true "$work/Ask.java"
    client=chromium says sh -c "chromium --headless --no-sandbox --disable-gpu --user-data-dir=$work/chromium \
        --dump-dom https://localhost:4433/ 2>/dev/null | grep -q s_server"
}

case $task in
trust)
    cat >"$work/Ask.java" <<'JAVA'
public class Ask {
    public static void main(String[] words) throws Exception {
        new java.net.URL("https://localhost:4433/").openStream().readAllBytes();
    }
}
JAVA
    serve
    look >"$work/before"
    echo "before:"; ask
    "$sidestream" ca install | awk '{ print $1, $2, $4 ($5 ? " " $5 : "") }'
    "$sidestream" ca install >"$work/twice" || { echo "twice is not once"; cat "$work/twice"; }
    "$sidestream" ca status >/dev/null || echo "status is not well"
    echo "installed:"; ask
    "$sidestream" repair
    "$sidestream" ca uninstall >/dev/null
    look >"$work/after"
    diff "$work/before" "$work/after" && echo "the machine is as before"
    echo "uninstalled:"; ask
    ;;
kill)
    rounds=0
    for delay in 0.01 0.1 0.8; do
        look >"$work/before"
        "$sidestream" ca install >/dev/null 2>&1 &
        installing=$!
        sleep $delay
        kill -9 $installing 2>/dev/null || :
        wait $installing 2>/dev/null || :
        # A tool that outlives the process is waited for.
        tries=0
        while "$sidestream" repair >"$work/said"; grep -q 'is about it' "$work/said"; do
            tries=$((tries + 1)); [ $tries -lt 600 ] || { echo "still busy"; exit 9; }; sleep 0.1
        done
        "$sidestream" doctor >"$work/said" || :
        grep -q 'left-overs .* none' "$work/said" || echo "left-overs after $delay"
        "$sidestream" ca uninstall >"$work/said" || { echo "uninstall after $delay:"; cat "$work/said"; }
        "$sidestream" ca status | grep -w trusted | grep -v 'not trusted' && echo "trusted after $delay" || :
        look >"$work/after"
        # Those that their own tool writes anew may hold the same in other bytes when it was interrupted.
        diff "$work/before" "$work/after" | grep '^[<>]' | grep -v '/java/cacerts \|/cert9.db \|/key4.db ' || :
        rounds=$((rounds + 1))
    done
    echo "$rounds rounds"
    ;;
edited)
    # Somebody else's root comes in between, by hand and by the same tools.
    openssl req -x509 -newkey rsa:2048 -nodes -keyout "$work/other.key" -subj /CN=other -out "$work/other.crt" 2>/dev/null
    look >"$work/before"
    "$sidestream" ca install >/dev/null
    cp "$work/other.crt" /usr/local/share/ca-certificates/other.crt
    update-ca-certificates >/dev/null 2>&1
    certutil -A -d "sql:$HOME/.pki/nssdb" -n other -t C,, -i "$work/other.crt"
    "$sidestream" ca uninstall >"$work/said" || cat "$work/said"
    "$sidestream" ca status | sed "s|/[^ ]*||; s|  *| |g"
    openssl verify -CApath /etc/ssl/certs -no-CAfile "$work/other.crt" | grep -c OK
    openssl verify -CAfile /etc/ssl/certs/ca-certificates.crt -no-CApath "$work/other.crt" | grep -c OK
    certutil -L -d "sql:$HOME/.pki/nssdb" | grep -c '^other  *C,,'
    # Once it is gone as well, all is as before, but for what its tools wrote anew.
    rm /usr/local/share/ca-certificates/other.crt
    update-ca-certificates --fresh >/dev/null 2>&1
    look >"$work/after"
    diff "$work/before" "$work/after" | grep '^[<>]' | grep -v '/java/cacerts \|/cert9.db \|/key4.db ' || echo "the machine is as before"
    ;;
sudo)
    # A user of this machine, and sudo as it calls.
    cp /etc/passwd "$work/passwd"
    echo "side:x:4711:4711::$HOME:/bin/sh" >>"$work/passwd"
    mount --bind "$work/passwd" /etc/passwd
    chown -R 4711:4711 "$HOME"
    as_user() { setpriv --reuid=4711 --regid=4711 --clear-groups "$@"; }
    by_sudo() { env HOME=/root SUDO_UID=4711 SUDO_GID=4711 SUDO_USER=side "$@"; }
    as_user "$sidestream" ca show >/dev/null
    look >"$work/before"
    by_sudo "$sidestream" ca install | awk '{ print $1, $2, $4 ($5 ? " " $5 : "") }'
    find "$HOME" ! -user side
    ls -d /var/lib/sidestream/journal/0* | wc -l
    ls -d "$HOME"/.local/state/sidestream/journal/0* | wc -l
    # The user takes out what is the user's, and is told what takes root.
    as_user "$sidestream" ca uninstall | sed "s|$work|WORK|; s|  *| |g"
    by_sudo "$sidestream" ca uninstall >/dev/null
    look >"$work/after"
    diff "$work/before" "$work/after" && echo "the machine is as before"
    ;;
homeless)
    look >"$work/before"
    nobody="setpriv --reuid=65534 --regid=65534 --clear-groups env -u HOME"
    $nobody "$sidestream" ca install 2>&1 || :
    $nobody "$sidestream" ca status --store system 2>&1 || :
    env -u HOME "$sidestream" --confdir "$work/conf" ca show >/dev/null
    env -u HOME "$sidestream" --confdir "$work/conf" ca install | awk '{ print $1, $2, $4 ($5 ? " " $5 : "") }'
    env -u HOME "$sidestream" --confdir "$work/conf" ca uninstall >/dev/null
    look >"$work/after"
    diff "$work/before" "$work/after" && echo "the machine is as before"
    ;;
closed)
    # An ordinary user, of whose stores one may not be written; whatever forbids it.
    nobody="setpriv --reuid=65534 --regid=65534 --clear-groups"
    chown -R 65534:65534 "$HOME"
    chown root "$HOME/.mozilla/firefox/p.default"; chmod 555 "$HOME/.mozilla/firefox/p.default"
    $nobody "$sidestream" ca show >/dev/null
    look >"$work/before"
    $nobody "$sidestream" ca install >"$work/said" && echo "it is well"
    sed "s|$work|WORK|g; s|sidestream-[0-9a-f]*|sidestream-ID|g; s|  *| |g" "$work/said"
    $nobody "$sidestream" ca uninstall >/dev/null || :
    look >"$work/after"
    diff "$work/before" "$work/after" && echo "the machine is as before"
    ;;
refused)
    mount -o remount,ro,bind /usr/local 2>/dev/null || { mount --bind /usr/local /usr/local; mount -o remount,ro,bind /usr/local; }
    look >"$work/before"
    "$sidestream" ca install --store system --store nss >"$work/said" && echo "it is well"
    sed "s|$work|WORK|g; s|sidestream-[0-9a-f]*|sidestream-ID|g; s|  *| |g" "$work/said"
    "$sidestream" ca uninstall >/dev/null
    look >"$work/after"
    diff "$work/before" "$work/after" && echo "the machine is as before"
    ;;
esac
