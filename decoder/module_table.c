#include "decoder/module_table.h"

#include <string.h>

#include "decoder/mem.h"
#include "decoder/name_table.h"
#include "decoder/tally.h"
#include "trace/encode.h"

/* True when another row may be listed. */
static bool room(struct module_table *t, size_t n)
{
	if (n < MODULES_MAX)
		return true;
	t->unlisted++;
	return false;
}

static uint32_t blob_name(const struct section *s, uint32_t i, struct names *names)
{
	if (!s->blob_at || s->blob_at[i] == s->blob_at[i + 1])
		return MODULES_NONE;
	return names_put(names, s->blob + s->blob_at[i], s->blob_at[i + 1] - s->blob_at[i]);
}

static void fold_loads(struct module_table *t, const struct section *s, struct names *names)
{
	for (uint32_t i = 0; i < s->rows; i++) {
		struct module_load *l;
		uint32_t at = (uint32_t)t->n_loads;

		t->failed += s->col[LOAD_RESULT][i] != 0;
		if (!room(t, t->n_loads))
			continue;
		MEM_MORE(t->loads, t->n_loads, t->loads_cap);
		l = &t->loads[t->n_loads++];
		*l = (struct module_load){
			.start = s->col[LOAD_START][i],
			.end = s->col[LOAD_END][i],
			.corr = s->col[LOAD_CORR][i],
			.result = s->col[LOAD_RESULT][i],
			.handle = s->col[LOAD_HANDLE][i],
			.address = s->col[LOAD_ADDRESS][i],
			.offset = s->col[LOAD_OFFSET][i],
			.bytes = s->col[LOAD_BYTES][i],
			.hash = s->col[LOAD_HASH][i],
			.native = s->col[LOAD_NATIVE][i],
			.python = s->col[LOAD_PYTHON][i],
			.api = (uint32_t)s->col[LOAD_API][i],
			.image = (uint32_t)s->col[LOAD_IMAGE][i],
			.source = (uint32_t)s->col[LOAD_SOURCE][i],
			.tid = s->tid,
			.path = blob_name(s, i, names),
			.older = MODULES_NONE,
		};
		if (l->corr)
			idmap_put(&t->load_by_corr, l->corr, at);
		if (l->handle && !l->result) {
			l->older = idmap_get(&t->load_by_handle, l->handle);
			idmap_put(&t->load_by_handle, l->handle, at);
		}
	}
}

static void fold_modules(struct module_table *t, const struct section *s)
{
	for (uint32_t i = 0; i < s->rows; i++) {
		struct module *m;
		uint32_t at = (uint32_t)t->n_modules;

		if (!room(t, t->n_modules))
			continue;
		MEM_MORE(t->modules, t->n_modules, t->modules_cap);
		m = &t->modules[t->n_modules++];
		*m = (struct module){
			.time = s->col[MODULE_TIME][i],
			.context = s->col[MODULE_CONTEXT][i],
			.module = s->col[MODULE_MODULE][i],
			.bytes = s->col[MODULE_BYTES][i],
			.hash = s->col[MODULE_HASH][i],
			.kernels = s->col[MODULE_KERNELS][i],
			.call_corr = s->col[MODULE_CALL_CORR][i],
			.library = s->col[MODULE_LIBRARY][i],
			.native = s->col[MODULE_NATIVE][i],
			.python = s->col[MODULE_PYTHON][i],
			.call_api = (uint32_t)s->col[MODULE_CALL_API][i],
			.image = (uint32_t)s->col[MODULE_IMAGE][i],
			.tid = s->tid,
			.load = MODULES_NONE,
			.older = MODULES_NONE,
		};
		if (m->call_corr) {
			m->older = idmap_get(&t->module_by_corr, m->call_corr);
			idmap_put(&t->module_by_corr, m->call_corr, at);
		}
		idmap_put(&t->live, m->module, at);
	}
}

/* hash 0: the final image was not seen, and the list is of this module. */
static struct module_names *image_get(struct module_table *t, uint64_t hash, uint64_t module)
{
	struct idmap *map = hash ? &t->image_by_hash : &t->image_by_module;
	uint64_t key = hash ? hash : module;
	uint32_t i = idmap_get(map, key);

	if (i != IDMAP_NONE)
		return &t->images[i];
	if (!room(t, t->n_images))
		return NULL;
	MEM_MORE(t->images, t->n_images, t->images_cap);
	idmap_put(map, key, (uint32_t)t->n_images);
	t->images[t->n_images] = (struct module_names){ .hash = hash };
	return &t->images[t->n_images++];
}

/* The list may be split over several rows; `first` says where each part belongs. */
static void fold_names(struct module_table *t, const struct section *s, struct names *names)
{
	for (uint32_t i = 0; s->blob_at && i < s->rows; i++) {
		struct module_names *image = image_get(t, s->col[MODULE_KERNELS_HASH][i],
						       s->col[MODULE_KERNELS_MODULE][i]);
		const uint8_t *p = s->blob + s->blob_at[i], *end = s->blob + s->blob_at[i + 1];

		/* The same image again (another context) lists the same names. */
		if (!image || s->col[MODULE_KERNELS_FIRST][i] != image->n)
			continue;
		while (p < end) {
			size_t n = strnlen((const char *)p, (size_t)(end - p));

			MEM_MORE(image->kernels, image->n, image->cap);
			image->kernels[image->n++] = names_put(names, p, n);
			p += n + 1;
		}
	}
}

static void fold_unloads(struct module_table *t, const struct section *s)
{
	t->unloads += s->rows;
	for (uint32_t i = 0; i < s->rows; i++) {
		uint32_t at = idmap_get(&t->live, s->col[UNLOAD_MODULE][i]);

		if (at != IDMAP_NONE)
			t->modules[at].unloaded = s->col[UNLOAD_TIME][i];
	}
}

static void jit_work_add(struct jit_work *w, const struct jit_record *j)
{
	uint64_t ns = time_pair_valid(j->start, j->end) ? j->end - j->start : 0;

	w->misses += j->first && j->miss;
	w->hits += j->first && !j->miss;
	if (j->start && (!w->start || j->start < w->start))
		w->start = j->start;
	switch (j->op) {
	case JIT_IS_COMPILE:
		w->compiles++;
		w->compile_ns += ns;
		break;
	case JIT_IS_CACHE_LOAD:
		w->cache_loads++;
		w->cache_load_ns += ns;
		break;
	case JIT_IS_CACHE_STORE:
		w->cache_stores++;
		w->cache_store_ns += ns;
		break;
	default:
		break;
	}
}

static void fold_jits(struct module_table *t, const struct section *s, struct names *names)
{
	for (uint32_t i = 0; i < s->rows; i++) {
		uint32_t tid = (uint32_t)s->col[JIT_TID][i];
		struct jit_record j = {
			.start = s->col[JIT_START][i],
			.end = s->col[JIT_END][i],
			.corr = s->col[JIT_CORR][i],
			.jit_corr = s->col[JIT_JIT_CORR][i],
			.cache_bytes = s->col[JIT_CACHE_BYTES][i],
			.op = (uint32_t)s->col[JIT_OP][i],
			.entry = (uint32_t)s->col[JIT_ENTRY][i],
			.tid = tid ? tid : s->tid,
			.load = MODULES_NONE,
			.module = MODULES_NONE,
		};

		jit_work_add(&t->jit, &j);
		if (!room(t, t->n_jits))
			continue;
		j.path = blob_name(s, i, names);
		MEM_MORE(t->jits, t->n_jits, t->jits_cap);
		t->jits[t->n_jits++] = j;
	}
}

void module_table_fold(struct module_table *t, const struct section *s, struct names *names)
{
	switch (s->kind) {
	case EVENT_LOAD:
		fold_loads(t, s, names);
		break;
	case EVENT_MODULE:
		fold_modules(t, s);
		break;
	case EVENT_MODULE_KERNELS:
		fold_names(t, s, names);
		break;
	case EVENT_UNLOAD:
		fold_unloads(t, s);
		break;
	case EVENT_JIT:
		fold_jits(t, s, names);
		break;
	default:
		break;
	}
}

/* Loads by thread and start, to find the call that was open at some time. */
struct by_thread {
	uint64_t start, end;
	uint32_t tid, load;
};

static int by_thread_order(const void *a, const void *b)
{
	const struct by_thread *x = a, *y = b;

	if (x->tid != y->tid)
		return x->tid < y->tid ? -1 : 1;
	return x->start < y->start ? -1 : x->start > y->start;
}

/* Calls nest a few levels at most: the innermost that is open at `time`. */
#define NESTING_MAX 8

/* Index behind the last call of the thread that began at or before `time`. */
static size_t loads_until(const struct by_thread *list, size_t n, uint32_t tid, uint64_t time)
{
	size_t lo = 0, hi = n;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (list[mid].tid < tid || (list[mid].tid == tid && list[mid].start <= time))
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static uint32_t open_load(const struct by_thread *list, size_t n, uint32_t tid, uint64_t time)
{
	size_t at = loads_until(list, n, tid, time);

	for (int up = 0; up < NESTING_MAX && at-- && list[at].tid == tid; up++)
		if (time <= list[at].end)
			return list[at].load;
	return MODULES_NONE;
}

/* A module that came inside a call that was not followed: the latest load of such a cubin. */
#define SIZE_MATCH_LOADS 256

static uint32_t load_of_size(const struct module_table *t, const struct module *m,
			     const struct by_thread *list, size_t n)
{
	size_t at = loads_until(list, n, m->tid, m->time);

	for (int back = 0; back < SIZE_MATCH_LOADS && at-- && list[at].tid == m->tid; back++) {
		const struct module_load *l = &t->loads[list[at].load];

		if (!l->modules && !l->result && l->image == IMAGE_CUBIN && l->bytes == m->bytes)
			return list[at].load;
	}
	return MODULES_NONE;
}

/* The next load of a thread takes what was compiled just before: a cubin in memory. */
#define JIT_TO_LOAD_NS 100000000u

static uint32_t load_after(const struct module_table *t, const struct jit_record *j,
			   const struct by_thread *list, size_t n)
{
	size_t at = loads_until(list, n, j->tid, j->end);
	const struct module_load *l;

	if (!j->end || at >= n || list[at].tid != j->tid || list[at].start - j->end > JIT_TO_LOAD_NS)
		return MODULES_NONE;
	l = &t->loads[list[at].load];
	if (l->image != IMAGE_CUBIN || l->source == SOURCE_MAPPED || l->source == SOURCE_PATH)
		return MODULES_NONE;
	return list[at].load;
}

static uint32_t load_of_handle(const struct module_table *t, uint64_t handle, uint64_t time)
{
	uint32_t i = handle ? idmap_get(&t->load_by_handle, handle) : IDMAP_NONE;

	/* A handle is reused after an unload: the latest load before `time` counts. */
	while (i != IDMAP_NONE && t->loads[i].start > time)
		i = t->loads[i].older;
	return i;
}

static void join_module(struct module_table *t, struct module *m, const struct by_thread *open,
			size_t n_open)
{
	uint32_t load = m->call_corr ? idmap_get(&t->load_by_corr, m->call_corr) : IDMAP_NONE;

	if (load == IDMAP_NONE)
		load = open_load(open, n_open, m->tid, m->time);
	if (load == MODULES_NONE) {
		load = load_of_handle(t, m->library, m->time);
		if (load == MODULES_NONE && m->bytes && !m->call_corr && m->image == IMAGE_CUBIN)
			load = load_of_size(t, m, open, n_open);
		m->lazy = load != MODULES_NONE;
	}
	m->load = load;
	if (load != MODULES_NONE)
		m->first = !t->loads[load].modules++;
}

static void join_jit(struct module_table *t, struct jit_record *j, const struct by_thread *open,
		     size_t n_open)
{
	j->load = j->corr ? idmap_get(&t->load_by_corr, j->corr) : IDMAP_NONE;
	j->module = j->corr ? idmap_get(&t->module_by_corr, j->corr) : IDMAP_NONE;
	if (j->load == MODULES_NONE && j->module == MODULES_NONE && j->start)
		j->load = open_load(open, n_open, j->tid, j->start);
	/* Its correlation id is that of a call inside the driver, which no load has. */
	if (j->load == MODULES_NONE && j->module == MODULES_NONE)
		j->load = load_after(t, j, open, n_open);
	if (j->load != MODULES_NONE)
		jit_work_add(&t->loads[j->load].jit, j);
	else if (j->module != MODULES_NONE)
		jit_work_add(&t->modules[j->module].jit, j);
	else
		t->jit_alone++;
	t->jit.misses += j->first && j->miss;
	t->jit.hits += j->first && !j->miss;
}

static int request_order(const void *a, const void *b)
{
	const struct jit_record *x = *(struct jit_record *const *)a;
	const struct jit_record *y = *(struct jit_record *const *)b;

	if (x->jit_corr != y->jit_corr)
		return x->jit_corr < y->jit_corr ? -1 : 1;
	if (x->entry != y->entry)
		return x->entry < y->entry ? -1 : 1;
	return x->start < y->start ? -1 : x->start > y->start;
}

/* The same text asked for again has the same jit_corr: a look into the cache begins anew. */
static bool same_request(const struct jit_record *a, const struct jit_record *b)
{
	if (!a->jit_corr || a->jit_corr != b->jit_corr || a->entry != b->entry)
		return false;
	if (b->op == JIT_IS_CACHE_LOAD || a->op == JIT_IS_CACHE_STORE)
		return false;
	return b->op != JIT_IS_COMPILE || a->op != JIT_IS_COMPILE;
}

static void group_jits(struct module_table *t)
{
	struct jit_record **order = mem_zalloc(t->n_jits, sizeof(struct jit_record *));

	for (size_t i = 0; i < t->n_jits; i++)
		order[i] = &t->jits[i];
	qsort(order, t->n_jits, sizeof(struct jit_record *), request_order);
	for (size_t i = 0, next; i < t->n_jits; i = next) {
		bool miss = order[i]->op != JIT_IS_CACHE_LOAD;

		order[i]->first = true;
		for (next = i + 1; next < t->n_jits && same_request(order[next - 1], order[next]);
		     next++)
			miss = true; /* not a look alone */
		for (size_t k = i; k < next; k++)
			order[k]->miss = miss;
	}
	free(order);
}

void module_table_join(struct module_table *t)
{
	struct by_thread *open = mem_zalloc(t->n_loads, sizeof(*open));

	for (size_t i = 0; i < t->n_loads; i++)
		open[i] = (struct by_thread){ .start = t->loads[i].start, .end = t->loads[i].end,
					      .tid = t->loads[i].tid, .load = (uint32_t)i };
	qsort(open, t->n_loads, sizeof(*open), by_thread_order);
	group_jits(t);
	for (size_t i = 0; i < t->n_modules; i++)
		join_module(t, &t->modules[i], open, t->n_loads);
	for (size_t i = 0; i < t->n_jits; i++)
		join_jit(t, &t->jits[i], open, t->n_loads);
	free(open);
}

const struct module_names *module_kernels(const struct module_table *t, const struct module *m)
{
	uint32_t i = m->hash ? idmap_get(&t->image_by_hash, m->hash) :
			       idmap_get(&t->image_by_module, m->module);

	return i == IDMAP_NONE ? NULL : &t->images[i];
}

void module_table_release(struct module_table *t)
{
	for (size_t i = 0; i < t->n_images; i++)
		free(t->images[i].kernels);
	free(t->loads);
	free(t->modules);
	free(t->jits);
	free(t->images);
	idmap_release(&t->load_by_corr);
	idmap_release(&t->load_by_handle);
	idmap_release(&t->module_by_corr);
	idmap_release(&t->image_by_hash);
	idmap_release(&t->image_by_module);
	idmap_release(&t->live);
	*t = (struct module_table){ 0 };
}
