/*
 * packed: a column as it stands in a section (encode.h, docs/trace-format.md "Section"). Offline only.
 * Pure functions on caller's memory.
 */
#ifndef JITNESS_TRACE_PACKED_H
#define JITNESS_TRACE_PACKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bounds and transform are checked. */
struct packed {
	uint8_t transform, width;
	uint16_t ref;
	uint64_t first, low;
	const uint8_t *planes;
	/* Exceptions, in keyed sections. */
	uint8_t rare_width; /* 0: none */
	uint32_t rare;
	uint64_t rare_low;
	const uint8_t *rare_planes;
};

/*
 * The column at p: bytes used, or TRACE_E_TRUNC / _CORRUPT; what the transform refers to is not checked.
 * keyed: of a keyed section.
 */
long packed_get(struct packed *ret, const uint8_t *p, size_t n, uint32_t rows, bool keyed);

/* All rows values; their transform is not undone. */
void packed_unpack(uint64_t *out, const struct packed *c, size_t rows);

/* The same, of a DELTA, undone: `first` and all values up to this one. */
void packed_unpack_sums(uint64_t *out, const struct packed *c, size_t rows);

/* Value i of rows in `width` planes. */
static inline uint64_t planes_at(const uint8_t *planes, unsigned width, size_t rows, size_t i)
{
	uint64_t v = 0;

	for (unsigned b = 0; b < width; b++)
		v |= (uint64_t)planes[b * rows + i] << (8 * b);
	return v;
}

/* The plain integer i of a column that is not transformed. */
static inline uint64_t packed_at(const struct packed *c, uint32_t rows, uint32_t i)
{
	return c->low + planes_at(c->planes, c->width, rows, i);
}

#endif
