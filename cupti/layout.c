#include "cupti/layout.h"

#define LAYOUT_CHECK(NAME, member, offset, bytes)                            \
	_Static_assert(offsetof(layout_type, member) == (offset), #NAME);    \
	_Static_assert(sizeof(((layout_type *)0)->member) == (bytes), #NAME);
/* One function per struct, only to give layout_type a scope. */
#define K(kind, fields, type, base)                                          \
	__attribute__((unused)) static void check_##kind(void)               \
	{                                                                    \
		typedef type layout_type;                                    \
		fields(LAYOUT_CHECK)                                         \
		_Static_assert(sizeof(layout_type) >= (base), #kind);        \
	}
LAYOUT_STRUCTS(K)
#undef K
#undef LAYOUT_CHECK

uint16_t layout_base(unsigned kind)
{
	switch (kind) {
#define K(name, fields, type, base)                                          \
	case CUPTI_ACTIVITY_KIND_##name:                                     \
		return (base);
	LAYOUT_STRUCTS(K)
#undef K
	default:
		return 0;
	}
}

/*
 * CUPTI walks a buffer by the kind at the start of each record. A buffer that
 * says the same kind at every 8 bytes therefore gives the distance of two
 * neighbours, whatever it is (tried on 13.0 with every kind; no driver needed).
 */
#define PROBE_BYTES 4096

static uint16_t probe_kind(uint32_t kind, layout_next_fn next)
{
	uint64_t words[PROBE_BYTES / 8];
	uint8_t *buffer = (uint8_t *)words;
	CUpti_Activity *first = NULL, *second;
	ptrdiff_t stride;

	for (size_t i = 0; i < PROBE_BYTES / 8; i++)
		words[i] = kind;
	if (next(buffer, PROBE_BYTES, &first) != CUPTI_SUCCESS || (uint8_t *)first != buffer)
		return 0;
	second = first;
	if (next(buffer, PROBE_BYTES, &second) != CUPTI_SUCCESS)
		return 0;
	stride = (uint8_t *)second - buffer;
	if (stride < 8 || stride > PROBE_BYTES / 2 || stride % 8)
		return 0;
	return (uint16_t)stride;
}

void layout_probe(struct layout *ret, layout_next_fn next)
{
	struct layout l = { { 0 } };

	/* Also kinds that we do not ask for: another user of this library may have. */
	for (uint32_t kind = 1; kind < LAYOUT_KINDS; kind++)
		l.stride[kind] = probe_kind(kind, next);
	*ret = l;
}

int layout_walk_next(struct layout_walk *w, struct layout_record *ret)
{
	size_t left = w->valid - w->at;
	uint8_t *p = w->buffer + w->at;
	CUpti_Activity *record;
	uint32_t kind;
	size_t stride;

	if (!left)
		return 0;
	if (left < 8)
		return -1;
	kind = rec_u32(p);
	stride = kind < LAYOUT_KINDS ? w->layout->stride[kind] : 0;
	if (!stride) {
		/* A kind newer than the probe: only the library knows where the next one is. */
		record = (CUpti_Activity *)p;
		if (!kind || !w->next)
			return -1;
		if (w->next(w->buffer, w->valid, &record) == CUPTI_SUCCESS &&
		    (uint8_t *)record > p && (uint8_t *)record <= w->buffer + w->valid)
			stride = (size_t)((uint8_t *)record - p);
		else
			return -1;
	}
	if (stride > left)
		return -1;
	*ret = (struct layout_record){ .p = p, .bytes = stride, .kind = kind };
	w->at += stride;
	return 1;
}
