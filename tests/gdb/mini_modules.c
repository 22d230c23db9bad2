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

typedef struct {
    u32 st_name;
    unsigned char st_info, st_other;
    u16 st_shndx;
    void* st_value;
    u64 st_size;
} Elf64_Sym;

struct mod_arch_specific {
    unsigned int num_orcs;
    int* orc_unwind_ip;
    void* orc_unwind;
};

struct module {
    enum module_state state;
    struct list_head list;
    char name[56];
    unsigned long taints;
    struct module_layout core_layout, init_layout;
    struct mod_arch_specific arch;
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

/* A second module, whose init runs. */
static unsigned char second[PAGE] __attribute__((aligned(PAGE)));
static unsigned char init[PAGE] __attribute__((aligned(PAGE)));

static char names[] = "\0mini_function.isra.0\0mini_data\0mini_init";
static Elf64_Sym symtab[] = {
    {.st_value = 0},
    {.st_name = 1, .st_value = second + 0x40},
    {.st_name = 22, .st_value = second + 0x200},
    {.st_name = 32, .st_value = init + 0x20},
};
static struct mod_kallsyms kallsyms = {symtab, ARRAY_SIZE(symtab), names, names + sizeof(names)};

/* A call's frame of 8 bytes in the second module's code, 24 bytes below saved registers in init. */
extern int orc_ips[];
extern char orc_entries[];
__asm__(
    ".data\norc_ips: .long second - ., init - .\n"
    "orc_entries: .short 8, 0\n.byte 5, 2\n.short 24, 0\n.byte 5, 3\n.text");

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
struct module mini_module, second_module = {
                               .state = MODULE_STATE_COMING,
                               .list = {&mini_module.list, &modules},
                               .name = "second_module",
                               .core_layout = {second, PAGE, 0x100},
                               .init_layout = {init, PAGE, 0x100},
                               .arch = {2, orc_ips, orc_entries},
                               .kallsyms = &kallsyms,
                               .refcnt = {2},
};
struct module mini_module = {
    .list = {&modules, &second_module.list},
    .name = "mini_module",
    .core_layout = {&core, 2 * PAGE, PAGE},
    .sect_attrs = &sections,
    .percpu = (void*)0x1230,
    .percpu_size = 16,
    .refcnt = {3},
};
struct list_head modules = {&second_module.list, &mini_module.list};
