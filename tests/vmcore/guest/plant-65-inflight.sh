# SPDX-License-Identifier: GPL-2.0-or-later
# A SCSI command that its disk does not answer, and System V IPC objects.
echo 100000 >/sys/block/sde/device/timeout
echo 900000 >/sys/bus/pseudo/drivers/scsi_debug/delay || echo 'PYKDUMP: trouble with the delay'
dd if=/dev/sde of=/dev/null bs=8k skip=4 count=1 iflag=direct 2>/dev/null &
note scsi_inflight pid=$! comm=dd state=D device=/dev/sde sector=64 bytes=8192

shm=$(ipcmk -M 12345) && note sysv_shm id="${shm##* }" bytes=12345
sem=$(ipcmk -S 7) && note sysv_sem id="${sem##* }" count=7
msg=$(ipcmk -Q) && note sysv_msg id="${msg##* }"
