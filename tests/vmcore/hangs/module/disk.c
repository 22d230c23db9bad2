// SPDX-License-Identifier: GPL-2.0-or-later
/* A disk that takes requests and never completes one. */
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/ktime.h>
#include <linux/version.h>

#include "pykdump_hang.h"

#define DISK_SECTORS 2048
#define MAX_REQUESTS 16

static struct blk_mq_tag_set tags;
static struct gendisk *disk;
static struct {
	struct request *request;
	u64 since_ns;
} taken[MAX_REQUESTS];
static atomic_t taken_count;

static blk_status_t take(struct blk_mq_hw_ctx *context, const struct blk_mq_queue_data *data)
{
	int at = atomic_inc_return(&taken_count) - 1;

	blk_mq_start_request(data->rq);
	if (at < MAX_REQUESTS) {
		taken[at].since_ns = ktime_get_ns();
		WRITE_ONCE(taken[at].request, data->rq);
	}
	return BLK_STS_OK;
}

static enum blk_eh_timer_return wait_longer(struct request *request)
{
	return BLK_EH_RESET_TIMER;
}

static const struct blk_mq_ops queue_ops = {
	.queue_rq = take,
	.timeout = wait_longer,
};

static const struct block_device_operations disk_ops = {
	.owner = THIS_MODULE,
};

int pykdump_hang_plant_disk(void)
{
	int error;

	tags.ops = &queue_ops;
	tags.nr_hw_queues = 1;
	tags.queue_depth = MAX_REQUESTS;
	tags.numa_node = NUMA_NO_NODE;
	tags.flags = BLK_MQ_F_NO_SCHED_BY_DEFAULT;
	error = blk_mq_alloc_tag_set(&tags);
	if (error)
		return error;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
	disk = blk_mq_alloc_disk(&tags, NULL, NULL);
#else
	disk = blk_mq_alloc_disk(&tags, NULL);
#endif
	if (IS_ERR(disk))
		return PTR_ERR(disk);
	disk->flags |= GENHD_FL_NO_PART; /* whose table would have to be read */
	disk->fops = &disk_ops;
	strscpy(disk->disk_name, DISK_NAME, DISK_NAME_LEN);
	set_capacity(disk, DISK_SECTORS);
	return add_disk(disk);
}

void pykdump_hang_show_disk(struct seq_file *m)
{
	int count = min(atomic_read(&taken_count), MAX_REQUESTS), i;

	seq_printf(m, "\"disk\": {\"name\": \"%s\", \"gendisk\": " JSON_ADDR ", \"queue\": " JSON_ADDR
		   ", \"requests\": [", disk->disk_name, disk, disk->queue);
	for (i = 0; i < count; i++)
		seq_printf(m, "%s\n {\"request\": " JSON_ADDR ", \"sector\": %llu, \"bytes\": %u, "
			   "\"since_ns\": %llu}", i ? "," : "", taken[i].request,
			   (u64)blk_rq_pos(taken[i].request), blk_rq_bytes(taken[i].request),
			   taken[i].since_ns);
	seq_puts(m, "]}");
}
