# Makes of a minimal system one that Vagrant can use: its user, a network, no needless service.
# $1 the system's root. The key that Vagrant comes with is in LAB_KEY.
set -eu
root=$1
chroot "$root" useradd --create-home --shell /bin/bash vagrant
echo 'vagrant ALL=(ALL) NOPASSWD:ALL' >"$root/etc/sudoers.d/vagrant"
chmod 440 "$root/etc/sudoers.d/vagrant"
mkdir -m 700 "$root/home/vagrant/.ssh"
echo "$LAB_KEY" >"$root/home/vagrant/.ssh/authorized_keys"
chmod 600 "$root/home/vagrant/.ssh/authorized_keys"
chroot "$root" chown -R vagrant:vagrant /home/vagrant/.ssh
# Names are asked of nobody: the networks of the lab know no name servers.
printf 'UseDNS no\nGSSAPIAuthentication no\n' >"$root/etc/ssh/sshd_config.d/lab.conf"
echo lab-debian >"$root/etc/hostname"
printf '127.0.0.1 localhost lab-debian\n::1 localhost\n' >"$root/etc/hosts"
echo '/dev/vda / ext4 rw,noatime 0 0' >"$root/etc/fstab"
printf '[Match]\nName=e*\n[Network]\nDHCP=ipv4\nIPv6AcceptRA=no\n[DHCPv4]\nClientIdentifier=mac\nUseDNS=no\n' \
    >"$root/etc/systemd/network/lab.network"
chroot "$root" systemctl --quiet enable systemd-networkd ssh
# What wakes up by itself takes time from trials; servers are started by trials.
for unit in systemd-networkd-wait-online systemd-timesyncd e2scrub_reap nginx; do
    chroot "$root" systemctl --quiet mask "$unit" 2>/dev/null || true
done
for unit in "$root"/lib/systemd/system/*.timer; do
    chroot "$root" systemctl --quiet mask "${unit##*/}" 2>/dev/null || true
done
mkdir -p "$root/lab"
