// SPDX-License-Identifier: GPL-2.0-or-later
/* Memory: a slab cache, per-CPU data, vmalloc, pages, physical and virtual addresses of each. */
#include <linux/cpumask.h>
#include <linux/io.h>
#include <linux/mempool.h>
#include <linux/mm.h>
#include <linux/percpu.h>
#include <linux/percpu_counter.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include "pykdump_test.h"

#define OBJECTS 150
#define VMALLOC_PAGES 5
#define MAGIC 0x504b444d50303130ULL /* "PKDMP010": to be searched for */

struct pykdump_object {
	u64 magic;
	u32 id;
	char text[100];
};

struct pykdump_percpu {
	u32 cpu;
	u64 value;
	struct list_head list;
};

DEFINE_PER_CPU(int, pykdump_percpu_int) = 7;
DEFINE_PER_CPU(struct pykdump_percpu, pykdump_percpu_struct);
DEFINE_PER_CPU(u16[4], pykdump_percpu_array);
u64 __percpu *pykdump_percpu_dynamic;
struct percpu_counter pykdump_percpu_counter;
struct kmem_cache *pykdump_cache;
struct pykdump_object *pykdump_objects[OBJECTS];
u8 *pykdump_vmalloc, *pykdump_page;
static struct pykdump_object *freed[OBJECTS];
static u64 searched;

/* A cache with a constructor is not merged with others of its size. */
static void construct(void *object)
{
	memset(object, 0, sizeof(struct pykdump_object));
}

static int plant_slab(void)
{
	int i;

	pykdump_cache = kmem_cache_create("pykdump_object", sizeof(struct pykdump_object), 0, 0,
					  construct);
	if (!pykdump_cache)
		return -ENOMEM;
	for (i = 0; i < OBJECTS; i++) {
		struct pykdump_object *object = kmem_cache_alloc(pykdump_cache, GFP_KERNEL);

		if (!object)
			return -ENOMEM;
		object->magic = MAGIC;
		object->id = i;
		snprintf(object->text, sizeof(object->text), "object %d", i);
		pykdump_objects[i] = object;
	}
	for (i = 3; i < OBJECTS; i += 4) {
		freed[i] = pykdump_objects[i];
		kmem_cache_free(pykdump_cache, pykdump_objects[i]);
		pykdump_objects[i] = NULL;
	}
	return 0;
}

static int plant_percpu(void)
{
	int cpu, i;

	pykdump_percpu_dynamic = alloc_percpu(u64);
	if (!pykdump_percpu_dynamic || percpu_counter_init(&pykdump_percpu_counter, 1000, GFP_KERNEL))
		return -ENOMEM;
	for_each_possible_cpu(cpu) {
		struct pykdump_percpu *data = per_cpu_ptr(&pykdump_percpu_struct, cpu);

		per_cpu(pykdump_percpu_int, cpu) = 100 + cpu;
		data->cpu = cpu;
		data->value = 1000 * (cpu + 1);
		INIT_LIST_HEAD(&data->list);
		*per_cpu_ptr(pykdump_percpu_dynamic, cpu) = 5000 + cpu;
		for (i = 0; i < 4; i++)
			per_cpu(pykdump_percpu_array, cpu)[i] = 10 * cpu + i;
	}
	/* Below the batch size: it stays in the counter of this CPU. */
	percpu_counter_add(&pykdump_percpu_counter, 5);
	return 0;
}

int pykdump_plant_memory(void)
{
	int error = plant_slab(), i;

	if (!error)
		error = plant_percpu();
	pykdump_vmalloc = vmalloc(VMALLOC_PAGES * PAGE_SIZE);
	pykdump_page = (u8 *)__get_free_pages(GFP_KERNEL, 2);
	if (error || !pykdump_vmalloc || !pykdump_page)
		return error ? error : -ENOMEM;
	for (i = 0; i < VMALLOC_PAGES; i++)
		memset(pykdump_vmalloc + i * PAGE_SIZE, 0x10 + i, PAGE_SIZE);
	for (i = 0; i < 4; i++)
		memset(pykdump_page + i * PAGE_SIZE, 0xa0 + i, PAGE_SIZE);
	searched = MAGIC;
	return 0;
}

static void show_slab(struct seq_file *m)
{
	int i;

	seq_printf(m, "\"slab\": {\"cache\": " JSON_ADDR ", \"name\": \"pykdump_object\", \"size\": %zu, "
		   "\"allocated\": {", pykdump_cache, sizeof(struct pykdump_object));
	for (i = 0; i < OBJECTS; i++)
		if (pykdump_objects[i]) {
			json_comma(m, i);
			seq_printf(m, "\"%d\": " JSON_ADDR, i, pykdump_objects[i]);
		}
	seq_puts(m, "}, \"freed\": [");
	for (i = 3; i < OBJECTS; i += 4) {
		json_comma(m, i != 3);
		seq_printf(m, JSON_ADDR, freed[i]);
	}
	seq_puts(m, "]},\n");
}

static void show_percpu(struct seq_file *m)
{
	int cpu, i, shown = 0;

	seq_printf(m, "\"percpu\": {\"possible\": \"%*pbl\", \"online\": \"%*pbl\", \"counter\": {\"address\": "
		   JSON_ADDR ", \"sum\": %lld, \"count\": %lld}, \"dynamic\": " JSON_ADDR ", \"cpus\": [",
		   cpumask_pr_args(cpu_possible_mask), cpumask_pr_args(cpu_online_mask),
		   &pykdump_percpu_counter, percpu_counter_sum(&pykdump_percpu_counter),
		   percpu_counter_read(&pykdump_percpu_counter), (__force void *)pykdump_percpu_dynamic);
	for_each_possible_cpu(cpu) {
		json_comma(m, shown++);
		seq_printf(m, "\n {\"cpu\": %d, \"int\": %d, \"int_address\": " JSON_ADDR ", \"struct_address\": "
			   JSON_ADDR ", \"struct_value\": %llu, \"dynamic\": %llu, \"dynamic_address\": " JSON_ADDR
			   ", \"array\": [", cpu, per_cpu(pykdump_percpu_int, cpu),
			   per_cpu_ptr(&pykdump_percpu_int, cpu), per_cpu_ptr(&pykdump_percpu_struct, cpu),
			   per_cpu(pykdump_percpu_struct, cpu).value, *per_cpu_ptr(pykdump_percpu_dynamic, cpu),
			   per_cpu_ptr(pykdump_percpu_dynamic, cpu));
		for (i = 0; i < 4; i++) {
			json_comma(m, i);
			seq_printf(m, "%u", per_cpu(pykdump_percpu_array, cpu)[i]);
		}
		seq_puts(m, "]}");
	}
	seq_puts(m, "]},\n");
}

void pykdump_show_memory(struct seq_file *m)
{
	int i;

	show_slab(m);
	show_percpu(m);
	seq_printf(m, "\"memory\": {\"magic\": %llu, \"magic_at\": " JSON_ADDR ", \"page_offset\": " JSON_ADDR
		   ", \"vmemmap\": " JSON_ADDR ",\n", MAGIC, &searched, (void *)PAGE_OFFSET, (void *)vmemmap);
	seq_printf(m, " \"page\": {\"address\": " JSON_ADDR ", \"order\": 2, \"first_byte\": 160, \"phys\": "
		   JSON_ADDR ", \"struct_page\": " JSON_ADDR "},\n", pykdump_page,
		   (void *)virt_to_phys(pykdump_page), virt_to_page(pykdump_page));
	seq_printf(m, " \"vmalloc\": {\"address\": " JSON_ADDR ", \"first_byte\": 16, \"pages\": [",
		   pykdump_vmalloc);
	for (i = 0; i < VMALLOC_PAGES; i++) {
		json_comma(m, i);
		seq_printf(m, "{\"phys\": " JSON_ADDR ", \"struct_page\": " JSON_ADDR "}",
			   (void *)(vmalloc_to_pfn(pykdump_vmalloc + i * PAGE_SIZE) << PAGE_SHIFT),
			   vmalloc_to_page(pykdump_vmalloc + i * PAGE_SIZE));
	}
	seq_puts(m, "]}}");
}
