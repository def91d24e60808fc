# The first process in an engine's namespaces: when it ends, all that is in them does.
# $1 the engine's folder, $2 its control group, $3 its data.
set -eu
# By the number that it has outside.
read -r pid rest </proc/self/stat
exec 3<&0 </dev/null

mount -t proc proc /proc
mount -t tmpfs -o mode=755 engine /run
# Where everybody looks for an engine's data is a folder that this machine may not have.
mkdir -m 1777 /run/tmp
export TMPDIR=/run/tmp
mkdir /run/lab /run/upper /run/work
mount -t overlay -o lowerdir=/var/lib,upperdir=/run/upper,workdir=/run/work engine /var/lib ||
    mount -t tmpfs engine /var/lib
mkdir -p /var/lib/docker
mount --bind "$3" /var/lib/docker
# It would raise a limit of the whole machine.
if mount --bind /proc/sys/kernel/keys /proc/sys/kernel/keys; then
    mount -o remount,bind,ro /proc/sys/kernel/keys
fi
ip link set lo up

echo "$pid" >"$1/pid.part"
mv "$1/pid.part" "$1/pid"
dockerd --host unix:///run/docker.sock --cgroup-parent "/$2/docker" \
    --exec-opt native.cgroupdriver=cgroupfs --oom-score-adjust 0 \
    --bridge none --userland-proxy=false >"$1/engine.log" 2>&1 3<&- &
engine=$!
{
    cat >/dev/null
    kill -9 "$engine"
} <&3 &
wait "$engine"
