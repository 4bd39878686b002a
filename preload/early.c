#include "preload/early.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "cupti/emit.h"

#define EARLY_FIELDS 8
#define EARLY_BLOB   512
_Static_assert(COMPILE_N <= EARLY_FIELDS && CODE_N <= EARLY_FIELDS, "rows that are kept");

enum row_state { ROW_FREE, ROW_FILLING, ROW_READY, ROW_TAKEN };

struct early_row {
	_Atomic uint32_t state; /* release at READY, acquire when it is taken */
	uint32_t kind;
	pid_t pid;
	uint16_t n_fields, blob_len;
	uint64_t field[EARLY_FIELDS];
	char blob[EARLY_BLOB];
};

static struct early_row rows[EARLY_MAX];
static _Atomic uint32_t n_rows, n_dropped;
static _Atomic pid_t drop_pid;
static _Atomic bool keeping;

void early_open(void)
{
	atomic_store(&keeping, true);
}

bool early_wanted(void)
{
	return emit_on() || atomic_load_explicit(&keeping, memory_order_acquire);
}

/* One of the two that may want it gets it: the writer of a row or early_flush(). */
static void row_emit(struct early_row *r)
{
	uint32_t ready = ROW_READY;

	if (atomic_compare_exchange_strong(&r->state, &ready, ROW_TAKEN) && r->pid == getpid())
		emit((enum event_kind)r->kind, r->field, r->n_fields, r->blob, r->blob_len);
}

static struct early_row *row_claim(void)
{
	uint32_t i = atomic_load(&n_rows);

	while (i < EARLY_MAX)
		if (atomic_compare_exchange_weak(&n_rows, &i, i + 1))
			return &rows[i];
	return NULL;
}

void early_emit(enum event_kind kind, const uint64_t *fields, unsigned n_fields, const void *blob,
		size_t blob_len)
{
	struct early_row *r;

	if (!atomic_load_explicit(&keeping, memory_order_acquire)) {
		emit(kind, fields, n_fields, blob, blob_len);
		return;
	}
	r = row_claim();
	if (!r) {
		/* A forked child has not lost what its parent did. */
		if (atomic_exchange(&drop_pid, getpid()) != getpid())
			atomic_store(&n_dropped, 0);
		atomic_fetch_add(&n_dropped, 1);
		return;
	}
	atomic_store(&r->state, ROW_FILLING);
	r->kind = kind;
	r->pid = getpid();
	r->n_fields = (uint16_t)n_fields;
	r->blob_len = (uint16_t)(blob_len < EARLY_BLOB ? blob_len : EARLY_BLOB);
	memcpy(r->field, fields, n_fields * sizeof(*fields));
	if (blob_len)
		memcpy(r->blob, blob, r->blob_len);
	atomic_store(&r->state, ROW_READY);
	/* early_flush() may have passed by while it was being filled. */
	if (!atomic_load(&keeping))
		row_emit(r);
}

void early_flush(void)
{
	atomic_store(&keeping, false);
	for (uint32_t i = 0, n = atomic_load(&n_rows); i < n; i++)
		row_emit(&rows[i]);
	if (atomic_load(&drop_pid) == getpid())
		emit_lost(LOST_BY_MEMORY, atomic_exchange(&n_dropped, 0));
}
