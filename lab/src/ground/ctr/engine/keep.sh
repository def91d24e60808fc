# Keeps an engine in namespaces of its own until standard input ends or the engine does, and
# removes what it leaves: it outlives a lab that is killed.
# $1 the engine's folder, $2 its control group, $3 its data, $4 what runs inside.
unshare --net --mount --pid --fork --kill-child --propagation private \
    sh -c "$4" engine "$1" "$2" "$3"
status=$?
find /sys/fs/cgroup -maxdepth 2 -type d -name "$2" | while read -r group; do
    find "$group" -depth -type d -exec rmdir {} \;
done
rm -rf --one-file-system "$1"
exit "$status"
