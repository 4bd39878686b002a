#include "decoder/name_table.h"

#include <string.h>

#include "decoder/mem.h"

static uint64_t hash_of(const void *text, size_t len)
{
	const unsigned char *p = text;
	uint64_t h = 0xcbf29ce484222325u; /* FNV-1a */

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3u;
	return h ^ h >> 32;
}

static void link_name(struct names *m, uint32_t i)
{
	uint32_t *head = &m->buckets[hash_of(m->list[i].text, m->list[i].len) &
				     (m->bucket_count - 1)];

	m->list[i].next = *head;
	*head = i + 1;
}

static void grow(struct names *m)
{
	free(m->buckets);
	m->bucket_count = m->bucket_count ? m->bucket_count * 2 : 256;
	m->buckets = mem_zalloc(m->bucket_count, sizeof(*m->buckets));
	for (uint32_t i = 0; i < m->n; i++)
		link_name(m, i);
}

uint32_t names_put(struct names *m, const void *text, size_t len)
{
	if (m->n >= m->bucket_count)
		grow(m);
	for (uint32_t i = m->buckets[hash_of(text, len) & (m->bucket_count - 1)]; i;
	     i = m->list[i - 1].next)
		if (m->list[i - 1].len == len && !memcmp(m->list[i - 1].text, text, len))
			return i - 1;
	MEM_MORE(m->list, m->n, m->cap);
	m->list[m->n] = (struct name){ .text = mem_text(text, len), .len = (uint32_t)len };
	link_name(m, (uint32_t)m->n);
	return (uint32_t)m->n++;
}

const char *names_text(const struct names *m, uint32_t index)
{
	return m->list[index].text;
}

void names_release(struct names *m)
{
	for (size_t i = 0; i < m->n; i++)
		free(m->list[i].text);
	free(m->list);
	free(m->buckets);
	*m = (struct names){ 0 };
}
