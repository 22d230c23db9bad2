# SPDX-License-Identifier: GPL-2.0-or-later
# A kdump kernel stands by where the scenario says so: the initramfs has it write the dump.
if [ -n "$KDUMP_KERNEL" ]; then
    kexec -p --initrd=/pykdump/initramfs.cpio "/pykdump/$KDUMP_KERNEL" \
        --append="console=ttyS0,115200 nr_cpus=1 irqpoll reset_devices" ||
        echo "PYKDUMP: failed to load the kdump kernel"
fi
