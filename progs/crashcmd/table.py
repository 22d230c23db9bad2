# SPDX-License-Identifier: GPL-2.0-or-later
"""Which file each command is in; none is imported before it is used."""

from __future__ import annotations

#: Name of the command, and of its module in this package.
COMMANDS = {
    "*": "struct",
    "alias": "alias",
    "ascii": "ascii",
    "bt": "bt",
    "dis": "dis",
    "eval": "eval",
    "extend": "extend",
    "files": "files",
    "foreach": "foreach",
    "gdb": "gdbs",
    "help": "help",
    "log": "log",
    "mod": "mod",
    "mount": "mount",
    "p": "p",
    "ps": "ps",
    "rd": "rd",
    "repeat": "repeat",
    "set": "set",
    "struct": "struct",
    "sym": "sym",
    "sys": "sys",
    "task": "task",
    "union": "struct",
    "whatis": "whatis",
}
