/*
 * buffers: the memory CUPTI writes activity records into.
 *
 * A pool of equal buffers, mapped and touched beforehand: CUPTI asks for one on
 * the application's thread, where a fresh 1 MiB costs 0.1 to 0.7 ms of page
 * faults. Taking and delivering are lock-free; zeroing, growing and decoding are
 * left to the drain thread. Every buffer is zero when it is handed out
 * (CUPTI_ACTIVITY_ATTR_ZEROED_OUT_ACTIVITY_BUFFER relies on it).
 */
#ifndef JITNESS_CUPTI_BUFFERS_H
#define JITNESS_CUPTI_BUFFERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cupti.h>

/*
 * CUPTI 13 gives each launching thread a buffer of its own, so size divides the pool:
 * the default 24 MiB serve 384 threads (with 1 MiB the 25th lost its records). 64 KiB is
 * 300 kernel records: at 100,000 launches a second 330 requests of 1 us each (H100).
 */
#define BUFFER_BYTES (64u << 10)
#define BUFFERS_MAX  4096 /* slots: 256 MiB at most */

/*
 * The drain thread is woken, before it looks on its own, for so many buffers or when fewer
 * are ready: 5000 launches. Were it woken for each, waking up and falling asleep would be much
 * of its work.
 */
#define WAKE_BUFFERS 16

struct buffers_config {
	size_t pool_bytes;  /* limit of the pool */
	unsigned ahead;     /* buffers kept ready; half of them are touched at start */
	bool may_refuse;    /* CUPTI 12.9 or newer: a NULL buffer means drop and count */
	void (*wake)(void); /* see WAKE_BUFFERS; called on any thread; may be NULL */
};

/* Before RegisterCallbacks. 0, or -1 with errno. A second call (forked child) starts afresh. */
int buffers_start(const struct buffers_config *config);

/* The two functions given to cuptiActivityRegisterCallbacks; any thread. */
void buffers_request(uint8_t **buffer, size_t *size, size_t *max_records);
void buffers_complete(CUcontext context, uint32_t stream, uint8_t *buffer, size_t size,
		      size_t valid);

/* A delivered buffer; owned by the taker until buffers_recycle(). */
struct buffer {
	uint8_t *data;
	size_t valid;
	uint32_t slot;
};

/* Drain thread only. In order of delivery; false when there is none. */
bool buffers_take(struct buffer *ret);

/* Drain thread only: zeroes it and hands it back to the pool. */
void buffers_recycle(const struct buffer *b);

/* Drain thread only: touches new buffers while few are ready and the limit allows. */
void buffers_replenish(void);

/* Any thread: true when some were delivered that the drain thread has not begun to take. */
bool buffers_pending(void);

/* For tests: buffers ready to be handed out without a page fault. */
int buffers_ready(void);

#endif
