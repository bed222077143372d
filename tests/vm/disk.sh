#!/usr/bin/env bash
# Makes the disk of the virtual machine: tests/vm/disk.sh DIRECTORY
#
# Debian 12 as it is installed by default (systemd, cgroup v2 alone, AppArmor, systemd-resolved
# and its resolv.conf), with what tests ask for. In DIRECTORY: root.img, vmlinuz, initrd, key.
set -euo pipefail
out=$1
rm -rf "$out"
mkdir -p "$out/root"

packages=(linux-image-cloud-amd64 systemd-sysv systemd-resolved udev kmod dbus libpam-systemd
    openssh-server apparmor apparmor-utils nftables iproute2 iptables iputils-ping procps psmisc
    strace curl busybox-static util-linux git openssl python3 python3-minimal xz-utils zstd bzip2
    unzip ca-certificates e2fsprogs uidmap podman crun runc less)
mmdebstrap --quiet --variant=minbase --include="$(IFS=,; echo "${packages[*]}")" bookworm "$out/root"

ssh-keygen -q -t ed25519 -N '' -C vm -f "$out/key"
cd "$out/root"
install -d -m 700 root/.ssh
cp "$out/key.pub" root/.ssh/authorized_keys
echo vm > etc/hostname
echo '127.0.0.1 localhost vm' > etc/hosts
echo '/dev/vda / ext4 defaults 0 1' > etc/fstab
printf '[Match]\nName=en*\n[Network]\nDHCP=yes\n' > etc/systemd/network/wired.network
ln -sf /run/systemd/resolve/stub-resolv.conf etc/resolv.conf
for unit in systemd-networkd systemd-resolved ssh; do
    systemctl --quiet --root . enable "$unit"
done
# Nobody waits for them in a machine that lives for an hour.
for unit in apt-daily.timer apt-daily-upgrade.timer fstrim.timer e2scrub_all.timer man-db.timer \
    dpkg-db-backup.timer systemd-networkd-wait-online.service podman-auto-update.timer; do
    systemctl --quiet --root . mask "$unit"
done

cp boot/vmlinuz-* ../vmlinuz
cp boot/initrd.img-* ../initrd
rm -rf var/cache/apt/archives var/lib/apt/lists
cd ..
mke2fs -q -t ext4 -d root root.img 6G
rm -rf root
