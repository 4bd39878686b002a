/* out: a buffer in front of stdout, for views that write millions of lines. */
#ifndef JITNESS_DECODER_OUT_H
#define JITNESS_DECODER_OUT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define OUT_BYTES (64u << 10)

struct out {
	size_t n;
	char buf[OUT_BYTES];
};

/* A failure to write stays in stdout's error flag; main() looks at it. */
void out_flush(struct out *o);
void out_bytes(struct out *o, const void *p, size_t n);
void out_uint(struct out *o, uint64_t v);
void out_int(struct out *o, int64_t v);
void out_hex(struct out *o, uint64_t v); /* 0x... */
/* As Python's json.dumps(text.decode("utf-8", "replace"), ensure_ascii=False), quotes included. */
void out_json(struct out *o, const void *text, size_t len);
/* For people: control characters as \xNN, invalid UTF-8 replaced. */
void out_text(struct out *o, const void *text, size_t len);

static inline void out_char(struct out *o, char c)
{
	if (o->n == OUT_BYTES)
		out_flush(o);
	o->buf[o->n++] = c;
}

static inline void out_string(struct out *o, const char *s)
{
	out_bytes(o, s, strlen(s));
}

#endif
