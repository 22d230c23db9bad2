# SPDX-License-Identifier: GPL-2.0-or-later
"""File systems: what is mounted where, and the names of things (include/linux/fs.h)."""
