# SPDX-License-Identifier: GPL-2.0-or-later
"""Models of kernel subsystems, shared by the tools. Importing one never reads the dump."""
