/* Compiler processes to the episodes that they worked for. */
#include <string.h>

#include "decoder/children.h"
#include "decoder/episode_build.h"
#include "decoder/mem.h"
#include "decoder/process_model.h"
#include "decoder/session_model.h"

static bool same_host(const struct process *p, const struct child *c)
{
	const char *host = process_info(p, "host", NULL);

	return !host || !*c->host || !strcmp(host, c->host);
}

/* Asking for a version is no compile. */
static bool asks_only(const struct child *c)
{
	static const char *const flags[] = { "--version", "--help", "-dumpversion", "-dumpmachine",
					     "--list-gpu", "-print-" };

	for (size_t i = 0; i < sizeof(flags) / sizeof(*flags); i++)
		if (strstr(c->args, flags[i]))
			return true;
	return false;
}

/* A worker waits for work, a build tool for its compilers: their time is not a compile's. */
static bool waits(const struct child *c)
{
	return c->tool == CHILD_TOOL_WORKER || c->tool == CHILD_TOOL_NINJA ||
	       c->tool == CHILD_TOOL_OTHER;
}

static bool relevant(const struct child *c)
{
	return !waits(c) && !asks_only(c);
}

/*
 * The nearest ancestor that reported itself: shells between two compilers do not.
 * by_pid: index of the child that started last under a pid.
 */
static const struct child *parent_of(const struct children *all, const struct idmap *by_pid,
				     const struct child *c)
{
	for (unsigned a = 0; a < c->n_ancestors; a++) {
		uint32_t i = idmap_get(by_pid, c->ancestors[a]);

		if (i != IDMAP_NONE && all->list[i].start <= c->start &&
		    !strcmp(all->list[i].host, c->host) &&
		    (!all->list[i].end || all->list[i].end >= c->start))
			return &all->list[i];
	}
	return NULL;
}

static void attach(struct episode *e, const struct child *c, bool outermost)
{
	MEM_MORE(e->children, e->n_children, e->children_cap);
	e->children[e->n_children++] = c;
	if (outermost && c->end > c->start)
		e->cost.child += c->end - c->start;
	if (!e->start || c->start < e->start)
		e->start = c->start;
	if (c->end > e->end)
		e->end = c->end;
}

/* Triton builds C libraries of its own with the system's compiler. */
static bool builds_triton(const struct child *c)
{
	const char *slash = strrchr(c->output, '/'), *base = slash ? slash + 1 : c->output;

	return !strncmp(base, "cuda_utils.cpython-", 19) ||
	       !strncmp(base, "__triton_launcher.cpython-", 26);
}

struct search {
	struct session *s;
	struct idmap by_hash; /* of a module -> episode + 0, the first one that has it */
	struct idmap by_pid;
	size_t *ends;         /* episodes by end, of those that children can belong to */
	size_t n_ends;
	uint32_t *of_child;   /* by child: episode, or IDMAP_NONE */
	struct idmap triton;  /* pids whose children build Triton's helpers: a gcc that does not report */
};

static const struct episode *sorted_list; /* qsort has no argument for its order */

static int end_order(const void *a, const void *b)
{
	const struct episode *x = &sorted_list[*(const size_t *)a];
	const struct episode *y = &sorted_list[*(const size_t *)b];

	return x->end < y->end ? -1 : x->end > y->end;
}

static void prepare(struct search *q)
{
	struct episodes *all = &q->s->episodes;

	q->ends = mem_zalloc(all->n, sizeof(*q->ends));
	for (size_t i = 0; i < all->n; i++) {
		const struct episode *e = &all->list[i];

		for (size_t k = 0; k < e->n_modules; k++) {
			uint64_t hash = e->p->modules.modules[e->modules[k]].hash;
			uint32_t other = hash ? idmap_get(&q->by_hash, hash) : IDMAP_NONE;

			if (hash && (other == IDMAP_NONE || all->list[other].start > e->start))
				idmap_put(&q->by_hash, hash, (uint32_t)i);
		}
		if (e->kind == EPISODE_CODE &&
		    origin_id_made((enum origin_id)e->origin.id) != ORIGIN_MADE_SHIPPED)
			q->ends[q->n_ends++] = i;
	}
	sorted_list = all->list;
	if (q->n_ends)
		qsort(q->ends, q->n_ends, sizeof(*q->ends), end_order);
	for (size_t i = 0; i < q->s->children.n; i++)
		idmap_put(&q->by_pid, q->s->children.list[i].pid, (uint32_t)i);
}

/*
 * Since when an episode can have been going on: its thread's last launch, or the work of the
 * GPU, before its first evidence; at most EPISODE_GAP_NS further back.
 */
static uint64_t span_start(const struct episode *e)
{
	const struct near_list *l = near_launches(&e->p->near_log, e->trigger.tid);
	size_t i = l ? near_first(l, e->start) : 0;
	uint64_t last = i ? l->list[i - 1].start + l->list[i - 1].ns : busy_before(&e->p->busy,
										   e->start);
	uint64_t far = e->start > 6 * EPISODE_GAP_NS ? e->start - 6 * EPISODE_GAP_NS : 0;

	return last > far ? last : far;
}

static bool below(const struct session *s, const struct child *c, const struct process *p)
{
	return same_host(p, c) && (c->pid == p->pid || child_descends(&s->children, c, p->pid));
}

#define SEARCH_MAX 4096 /* episodes tried for one child */

static uint32_t by_time(const struct search *q, const struct child *c)
{
	const struct episode *list = q->s->episodes.list;
	uint64_t end = c->end ? c->end : c->start;
	size_t lo = 0, hi = q->n_ends;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (list[q->ends[mid]].end < end)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (size_t n = 0; lo < q->n_ends && n < SEARCH_MAX; lo++, n++) {
		const struct episode *e = &list[q->ends[lo]];

		if (below(q->s, c, e->p) && span_start(e) <= c->start)
			return (uint32_t)q->ends[lo];
	}
	return IDMAP_NONE;
}

static bool from_worker(const struct search *q, const struct child *c)
{
	for (int up = 0; c && up < CHILD_ANCESTORS_MAX; up++) {
		if (c->tool == CHILD_TOOL_WORKER)
			return true;
		c = parent_of(&q->s->children, &q->by_pid, c);
	}
	return false;
}

/* "Compiled, nothing of it was loaded here." */
static void alone(struct search *q, const struct child *c, uint32_t *last)
{
	struct episodes *all = &q->s->episodes;
	enum origin_id origin = from_worker(q, c)  ? ORIGIN_INDUCTOR :
				idmap_get(&q->triton, c->ppid) != IDMAP_NONE ? ORIGIN_TRITON : ORIGIN_UNKNOWN;
	const struct process *p = NULL;
	struct episode *e = *last == IDMAP_NONE ? NULL : &all->list[*last];

	for (size_t i = 0; i < q->s->n && !p; i++)
		if (below(q->s, c, q->s->list[i]))
			p = q->s->list[i];
	if (!e || e->p != p || e->origin.id != origin || c->start > e->end + EPISODE_GAP_BLIND_NS) {
		if (all->n >= EPISODES_MAX) {
			all->unlisted++;
			return;
		}
		MEM_MORE(all->list, all->n, all->cap);
		*last = (uint32_t)all->n++;
		e = &all->list[*last];
		*e = (struct episode){ .kind = EPISODE_CHILDREN, .p = p,
				       .how_why = "compiled; nothing of it was loaded here" };
		e->origin = (struct origin_verdict){ .id = (uint8_t)origin,
						     .basis = ORIGIN_BY_NEIGHBOUR,
						     .rule = ORIGIN_NO_RULE };
		if (origin == ORIGIN_UNKNOWN)
			e->origin.basis = ORIGIN_BY_NOTHING;
	}
	attach(e, c, true);
}

/* The outermost process of the build that a compiler is part of: nvcc, ninja ... */
static uint64_t build_of(const struct search *q, const struct child *c)
{
	for (int up = 0; up < CHILD_ANCESTORS_MAX; up++) {
		const struct child *parent = parent_of(&q->s->children, &q->by_pid, c);

		if (!parent || (waits(parent) && parent->tool != CHILD_TOOL_NINJA))
			break;
		c = parent;
	}
	return c->pid;
}

/* What one build started belongs to the module that it made, however long it took. */
static void by_build(struct search *q)
{
	const struct children *all = &q->s->children;
	struct idmap made = { 0 }; /* pid of a build -> episode */

	for (size_t i = 0; i < all->n; i++)
		if (q->of_child[i] != IDMAP_NONE &&
		    idmap_get(&made, build_of(q, &all->list[i])) == IDMAP_NONE)
			idmap_put(&made, build_of(q, &all->list[i]), q->of_child[i]);
	for (size_t i = 0; i < all->n; i++)
		if (q->of_child[i] == IDMAP_NONE && relevant(&all->list[i]))
			q->of_child[i] = idmap_get(&made, build_of(q, &all->list[i]));
	idmap_release(&made);
}

void episode_children(struct session *s)
{
	struct search q = { .s = s };
	const struct children *all = &s->children;
	uint32_t last = IDMAP_NONE;

	prepare(&q);
	q.of_child = mem_zalloc(all->n, sizeof(*q.of_child));
	/* Found with the spans as they were loaded; children make them longer. */
	for (size_t i = 0; i < all->n; i++) {
		const struct child *c = &all->list[i];

		q.of_child[i] = IDMAP_NONE;
		if (!relevant(c))
			continue;
		if (builds_triton(c))
			idmap_put(&q.triton, c->ppid, 1);
		if (c->output_hash)
			q.of_child[i] = idmap_get(&q.by_hash, c->output_hash);
		if (q.of_child[i] != IDMAP_NONE &&
		    s->episodes.list[q.of_child[i]].end < c->start)
			q.of_child[i] = IDMAP_NONE;
	}
	by_build(&q);
	for (size_t i = 0; i < all->n; i++)
		if (q.of_child[i] == IDMAP_NONE && relevant(&all->list[i]))
			q.of_child[i] = by_time(&q, &all->list[i]);
	for (size_t i = 0; i < all->n; i++) {
		const struct child *c = &all->list[i];
		const struct child *parent = parent_of(all, &q.by_pid, c);
		bool outermost = !parent || waits(parent);

		if (!relevant(c))
			continue;
		if (q.of_child[i] != IDMAP_NONE)
			attach(&s->episodes.list[q.of_child[i]], c, outermost);
		else if (outermost)
			alone(&q, c, &last);
	}
	idmap_release(&q.by_hash);
	idmap_release(&q.by_pid);
	idmap_release(&q.triton);
	free(q.ends);
	free(q.of_child);
}
