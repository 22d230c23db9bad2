# SPDX-License-Identifier: GPL-2.0-or-later
# Volumes that take I/O and keep it: suspended without a word to their file systems, or without path.
export DM_DISABLE_UDEV=1
for module in loop dm_mod dm_multipath dm_round_robin xfs; do modprobe $module; done

# volume NAME MIB: a device of device-mapper on a file
volume() {
    truncate -s "$2"M "/run/$1.img"
    loop=$(losetup -f)
    losetup "$loop" "/run/$1.img"
    dmsetup create "$1" --table "0 $(($2 * 2048)) linear $loop 0"
}

volume hang_ext4 64
mke2fs -q -t ext4 -E lazy_itable_init=0,lazy_journal_init=0 /dev/mapper/hang_ext4
volume hang_xfs 320
mkfs.xfs -q /dev/mapper/hang_xfs
mkdir -p /mnt/hang_ext4 /mnt/hang_xfs
mount /dev/mapper/hang_xfs /mnt/hang_xfs
echo content >/mnt/hang_xfs/file
mount /dev/mapper/hang_ext4 /mnt/hang_ext4
for name in file 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 unread; do
    echo content >/mnt/hang_ext4/$name
done
umount /mnt/hang_ext4
# Such that the block with the inode of "unread" is not in memory, those of others are.
mount -o inode_readahead_blks=0 /dev/mapper/hang_ext4 /mnt/hang_ext4
exec 9</mnt/hang_ext4/unread
blockdev --flushbufs /dev/mapper/hang_ext4
chmod 755 /mnt/hang_ext4
echo content >/mnt/hang_ext4/file
sync
dmsetup suspend --nolockfs --noflush hang_ext4
dmsetup suspend --nolockfs --noflush hang_xfs

truncate -s 16M /run/hang_mpath.img
loop=$(losetup -f)
losetup "$loop" /run/hang_mpath.img
dmsetup create hang_mpath --table \
    "0 32768 multipath 1 queue_if_no_path 0 1 1 round-robin 0 1 1 $loop 100"
dmsetup message hang_mpath 0 "fail_path $(cat /sys/block/${loop#/dev/}/dev)"

python3 /pykdump/plant.py || echo 'PYKDUMP: failed to plant'
