# SPDX-License-Identifier: GPL-2.0-or-later
"""Commands of the crash utility, computed by the models of LinuxDump and printed in crash's layout.

A file a command: its docstring is the help, its options are declared once (see `command`).
"""
