// SPDX-License-Identifier: GPL-2.0-or-later
#include <linux/module.h>
static int __init pykdump_init(void) { return 0; }
static void __exit pykdump_exit(void) {}
module_init(pykdump_init);
module_exit(pykdump_exit);
MODULE_LICENSE("GPL");
