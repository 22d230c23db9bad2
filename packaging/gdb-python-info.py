# SPDX-License-Identifier: GPL-2.0-or-later
# Run inside GDB: the file name suffix of extension modules and the folder of Python.h.
import sysconfig

print(sysconfig.get_config_var("EXT_SUFFIX"))
print(sysconfig.get_path("include"))
