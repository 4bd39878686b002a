#include "preload/frames.h"

#include <string.h>

#include "cupti/emit.h"
#include "preload/seen.h"
#include "trace/hash.h"
#include "trace/redact.h"

/*
 * 512 KiB of address space; three quarters are usable. A PyTorch inference server has some
 * thousand distinct frames above its module loads; full means a stack ends early.
 */
#define FRAMES_SIZE (1u << 16)

/* A longer file or function name is cut; it is the same frame when it is the same up to there. */
#define FILE_MAX     1024u
#define FUNCTION_MAX 256u

static struct seen frames;
static bool redacted;

int frames_start(bool redact)
{
	redacted = redact;
	return seen_start(&frames, FRAMES_SIZE);
}

/* The frame's id, and its record when it is new; the parent's when there is no room. */
static uint32_t frame_id(uint64_t hash, uint64_t f[FRAME_N], const void *blob, size_t blob_len)
{
	bool fresh;
	uint32_t id = seen_id(&frames, hash, &fresh);

	if (!id) {
		emit_lost(LOST_BY_MEMORY, 1);
		return (uint32_t)f[FRAME_PARENT];
	}
	if (fresh) {
		f[FRAME_ID] = id;
		emit(EVENT_FRAME, f, FRAME_N, blob, blob_len);
	}
	return id;
}

uint32_t frames_native(uint32_t parent, uint32_t object, uint64_t offset)
{
	uint64_t f[FRAME_N] = {
		[FRAME_PARENT] = parent,
		[FRAME_TYPE] = FRAME_IS_NATIVE,
		[FRAME_OBJECT] = object,
		[FRAME_OFFSET] = offset,
	};

	if (!frames.slot)
		return 0;
	return frame_id(hash64(f, sizeof(f)), f, NULL, 0);
}

uint32_t frames_python(uint32_t parent, const char *file, size_t file_len, const char *function,
		       size_t function_len, uint32_t line)
{
	uint64_t f[FRAME_N] = {
		[FRAME_PARENT] = parent,
		[FRAME_TYPE] = FRAME_IS_PYTHON,
		[FRAME_LINE] = line,
	};
	char blob[FILE_MAX + 1 + FUNCTION_MAX];
	uint64_t part[3];
	size_t len;

	if (!frames.slot)
		return 0;
	file_len = file_len < FILE_MAX ? file_len : FILE_MAX - 1;
	function_len = function_len < FUNCTION_MAX ? function_len : FUNCTION_MAX;
	part[0] = hash64(f, sizeof(f));
	part[1] = hash64(file, file_len);
	part[2] = hash64(function, function_len);
	if (redacted) {
		len = redact_path(blob, FILE_MAX, file, file_len);
	} else {
		memcpy(blob, file, file_len);
		len = file_len;
	}
	blob[len++] = '\0';
	memcpy(blob + len, function, function_len);
	return frame_id(hash64(part, sizeof(part)), f, blob, len + function_len);
}
