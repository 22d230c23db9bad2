# SPDX-License-Identifier: GPL-2.0-or-later
# Our own module: structures, locks, work and threads whose truth /proc/pykdump_test tells.
insmod /pykdump/pykdump_test.ko || echo 'PYKDUMP: failed to load the module'
