# SPDX-License-Identifier: GPL-2.0-or-later
"""Who waits for whom: tasks, what they wait for, and who holds that, as a graph."""
