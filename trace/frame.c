#include "trace/frame.h"

#include <stdbool.h>
#include <string.h>

#include "trace/err.h"
#include "trace/hash.h"
#include "trace/wire.h"

/* A fuzzer cannot guess a checksum: its build lets any pass, so that it gets deeper. */
static bool check_passes(const uint8_t *p, size_t n)
{
#ifdef TRACE_FUZZING
	(void)p;
	(void)n;
	return true;
#else
	return get_le32(p + n) == (uint32_t)hash64(p, n);
#endif
}

void file_header_put(uint8_t out[FILE_HEADER_BYTES], const struct file_header *h)
{
	uint8_t *p = out;

	memcpy(p, FILE_MAGIC, 8);
	p = put_le16(p + 8, h->version);
	p = put_le16(p, h->header_bytes);
	p = put_le32(p, h->features);
	p = put_le64(p, h->created_ns);
	p = put_le32(p, h->pid);
	put_le32(p, (uint32_t)hash64(out, FILE_HEADER_BYTES - 4));
}

int file_header_get(struct file_header *ret, const uint8_t *p, size_t n)
{
	struct file_header h;

	if (n < FILE_HEADER_BYTES)
		return TRACE_E_TRUNC;
	if (memcmp(p, FILE_MAGIC, 8))
		return TRACE_E_FORMAT;
	if (!check_passes(p, FILE_HEADER_BYTES - 4))
		return TRACE_E_CORRUPT;
	h.version = get_le16(p + 8);
	h.header_bytes = get_le16(p + 10);
	h.features = get_le32(p + 12);
	h.created_ns = get_le64(p + 16);
	h.pid = get_le32(p + 24);
	if (h.version > FILE_VERSION || (h.features & ~FEATURES_KNOWN))
		return TRACE_E_VERSION;
	if (h.version < 1 || h.header_bytes < FILE_HEADER_BYTES)
		return TRACE_E_CORRUPT;
	*ret = h;
	return 0;
}

void frame_header_put(uint8_t out[FRAME_HEADER_BYTES], const struct frame_header *h)
{
	uint8_t *p = put_le32(out, FRAME_MAGIC);

	p = put_le16(p, h->kind);
	p = put_le16(p, h->flags);
	p = put_le32(p, h->stored_len);
	p = put_le32(p, h->raw_len);
	p = put_le64(p, h->seq);
	p = put_le64(p, h->lost);
	p = put_le64(p, h->body_hash);
	p = put_le32(p, h->rows);
	put_le32(p, (uint32_t)hash64(out, FRAME_HEADER_BYTES - 4));
}

int frame_header_get(struct frame_header *ret, const uint8_t *p, size_t n)
{
	struct frame_header h;

	if (n < FRAME_HEADER_BYTES)
		return TRACE_E_TRUNC;
	if (get_le32(p) != FRAME_MAGIC || !check_passes(p, FRAME_HEADER_BYTES - 4))
		return TRACE_E_CORRUPT;
	h.kind = get_le16(p + 4);
	h.flags = get_le16(p + 6);
	h.stored_len = get_le32(p + 8);
	h.raw_len = get_le32(p + 12);
	h.seq = get_le64(p + 16);
	h.lost = get_le64(p + 24);
	h.body_hash = get_le64(p + 32);
	h.rows = get_le32(p + 40);
	if (h.stored_len > FRAME_BODY_MAX || h.raw_len > FRAME_BODY_MAX || h.rows > FRAME_ROWS_MAX)
		return TRACE_E_LIMIT;
	*ret = h;
	return 0;
}
