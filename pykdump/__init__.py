# SPDX-License-Identifier: GPL-2.0-or-later
"""Analysis of Linux kernel vmcores inside stock GDB.

Scripts use ``from pykdump.API import *``. Importing this package alone reads nothing and needs
neither GDB nor the accelerator.
"""

__version__ = "0.1.0"
