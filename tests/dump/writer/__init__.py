# SPDX-License-Identifier: GPL-2.0-or-later
"""Dumps that the tests write themselves: a machine, and every file format a dump comes in."""
