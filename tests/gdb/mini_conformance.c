/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Data for the tests of the Python API: one planted object for each thing that C can say.
 * conformance.py holds the values again, as Python shall see them.
 */
#include "mini_kernel.h"

/* ---- integers ---- */

typedef char conf_char_t;

struct conf_ints {
    s8 s8_min, s8_minus1;
    u8 u8_max;
    s16 s16_min;
    u16 u16_max;
    s32 s32_min;
    u32 u32_max;
    s64 s64_min;
    u64 u64_max;
    long long_minus1;
    unsigned long ulong_high;
    char plain_char;
    bool yes, no;
    __int128 wide;
};
struct conf_ints conf_ints = {
    -128,
    -1,
    255,
    -32768,
    65535,
    -2147483647 - 1,
    4294967295u,
    -9223372036854775807LL - 1,
    18446744073709551615ull,
    -1,
    0xffff888000001000,
    'A',
    1,
    0,
    -2,
};

/* ---- enums and bitfields ---- */

enum conf_colour { CONF_RED, CONF_GREEN = 5, CONF_BLUE };
enum conf_signed { CONF_MINUS = -3, CONF_PLUS = 3 };
enum { CONF_ANONYMOUS = 77 };

struct conf_enums {
    enum conf_colour colour, unnamed_value;
    enum conf_signed sign;
    enum conf_colour small : 4;
};
struct conf_enums conf_enums = {CONF_BLUE, (enum conf_colour)42, CONF_MINUS, CONF_GREEN};
int conf_anonymous_enum = CONF_ANONYMOUS;

struct conf_bits {
    unsigned u1 : 1, u3 : 3, u12 : 12;
    int s4 : 4, s12 : 12;
    bool flag : 1, other : 1;
    u64 u40 : 40;
    s64 s20 : 20;
    struct {
        unsigned inner_u5 : 5;
        int inner_s5 : 5;
    };
    union {
        unsigned whole;
        struct {
            unsigned low : 8, : 8, high : 16;
        };
    };
};
struct conf_bits conf_bits = {
    .u1 = 1,
    .u3 = 5,
    .u12 = 0xabc,
    .s4 = -8,
    .s12 = -2,
    .flag = 1,
    .u40 = 0xff00000001,
    .s20 = -1,
    {.inner_u5 = 17, .inner_s5 = -16},
    {.whole = 0x12340078},
};

/* ---- nesting ---- */

struct conf_nested {
    int before;
    union {
        struct {
            union {
                u32 deep;
                u8 deep_bytes[4];
            };
            u32 beside;
        };
        u64 both;
    };
    struct conf_inner {
        int x, y;
    } inner, inners[2];
    union {
        long as_long;
        void* as_pointer;
    } named_union;
    int after;
};
struct conf_nested conf_nested = {
    1, {{{0xdeadbeef}, 7}}, {2, 3}, {{4, 5}, {6, 8}}, {-1}, 9,
};

/* ---- characters ---- */

struct conf_text {
    char array[16];
    char full[4]; /* no NUL */
    char empty[8];
    char latin[8];
    unsigned char bytes[4];
    const char* pointer;
    const char* null;
    const char* wild;
    char* words[3];
    char table[2][8];
};
struct conf_text conf_text = {
    "sixteen or less",  {'f', 'u', 'l', 'l'}, "", "caf\xe9",
    {0, 1, 0xfe, 0xff}, "pointed at",         0,  (const char*)0xdead00000000dead,
    {"one", "two", 0},  {"left", "right"},
};

/* ---- arrays ---- */

struct conf_arrays {
    int one[4];
    s16 two[2][3];
    u8 three[2][2][2];
    struct conf_inner structs[3];
    int* pointers[3];
    int none[0];
    int single[1];
};
extern int conf_target;
struct conf_arrays conf_arrays = {
    {1, -2, 3, -4},
    {{1, 2, 3}, {-4, -5, -6}},
    {{{1, 2}, {3, 4}}, {{5, 6}, {7, 8}}},
    {{1, 2}, {3, 4}, {5, 6}},
    {&conf_target, 0, &conf_target},
    {},
    {11},
};
unsigned long conf_global_array[5] = {10, 20, 30, 40, 50};

struct conf_flexible {
    int count;
    u16 items[];
};
struct conf_flexible conf_flexible = {3, {100, 200, 300}};
struct conf_flexible_zero {
    int count;
    u16 items[0];
};
struct conf_flexible_zero conf_flexible_zero = {0};

/* ---- pointers ---- */

int conf_target = -12345;
int* conf_pointer = &conf_target;
int** conf_pointer2 = &conf_pointer;
int*** conf_pointer3 = &conf_pointer2;
void* conf_void = &conf_target;
struct conf_inner conf_inner_target = {21, 22};

int conf_function(int argument);
int conf_function(int argument) {
    return argument + 1;
}

struct conf_opaque;
struct conf_pointers {
    int* target;
    int*** deep;
    void* untyped;
    struct conf_inner* inner;
    struct conf_inner** inner2;
    struct conf_pointers* self;
    struct conf_opaque* opaque; /* no debuginfo for its type */
    int (*call)(int);
    int (*calls[2])(int);
    int (*rows)[3];
    const volatile int* qualified;
    void* null;
};
struct conf_inner* conf_inner_pointer = &conf_inner_target;
static int conf_rows[2][3] = {{1, 2, 3}, {4, 5, 6}};
struct conf_pointers conf_pointers = {
    &conf_target,
    &conf_pointer2,
    &conf_target,
    &conf_inner_target,
    &conf_inner_pointer,
    &conf_pointers,
    (struct conf_opaque*)0x1000,
    conf_function,
    {conf_function, 0},
    conf_rows,
    &conf_target,
    0,
};

/* ---- the rest of what can be declared ---- */

struct conf_more {
    bool flags[3];
    enum conf_colour colours[3];
    signed char signed_chars[2];
    conf_char_t typedefs_of_char[2];
    float single;
    double twice;
    struct conf_inner one[1];
    struct conf_inner grid[2][2];
    unsigned char* bytes;
    u64* wide;
    int* table[2][2];
    int* none_known[1];
    char* words[1];
    void* untyped[2];
    struct conf_inner* inners[2];
    u8 four[1][1][1][2];
    union conf_union {
        u32 word;
        u8 byte;
    } both;
    union conf_union* to_both;
    char no_text[0];
    struct conf_inner no_structs[0];
};
extern struct conf_inner conf_inner_target;
static unsigned char conf_byte_data[2] = {0xfe, 7};
static u64 conf_wide_data[2] = {0xfedcba9876543210, 9};
static union conf_union conf_both = {0x11223344};
extern int conf_target;
struct conf_more conf_more = {
    {1, 0, 1},
    {CONF_BLUE, CONF_RED, (enum conf_colour)42},
    {-1, 65},
    {'x', 'y'},
    1.5f,
    -0.25,
    {{31, 32}},
    {{{1, 2}, {3, 4}}, {{5, 6}, {7, 8}}},
    conf_byte_data,
    conf_wide_data,
    {{&conf_target, 0}, {0, &conf_target}},
    {&conf_target},
    {"only"},
    {&conf_target, 0},
    {&conf_inner_target, 0},
    {{{{1, 2}}}},
    {0xaabbccdd},
    &conf_both,
    {},
    {},
};

/* Members with the names of what the classes of structs, and ints, have. */
struct conf_names {
    int names, ctype, real, imag, numerator, to_bytes, _info, _paths, _field, follows_function;
};
struct conf_names conf_names = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};

/* ---- typedefs ---- */

typedef struct {
    int only_by_typedef;
} conf_typedef_t;
typedef conf_typedef_t conf_typedef2_t;
conf_typedef2_t conf_typedef = {31};
typedef int (*conf_callback_t)(int);
conf_callback_t conf_callback = conf_function;
const volatile u32 conf_qualified = 77;

/* ---- three pages, for tests that leave the second one out of the dump ---- */

struct conf_paged {
    u32 words[1020];
    char text[16]; /* ends with its page */
    u32 more[2048];
};
struct conf_paged conf_paged __attribute__((aligned(4096))) = {{7}, "before the gap", {[2047] = 9}};
const char* conf_at_gap = &conf_paged.text[0];

/* ---- types of one name: mini_tables.c has the others ---- */

struct conf_twin {
    int first, second;
};
int conf_in_conformance(struct conf_twin* twin);
int conf_in_conformance(struct conf_twin* twin) {
    return twin->first;
}

/* ---- lists ---- */

struct conf_node {
    int value;
    struct list_head link;
    struct hlist_node hash;
    struct conf_node* next;
};
#define HLIST(next_, pprev_) \
    { next_, pprev_ }

extern struct conf_node conf_whole[3], conf_cyclic[3], conf_cut[3];
struct list_head conf_list_empty = {&conf_list_empty, &conf_list_empty};
struct list_head conf_list_whole = {&conf_whole[0].link, &conf_whole[2].link};
struct list_head conf_list_cyclic = {&conf_cyclic[0].link, &conf_cyclic[2].link};
struct list_head conf_list_cut = {&conf_cut[0].link, &conf_cut[2].link};
struct list_head conf_list_null = {0, 0};
struct hlist_head conf_hlist = {&conf_whole[0].hash};
struct hlist_head conf_hlist_cyclic = {&conf_cyclic[0].hash};
struct hlist_head conf_hlist_empty = {0};

struct conf_node conf_whole[3] = {
    {1, {&conf_whole[1].link, &conf_list_whole}, HLIST(&conf_whole[1].hash, 0), &conf_whole[1]},
    {2, {&conf_whole[2].link, &conf_whole[0].link}, HLIST(&conf_whole[2].hash, 0), &conf_whole[2]},
    {3, {&conf_list_whole, &conf_whole[1].link}, HLIST(0, 0), 0},
};
struct conf_node conf_cyclic[3] = {
    /* the third leads back to the second, never to the head */
    {1, {&conf_cyclic[1].link, &conf_list_cyclic}, HLIST(&conf_cyclic[1].hash, 0), &conf_cyclic[1]},
    {2, {&conf_cyclic[2].link, 0}, HLIST(&conf_cyclic[2].hash, 0), &conf_cyclic[2]},
    {3, {&conf_cyclic[1].link, 0}, HLIST(&conf_cyclic[1].hash, 0), &conf_cyclic[1]},
};
struct conf_node conf_cut[3] = {
    /* the second points to memory that is not there */
    {1, {&conf_cut[1].link, &conf_list_cut}, HLIST(0, 0), &conf_cut[1]},
    {2, {(struct list_head*)0xdead000000000100, 0}, HLIST(0, 0), (struct conf_node*)0x10},
    {3, {&conf_list_cut, 0}, HLIST(0, 0), 0},
};
