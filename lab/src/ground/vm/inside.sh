# The first process in the namespaces of virtual machines: when it ends, all that is in them does.
# $1 a folder of its own, on a disk.
set -eu
# By the number that it has outside.
read -r pid rest </proc/self/stat

mount -t proc proc /proc
# The devices of this network; and no control groups, so libvirt makes none.
mount -t sysfs sysfs /sys
# Where libvirt has its files are folders that this machine may not have.
for folder in /run /var/lib /var/cache /var/log; do
    mount -t tmpfs -o mode=755 lab "$folder"
done
mkdir -p /run/libvirt/network /var/cache/libvirt /var/log/libvirt/qemu
mkdir -p /var/lib/libvirt/boot /var/lib/libvirt/dnsmasq /var/lib/libvirt/images /var/lib/libvirt/qemu
mount --bind "$1/images" /var/lib/libvirt/images
mount --bind "$1/etc" /etc/libvirt
# It wants its user to be known, also where its configuration names another.
for list in passwd group; do
    grep -q '^libvirt-qemu:' "/etc/$list" && continue
    { cat "/etc/$list"; echo "libvirt-qemu:x:0:0::/nonexistent:/usr/sbin/nologin"; } >"/run/$list"
    mount --bind "/run/$list" "/etc/$list"
done
ip link set lo up

echo "$pid" >"$1/pid.part"
mv "$1/pid.part" "$1/pid"
libvirtd >"$1/libvirtd.log" 2>&1 </dev/null &
wait "$!"
