#include "decoder/kernel_table.h"

#include "decoder/mem.h"
#include "decoder/tally.h"
#include "trace/encode.h"

struct kernel_stat *kernel_table_get(struct kernel_table *t, uint64_t key)
{
	uint32_t i = idmap_get(&t->by_key, key);

	if (i != IDMAP_NONE)
		return &t->list[i];
	MEM_MORE(t->list, t->n, t->cap);
	idmap_put(&t->by_key, key, (uint32_t)t->n);
	t->list[t->n] = (struct kernel_stat){ .key = key, .min_ns = UINT64_MAX };
	return &t->list[t->n++];
}

/* Where in the list the keys of a section are: not looked up yet, a key that no row has need not be there. */
static uint32_t *unknown(struct kernel_table *t, uint32_t n_keys)
{
	if (n_keys > t->of_key_cap)
		t->of_key = mem_grow(t->of_key, &t->of_key_cap, n_keys, sizeof(*t->of_key));
	for (uint32_t i = 0; i < n_keys; i++)
		t->of_key[i] = IDMAP_NONE;
	return t->of_key;
}

void kernel_table_fold(struct kernel_table *t, const struct section *s, uint32_t from, uint32_t to)
{
	const uint64_t *start = s->col[KERNEL_START], *end = s->col[KERNEL_END];
	const uint64_t *name = s->of_key[KERNEL_NAME];
	uint32_t *at = from ? t->of_key : unknown(t, s->n_keys);

	for (uint32_t i = from; i < to; i++) {
		const uint32_t key = s->key[i];
		struct kernel_stat *k;
		uint64_t ns;

		if (at[key] == IDMAP_NONE)
			at[key] = (uint32_t)(kernel_table_get(t, name[key]) - t->list);
		k = &t->list[at[key]];
		k->count++;
		if (!time_pair_valid(start[i], end[i])) {
			k->invalid++;
			continue;
		}
		ns = end[i] - start[i];
		k->total_ns += ns;
		if (ns < k->min_ns)
			k->min_ns = ns;
		if (ns > k->max_ns)
			k->max_ns = ns;
		histogram_add(&k->ns, ns);
	}
}

void kernel_table_merge(struct kernel_table *t, uint64_t key, const struct kernel_stat *from)
{
	struct kernel_stat *k = kernel_table_get(t, key);

	k->count += from->count;
	k->invalid += from->invalid;
	k->total_ns += from->total_ns;
	if (from->min_ns < k->min_ns)
		k->min_ns = from->min_ns;
	if (from->max_ns > k->max_ns)
		k->max_ns = from->max_ns;
	histogram_merge(&k->ns, &from->ns);
}

static int longest_first(const void *a, const void *b)
{
	const struct kernel_stat *x = a, *y = b;

	if (x->total_ns != y->total_ns)
		return x->total_ns < y->total_ns ? 1 : -1;
	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return x->key < y->key ? -1 : x->key > y->key;
}

void kernel_table_sort(struct kernel_table *t)
{
	if (t->n)
		qsort(t->list, t->n, sizeof(*t->list), longest_first);
	idmap_release(&t->by_key);
}

uint64_t kernel_quantile(const struct kernel_stat *k, double q)
{
	uint64_t v = histogram_quantile(&k->ns, q);

	/* The middle of a bucket may lie outside of what is in it. */
	if (v > k->max_ns)
		return k->max_ns;
	return v < k->min_ns && k->ns.n ? k->min_ns : v;
}

void kernel_table_release(struct kernel_table *t)
{
	for (size_t i = 0; i < t->n; i++)
		histogram_release(&t->list[i].ns);
	free(t->list);
	free(t->of_key);
	idmap_release(&t->by_key);
	*t = (struct kernel_table){ 0 };
}
