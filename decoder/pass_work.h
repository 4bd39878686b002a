/*
 * pass_work: what passes ran: of each how often every kernel and graph, and for how long on the GPU. Gathered
 * while the stream is cut, kept in one list for all passes, on disk as they are (pass_spill.h); shape_mix.h sums it
 * up. Kernels and graphs are codes: indices of struct pass_code. Times ns. No errors; one thread.
 */
#ifndef JITNESS_DECODER_PASS_WORK_H
#define JITNESS_DECODER_PASS_WORK_H

#include <stddef.h>
#include <stdint.h>

#include "decoder/pass_spill.h"

/* Beyond, what ran is not known. */
#define PASS_CODES_MAX (1u << 20)

/* As in struct op: a kernel's name, or a graph. */
struct pass_code {
	uint32_t kind, symbol;
};

/* One of the list. A code may come several times: they add up. */
struct pass_ran {
	uint64_t code : 20;
	uint64_t count : 10;
	uint64_t ns : 34; /* 17 s */
};

/* What a thread ran since its last cut, in the order of first use since `from` of work_list_add(). */
struct work_list {
	struct work_item {
		uint64_t count, ns;
		uint32_t code;
	} *list;
	size_t n, cap;
	uint32_t *at; /* by code: where it was put last; may be out of date */
	size_t n_at, at_cap;
};

/* The item of code in [from, n), a new one if there is none. Valid until the next call. */
struct work_item *work_list_item(struct work_list *w, size_t from, uint32_t code);
/* One run, added to that. */
static inline void work_list_add(struct work_list *w, size_t from, uint32_t code, uint64_t ns)
{
	const size_t i = code < w->n_at ? w->at[code] : SIZE_MAX;
	struct work_item *x = i >= from && i < w->n && w->list[i].code == code ?
				      &w->list[i] :
				      work_list_item(w, from, code);

	x->count++;
	x->ns += ns;
}
/* Appends what is in [from, to) to spill (size of struct pass_ran); leaves w in disorder. */
void work_list_put(struct work_list *w, size_t from, size_t to, struct pass_spill *spill);
void work_list_release(struct work_list *w);

/* Appends n items of spill, from at on, once more. */
void pass_ran_copy(struct pass_spill *spill, uint64_t at, uint32_t n);

#endif
