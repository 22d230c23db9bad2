# SPDX-License-Identifier: GPL-2.0-or-later
# Disks with content of their own, volumes on them, and writers stuck in front of a suspended one.
modprobe sd_mod
modprobe scsi_debug dev_size_mb=48 num_tgts=1 max_luns=1 add_host=6 per_host_store=1
modprobe dm_mod
modprobe dm_multipath
modprobe dm_round_robin
tries=0
until [ -b /dev/sdf ] || [ $tries -gt 50 ]; do sleep 0.2; tries=$((tries + 1)); done

lvm_quiet="devices { obtain_device_list_from_udev=0 external_device_info_source=\"none\" }
    activation { udev_sync=0 udev_rules=0 } backup { backup=0 archive=0 }"
pvcreate -q -q --config "$lvm_quiet" /dev/sda /dev/sdb
vgcreate -q -q --config "$lvm_quiet" planted_vg /dev/sda /dev/sdb
lvcreate -q -q --config "$lvm_quiet" -Zn -Wn -L 24M -n data planted_vg
lvcreate -q -q --config "$lvm_quiet" -Zn -Wn -i 2 -L 16M -n striped planted_vg
mke2fs -q -t ext4 /dev/mapper/planted_vg-data
mkdir -p /mnt/data /mnt/plain /mnt/frozen
mount /dev/mapper/planted_vg-data /mnt/data
echo content >/mnt/data/file
sync

# Two paths of one disk as a multipath device would have them.
dmsetup create planted_mpath --table "0 98304 multipath 0 0 1 1 round-robin 0 2 1 /dev/sdc 100 /dev/sdd 100"
dmsetup create planted_linear --table "0 2048 linear /dev/sde 0"
modprobe loop
truncate -s 16M /run/loop.img
losetup /dev/loop0 /run/loop.img
mke2fs -q -t ext4 /dev/sdf
mount /dev/sdf /mnt/frozen

dmsetup suspend planted_vg-data
dd if=/dev/zero of=/mnt/data/dd bs=64k count=16 oflag=sync 2>/dev/null &
note suspended_volume_dd pid=$! comm=dd state=D mount=/mnt/data device=planted_vg-data
touch /mnt/data/touch &
note suspended_volume_touch pid=$! comm=touch state=D mount=/mnt/data device=planted_vg-data

fsfreeze -f /mnt/frozen
touch /mnt/frozen/touch &
note frozen_fs_writer pid=$! comm=touch state=D mount=/mnt/frozen device=/dev/sdf
