// SPDX-License-Identifier: GPL-2.0-or-later
/* One structure with every sort of member that C and the kernel know. */
#include <linux/cpumask.h>
#include <linux/ktime.h>
#include <linux/mm.h>
#include <linux/refcount.h>
#include <linux/slab.h>

#include "pykdump_test.h"

enum pykdump_color { PYKDUMP_RED, PYKDUMP_GREEN = 5, PYKDUMP_BLUE = -3 };
typedef u64 pykdump_cookie_t;

struct pykdump_point {
	s32 x, y;
};

struct pykdump_flexible {
	u32 count;
	u16 values[];
};

struct pykdump_shapes {
	u8 u8_max;
	s8 s8_min;
	u16 u16_max;
	s16 s16_min;
	u32 u32_max;
	s32 s32_min;
	u64 u64_max;
	s64 s64_min;
	bool yes, no;
	char letter;
	enum pykdump_color color, negative_color;
	pykdump_cookie_t cookie;
	__be32 big_endian;
	const volatile int qualified;

	unsigned int ubits3 : 3;
	int sbits3 : 3;
	bool bit1 : 1;
	unsigned int ubits20 : 20;
	u64 ubits40 : 40;
	s64 sbits24 : 24;
	unsigned char : 0;
	unsigned char byte_bits : 5;

	union {
		u32 whole;
		u8 bytes[4];
	} named_union;
	union {
		u32 anon_whole;
		struct {
			u16 anon_low, anon_high;
		};
	};
	struct {
		int anon_member;
		struct pykdump_point inner_point;
	};

	int ints[4];
	int grid[2][3];
	int cube[2][2][2];
	struct pykdump_point points[3];
	struct pykdump_point point_grid[2][2];
	const char *names[3];
	int *int_pointers[2];
	int (*pointer_to_array)[4];
	struct pykdump_point *point, **point_pointer;
	void *null, *bad;
	u8 empty_array[0];

	char string[16], full_string[8], empty_string[8], bytes_string[8];
	const char *text, *utf8_text, *null_text;
	char *unterminated_page;

	int (*function)(const char *how);
	void (*kernel_function)(const void *address);
	int (*null_function)(void);

	atomic_t atomic;
	atomic64_t atomic64;
	refcount_t refcount;
	ktime_t time;
	struct cpumask mask;
	DECLARE_BITMAP(bitmap, 130);
	struct pykdump_flexible *flexible;
	struct list_head embedded_list;
};

struct pykdump_shapes pykdump_shapes = {
	.u8_max = U8_MAX, .s8_min = S8_MIN, .u16_max = U16_MAX, .s16_min = S16_MIN,
	.u32_max = U32_MAX, .s32_min = S32_MIN, .u64_max = U64_MAX, .s64_min = S64_MIN,
	.yes = true, .no = false, .letter = 'x',
	.color = PYKDUMP_GREEN, .negative_color = PYKDUMP_BLUE,
	.cookie = 0x1122334455667788ULL, .qualified = -77,
	.ubits3 = 5, .sbits3 = -2, .bit1 = true, .ubits20 = 0xabcde,
	.ubits40 = 0xfedcba9876ULL, .sbits24 = -123456, .byte_bits = 21,
	.named_union.whole = 0x01020304, .anon_whole = 0xaabbccdd,
	.anon_member = 321, .inner_point = { 31, -32 },
	.ints = { 1, -2, 3, -4 },
	.grid = { { 0, 1, 2 }, { 10, 11, 12 } },
	.cube = { { { 0, 1 }, { 10, 11 } }, { { 100, 101 }, { 110, 111 } } },
	.points = { { 1, 2 }, { 3, 4 }, { 5, 6 } },
	.point_grid = { { { 1, 1 }, { 1, 2 } }, { { 2, 1 }, { 2, 2 } } },
	.names = { "first", NULL, "third" },
	.bad = (void *)0x6b6b6b6b6b6b6b6bUL,
	.string = "a string", .full_string = { 'f', 'u', 'l', 'l', 'f', 'u', 'l', 'l' },
	.bytes_string = "\xff\xfe\xe9!",
	.text = "text behind a pointer", .utf8_text = "gr\xc3\xbc\xc3\x9f dich",
	.function = pykdump_fault, .kernel_function = kfree,
	.atomic = ATOMIC_INIT(-9), .atomic64 = ATOMIC64_INIT(1LL << 40),
	.refcount = REFCOUNT_INIT(3), .time = 1234567890123LL,
	.embedded_list = LIST_HEAD_INIT(pykdump_shapes.embedded_list),
};

/* Scalars of their own, some of them static. */
int pykdump_int = -42;
unsigned long pykdump_ulong = 0xdeadbeefcafef00dUL;
static const char pykdump_static_string[] = "static string";
struct pykdump_shapes *pykdump_shapes_pointer = &pykdump_shapes;
enum pykdump_color pykdump_color = PYKDUMP_BLUE;

int pykdump_plant_shapes(void)
{
	struct pykdump_shapes *s = &pykdump_shapes;
	struct pykdump_flexible *flexible = kzalloc(struct_size(flexible, values, 5), GFP_KERNEL);
	char *page = (char *)__get_free_page(GFP_KERNEL);
	int i;

	if (!flexible || !page)
		return -ENOMEM;
	flexible->count = 5;
	for (i = 0; i < 5; i++)
		flexible->values[i] = 100 * i;
	s->flexible = flexible;
	memset(page, 'u', PAGE_SIZE);
	s->unterminated_page = page;
	s->big_endian = cpu_to_be32(0x01020304);
	s->int_pointers[0] = &s->ints[1];
	s->pointer_to_array = &s->ints;
	s->point = &s->points[2];
	s->point_pointer = &s->point;
	cpumask_set_cpu(1, &s->mask);
	for (i = 0; i < 130; i += 43)
		set_bit(i, s->bitmap);
	return 0;
}

/* The members that C would convert for us; the rest stands in the initialiser above. */
void pykdump_show_shapes(struct seq_file *m)
{
	struct pykdump_shapes *s = &pykdump_shapes;

	seq_printf(m, "\"shapes\": {\"address\": " JSON_ADDR ", \"size\": %zu,\n", s, sizeof(*s));
	seq_printf(m, " \"u8_max\": %u, \"s8_min\": %d, \"u16_max\": %u, \"s16_min\": %d,\n", s->u8_max,
		   s->s8_min, s->u16_max, s->s16_min);
	seq_printf(m, " \"u32_max\": %u, \"s32_min\": %d, \"u64_max\": %llu, \"s64_min\": %lld,\n",
		   s->u32_max, s->s32_min, s->u64_max, s->s64_min);
	seq_printf(m, " \"yes\": %d, \"no\": %d, \"letter\": %d, \"color\": %d, \"negative_color\": %d,\n",
		   s->yes, s->no, s->letter, s->color, s->negative_color);
	seq_printf(m, " \"cookie\": %llu, \"big_endian\": %u, \"qualified\": %d,\n", s->cookie,
		   (__force u32)s->big_endian, s->qualified);
	seq_printf(m, " \"ubits3\": %u, \"sbits3\": %d, \"bit1\": %d, \"ubits20\": %u,\n", s->ubits3,
		   s->sbits3, s->bit1, s->ubits20);
	seq_printf(m, " \"ubits40\": %llu, \"sbits24\": %lld, \"byte_bits\": %u,\n", (u64)s->ubits40,
		   (s64)s->sbits24, s->byte_bits);
	seq_printf(m, " \"named_union_whole\": %u, \"anon_whole\": %u, \"anon_low\": %u, \"anon_high\": %u,\n",
		   s->named_union.whole, s->anon_whole, s->anon_low, s->anon_high);
	seq_printf(m, " \"anon_member\": %d, \"inner_point\": [%d, %d],\n", s->anon_member,
		   s->inner_point.x, s->inner_point.y);
	seq_puts(m, " \"ints\": [1, -2, 3, -4], \"grid\": [[0, 1, 2], [10, 11, 12]],\n");
	seq_puts(m, " \"cube\": [[[0, 1], [10, 11]], [[100, 101], [110, 111]]],\n");
	seq_puts(m, " \"points\": [[1, 2], [3, 4], [5, 6]],\n");
	seq_puts(m, " \"point_grid\": [[[1, 1], [1, 2]], [[2, 1], [2, 2]]],\n");
	seq_puts(m, " \"names\": [\"first\", null, \"third\"], \"flexible\": [0, 100, 200, 300, 400],\n");
	seq_printf(m, " \"names_addresses\": [" JSON_ADDR ", 0, " JSON_ADDR "],\n", s->names[0],
		   s->names[2]);
	seq_printf(m, " \"point\": " JSON_ADDR ", \"point_pointer\": " JSON_ADDR ", \"bad\": " JSON_ADDR ",\n",
		   s->point, s->point_pointer, s->bad);
	seq_puts(m, " \"string\": \"a string\", \"full_string\": \"fullfull\", \"empty_string\": \"\",\n");
	seq_printf(m, " \"bytes_string_hex\": \"%*phN\", \"text\": \"%s\", \"utf8_text\": \"%s\",\n", 4,
		   s->bytes_string, s->text, s->utf8_text);
	seq_printf(m, " \"unterminated_page\": " JSON_ADDR ", \"flexible_address\": " JSON_ADDR ",\n",
		   s->unterminated_page, s->flexible);
	seq_printf(m, " \"function\": " JSON_ADDR ", \"kernel_function\": " JSON_ADDR ",\n", s->function,
		   s->kernel_function);
	seq_printf(m, " \"function_name\": \"%ps\", \"kernel_function_name\": \"%ps\",\n", s->function,
		   s->kernel_function);
	seq_printf(m, " \"atomic\": %d, \"atomic64\": %lld, \"refcount\": %u, \"time_ns\": %lld,\n",
		   atomic_read(&s->atomic), (long long)atomic64_read(&s->atomic64),
		   refcount_read(&s->refcount), s->time);
	seq_printf(m, " \"mask\": \"%*pbl\", \"bitmap\": \"%*pbl\"},\n", cpumask_pr_args(&s->mask), 130,
		   s->bitmap);
	seq_printf(m, "\"scalars\": {\"pykdump_int\": %d, \"pykdump_ulong\": %lu, "
		   "\"pykdump_static_string\": \"%s\", \"pykdump_color\": %d, "
		   "\"pykdump_shapes_pointer\": " JSON_ADDR "}", pykdump_int, pykdump_ulong,
		   pykdump_static_string, pykdump_color, pykdump_shapes_pointer);
}
