#include "decoder/join.h"

#include "decoder/mem.h"

enum join_state { JOIN_EMPTY, JOIN_LAUNCH, JOIN_WORK, JOIN_PAIRED };

static void give_up(struct join *j, const struct join_entry *e)
{
	if (e->state == JOIN_LAUNCH)
		j->overflow++;
	else if (e->state == JOIN_WORK)
		j->overflow += e->works;
}

/* The entry of corr; state JOIN_EMPTY: it is new. NULL: CUPTI gives no such id. */
static inline struct join_entry *entry_of(struct join *j, uint64_t corr)
{
	struct join_entry *e;

	if (!corr || corr > UINT32_MAX)
		return NULL;
	if (!j->table)
		j->table = mem_table(JOIN_IDS, sizeof(*j->table));
	e = &j->table[corr & (JOIN_IDS - 1)];
	if (e->corr == corr)
		return e;
	give_up(j, e);
	*e = (struct join_entry){ .corr = (uint32_t)corr };
	return e;
}

static inline void pair(struct join *j, uint64_t host_start, uint64_t gpu_start, uint64_t works)
{
	j->work_matched += works;
	if (!gpu_start || !host_start)
		return;
	if (gpu_start < host_start)
		j->early += works;
}

static inline void first_delay(struct join *j, uint64_t host_start, uint64_t gpu_start)
{
	j->launches_matched++;
	if (host_start && gpu_start >= host_start)
		histogram_add(&j->delay, gpu_start - host_start);
}

static inline void launch_add(struct join *j, uint64_t corr, uint64_t host_start)
{
	struct join_entry *e = entry_of(j, corr);

	if (!e)
		return;
	switch ((enum join_state)e->state) {
	case JOIN_EMPTY:
		j->launches++;
		e->state = JOIN_LAUNCH;
		e->start = host_start;
		break;
	case JOIN_WORK:
		j->launches++;
		pair(j, host_start, e->start, e->works);
		first_delay(j, host_start, e->start);
		e->state = JOIN_PAIRED;
		e->start = host_start;
		break;
	case JOIN_LAUNCH: /* runtime and driver call of one launch share the id */
	case JOIN_PAIRED:
		if (host_start < e->start)
			e->start = host_start;
		break;
	}
}

static inline void work_add(struct join *j, uint64_t corr, uint64_t gpu_start)
{
	struct join_entry *e = entry_of(j, corr);

	if (!e)
		return;
	switch ((enum join_state)e->state) {
	case JOIN_EMPTY:
		e->state = JOIN_WORK;
		e->start = gpu_start;
		e->works = 1;
		break;
	case JOIN_WORK: /* nodes of one graph launch */
		e->works++;
		if (gpu_start && (!e->start || gpu_start < e->start))
			e->start = gpu_start;
		break;
	case JOIN_LAUNCH:
		first_delay(j, e->start, gpu_start);
		e->state = JOIN_PAIRED;
		pair(j, e->start, gpu_start, 1);
		break;
	case JOIN_PAIRED:
		pair(j, e->start, gpu_start, 1);
		break;
	}
}

void join_ahead(const struct join *j, const uint64_t *corr, uint32_t rows)
{
	for (uint32_t i = 0; j->table && i < rows; i++)
		__builtin_prefetch(&j->table[corr[i] & (JOIN_IDS - 1)], 1);
}

void join_launches(struct join *j, const uint64_t *corr, const uint64_t *host_start,
		   const uint64_t *result, uint32_t rows)
{
	for (uint32_t i = 0; i < rows; i++)
		if (!result[i])
			launch_add(j, corr[i], host_start[i]);
}

void join_works(struct join *j, const uint64_t *corr, const uint64_t *gpu_start, uint32_t rows)
{
	for (uint32_t i = 0; i < rows; i++)
		work_add(j, corr[i], gpu_start[i]);
}

void join_launch(struct join *j, uint64_t corr, uint64_t host_start)
{
	launch_add(j, corr, host_start);
}

void join_work(struct join *j, uint64_t corr, uint64_t gpu_start)
{
	work_add(j, corr, gpu_start);
}

void join_end(struct join *j)
{
	j->launches_alone = 0;
	j->work_alone = 0;
	for (size_t i = 0; j->table && i < JOIN_IDS; i++) {
		if (j->table[i].state == JOIN_LAUNCH)
			j->launches_alone++;
		else if (j->table[i].state == JOIN_WORK)
			j->work_alone += j->table[i].works;
	}
	free(j->table);
	j->table = NULL;
}

void join_release(struct join *j)
{
	free(j->table);
	histogram_release(&j->delay);
	*j = (struct join){ 0 };
}
