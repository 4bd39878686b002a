#include "cupti/captures.h"

#include <errno.h>
#include <stdatomic.h>

#include "cupti/emit.h"
#include "cupti/graphs.h"

#define SLOTS 64u

/*
 * Streams that are being captured. A stream is captured by one thread at a time, and its
 * end comes after its beginning for the application too: a slot is never filled and
 * emptied at once.
 */
static struct {
	_Atomic uintptr_t stream; /* its key; 0: free */
	_Atomic uint64_t start_ns;
} slots[SLOTS];

/* Its address tells one thread's default stream from another's, which share a handle. */
static __thread char here_tls;

void captures_start(void)
{
	for (unsigned i = 0; i < SLOTS; i++)
		atomic_store(&slots[i].stream, 0);
}

/* Odd for the default streams: handles are addresses of structures. */
static uintptr_t key_of(CUstream stream)
{
	return (uintptr_t)stream > (uintptr_t)CU_STREAM_PER_THREAD ?
		       (uintptr_t)stream : (uintptr_t)&here_tls | 1;
}

static void started(uintptr_t key, uint64_t start_ns)
{
	uintptr_t other;
	unsigned at = (unsigned)(key >> 4) % SLOTS, slot = SLOTS;

	/* A stream that was destroyed while it was captured left its slot behind. */
	for (unsigned i = 0; i < SLOTS && slot == SLOTS; i++)
		if (atomic_load_explicit(&slots[i].stream, memory_order_relaxed) == key)
			slot = i;
	for (unsigned i = 0; i < SLOTS && slot == SLOTS; i++) {
		other = 0;
		if (atomic_compare_exchange_strong(&slots[(at + i) % SLOTS].stream, &other, key))
			slot = (at + i) % SLOTS;
	}
	if (slot < SLOTS)
		atomic_store(&slots[slot].start_ns, start_ns);
}

/* When the capture of this stream began; 0: not known. */
static uint64_t ended(uintptr_t key, bool goes_on)
{
	uint64_t start_ns;

	for (unsigned i = 0; i < SLOTS; i++) {
		if (atomic_load_explicit(&slots[i].stream, memory_order_relaxed) != key)
			continue;
		start_ns = atomic_load(&slots[i].start_ns);
		if (!goes_on)
			atomic_store(&slots[i].stream, 0);
		return start_ns;
	}
	return 0;
}

static CUresult result_of(const CUpti_CallbackData *data)
{
	return data->functionReturnValue ? *(const CUresult *)data->functionReturnValue :
					   CUDA_ERROR_UNKNOWN;
}

void captures_begin_exit(const struct call_frame *frame, const CUpti_CallbackData *data)
{
	/* Every version starts with the stream. */
	const cuStreamBeginCapture_v2_params *p = data->functionParams;

	if (p && result_of(data) == CUDA_SUCCESS)
		started(key_of(p->hStream), frame->start_ns);
}

void captures_end_exit(const struct call_frame *frame, const CUpti_CallbackData *data,
		       uint64_t end_ns)
{
	const cuStreamEndCapture_params *p = data->functionParams;
	CUresult result = result_of(data);
	uint64_t f[GRAPH_N] = { 0 }, start_ns = 0;
	int saved_errno = errno;

	if (p)
		start_ns = ended(key_of(p->hStream), result == CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD);
	f[GRAPH_START] = start_ns ? start_ns : frame->start_ns;
	f[GRAPH_END] = end_ns;
	f[GRAPH_CORR] = frame->corr;
	f[GRAPH_API] = frame->api;
	f[GRAPH_RESULT] = result;
	f[GRAPH_OP] = GRAPH_OP_CAPTURE;
	f[GRAPH_NATIVE] = frame->stack.native;
	f[GRAPH_PYTHON] = frame->stack.python;
	if (result == CUDA_SUCCESS && p && p->phGraph)
		graphs_count(*p->phGraph, f);
	emit(EVENT_GRAPH, f, GRAPH_N, NULL, 0);
	errno = saved_errno;
}
