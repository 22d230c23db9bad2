/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A module for the mini kernel, with its sections as kernels from -DLAYOUT=418, 508 or 614 on keep
 * them. Built with -Dmodules=..., so that the empty list in mini_kernel.c is another variable.
 */
#undef modules
#include "mini_kernel.h"

#define PAGE 4096
#define ARRAY_SIZE(array) (sizeof(array) / sizeof((array)[0]))

enum module_state { MODULE_STATE_LIVE, MODULE_STATE_COMING };

struct module_layout {
    void* base;
    unsigned int size;
    unsigned int text_size;
};

struct attribute {
    const char* name;
    unsigned short mode;
};

struct bin_attribute {
    struct attribute attr;
    size_t size;
    void* private;
    void* read;
};

struct attribute_group {
    const char* name;
    struct attribute** attrs;
    union {
        struct bin_attribute** bin_attrs;
#if LAYOUT >= 614
        const struct bin_attribute* const* bin_attrs_new;
#endif
    };
};

#if LAYOUT < 614
struct module_sect_attr {
#if LAYOUT >= 508
    struct bin_attribute battr;
#else
    struct {
        struct attribute attr;
        void* show;
    } mattr;
    char* name;
#endif
    unsigned long address;
};
#endif

struct module_sect_attrs {
    struct attribute_group grp;
#if LAYOUT >= 614
    struct bin_attribute attrs[5];
#else
    unsigned int nsections;
    struct module_sect_attr attrs[5];
#endif
};

struct mod_kallsyms {
    void* symtab;
    unsigned int num_symtab;
    char *strtab, *typetab;
};

struct module {
    enum module_state state;
    struct list_head list;
    char name[56];
    unsigned long taints;
    struct module_layout core_layout;
    struct mod_kallsyms* kallsyms;
    struct module_sect_attrs* sect_attrs;
    void* percpu;
    unsigned int percpu_size;
    atomic_t refcnt;
};

/* Text, then the note with the build-id. */
static struct {
    unsigned char text[PAGE];
    struct {
        u32 name_size, size, type;
        char name[4];
        unsigned char id[20];
    } note;
} core __attribute__((aligned(PAGE))) = {
    .note = {4, 20, 3, "GNU", {0xab, 0xcd, 0xef}},
};

/* Where the kernel freed the code of init, and gave the memory to others. */
static unsigned char freed[64];

#if LAYOUT >= 614
#define SECTION(section, at) \
    { .attr = {.name = section}, .private = (at) }
#elif LAYOUT >= 508
#define SECTION(section, at) \
    { .battr = {.attr = {.name = section}}, .address = (unsigned long)(at) }
#else
#define SECTION(section, at) \
    { .name = section, .address = (unsigned long)(at) }
#endif

static struct module_sect_attrs sections = {
    .attrs = {SECTION(".text", core.text), SECTION(".note.gnu.build-id", &core.note),
              SECTION(".init.text", freed), SECTION("__same", core.text + 16),
              SECTION("__same", core.text + 32)},
#if LAYOUT >= 614
    .grp = {.bin_attrs = (struct bin_attribute*[]){&sections.attrs[0], &sections.attrs[1],
                                                   &sections.attrs[2], &sections.attrs[3],
                                                   &sections.attrs[4], 0}},
#else
    .nsections = ARRAY_SIZE(sections.attrs),
#endif
};

extern struct list_head modules;
struct module mini_module = {
    .list = {&modules, &modules},
    .name = "mini_module",
    .core_layout = {&core, 2 * PAGE, PAGE},
    .sect_attrs = &sections,
    .percpu = (void*)0x1230,
    .percpu_size = 16,
    .refcnt = {3},
};
struct list_head modules = {&mini_module.list, &mini_module.list};
