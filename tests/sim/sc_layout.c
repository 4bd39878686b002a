/*
 * Record sizes. Records only ever grew at their end, so an older CUPTI is the same
 * record cut short: JITNESS_SIM_CUPTI_API picks the version.
 */
#include "tests/sim/sc.h"

#include <stddef.h>

struct layout {
	uint32_t kind, stride;   /* in 13.0 */
	uint16_t end;
	bool is_enableable;
	struct { uint32_t below, stride; } older[2]; /* API version < below: this stride */
};

#define ENDS(type) offsetof(type, end)

static const struct layout layouts[] = {
	{ 1, sizeof(CUpti_ActivityMemcpy6), ENDS(CUpti_ActivityMemcpy6), true, { { 26, 88 } } },
	{ 2, sizeof(CUpti_ActivityMemset4), ENDS(CUpti_ActivityMemset4), true, { { 0, 0 } } },
	{ 3, sizeof(CUpti_ActivityKernel10), ENDS(CUpti_ActivityKernel10), true,
	  { { 19, 200 }, { 130000, 208 } } },
	{ 4, sizeof(CUpti_ActivityAPI), 0, true, { { 0, 0 } } },
	{ 5, sizeof(CUpti_ActivityAPI), 0, true, { { 0, 0 } } },
	{ 8, sizeof(CUpti_ActivityDevice5), 0, true, { { 22, 176 } } },
	{ 9, sizeof(CUpti_ActivityContext3), 0, true, { { 22, 16 }, { 130000, 24 } } },
	{ 10, sizeof(CUpti_ActivityKernel10), ENDS(CUpti_ActivityKernel10), true,
	  { { 19, 200 }, { 130000, 208 } } },
	{ 11, 32, 0, true, { { 0, 0 } } },
	{ 12, sizeof(CUpti_ActivityMarker2), 0, true, { { 0, 0 } } },
	{ 13, 40, 0, true, { { 0, 0 } } },
	{ 17, sizeof(CUpti_ActivityOverhead3), 0, true, { { 20, 40 }, { 22, 48 } } },
	{ 18, 144, 0, false, { { 0, 0 } } },
	{ 19, 40, 0, false, { { 0, 0 } } },
	{ 20, 40, 0, true, { { 0, 0 } } },
	{ 22, sizeof(CUpti_ActivityMemcpyPtoP4), ENDS(CUpti_ActivityMemcpyPtoP4), true,
	  { { 0, 0 } } },
	{ 25, 104, 0, true, { { 0, 0 } } },
	{ 26, 32, 0, false, { { 0, 0 } } },
	{ 27, 24, 0, false, { { 0, 0 } } },
	{ 28, 24, 0, false, { { 0, 0 } } },
	{ 33, 152, 0, true, { { 0, 0 } } },
	{ 34, 152, 0, true, { { 0, 0 } } },
	{ 35, 120, 0, true, { { 0, 0 } } },
	{ 36, sizeof(CUpti_ActivityCudaEvent2), 0, true, { { 26, 24 } } },
	{ 37, sizeof(CUpti_ActivityStream), 0, true, { { 0, 0 } } },
	{ 38, sizeof(CUpti_ActivitySynchronization2), 0, true, { { 26, 40 } } },
	{ 39, sizeof(CUpti_ActivityExternalCorrelation), 0, true, { { 0, 0 } } },
	{ 40, 136, 0, true, { { 0, 0 } } },
	{ 45, 80, 0, true, { { 0, 0 } } },
	{ 46, 168, 0, true, { { 0, 0 } } },
	{ 47, 40, 0, true, { { 0, 0 } } },
	{ 48, 40, 0, true, { { 0, 0 } } },
	{ 49, 128, 0, true, { { 0, 0 } } },
	{ 50, 80, 0, true, { { 0, 0 } } },
	{ 51, sizeof(CUpti_ActivityGraphTrace2), ENDS(CUpti_ActivityGraphTrace2), true,
	  { { 21, 48 } } },
	{ 52, sizeof(CUpti_ActivityJit2), 0, true, { { 22, 64 } } },
	{ 53, 56, 0, false, { { 24, 0 } } },
	{ 54, 64, 0, true, { { 26, 0 } } },
	{ 55, 32, 0, true, { { 130000, 0 } } },
};

static const struct layout *layout_find(uint32_t kind)
{
	for (size_t i = 0; i < sizeof(layouts) / sizeof(*layouts); i++)
		if (layouts[i].kind == kind)
			return &layouts[i];
	return NULL;
}

size_t layout_stride(uint32_t kind)
{
	const struct layout *l = layout_find(kind);

	if (!l)
		return 0;
	for (size_t i = 0; i < 2; i++)
		if (sim_knobs.cupti_api < l->older[i].below)
			return l->older[i].stride;
	return l->stride;
}

bool layout_is_kind(uint32_t kind)
{
	const struct layout *l = layout_find(kind);

	return l && l->is_enableable && layout_stride(kind);
}

size_t layout_end_offset(uint32_t kind)
{
	const struct layout *l = layout_find(kind);

	return l ? l->end : 0;
}
