/* The reader's thread: with it and without it, the same comes out, whatever the file looks like. */
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/unit/trace_kit.h"
#include "tests/unit/unit.h"
#include "trace/ahead.h"
#include "trace/err.h"
#include "trace/frame.h"
#include "trace/hash.h"
#include "trace/journal.h"
#include "trace/writer.h"

#if defined(__SANITIZE_THREAD__)
#define FEWER 10
#else
#define FEWER 1
#endif

/* --- a trace long enough for the thread */

#define FRAMES 20
#define THREADS 7 /* two sections for each in a frame, and one of strings */

/* Times that do not compress: a frame is some 20 kB. Caller frees .p. */
static struct bytes long_trace(unsigned frames)
{
	int dir = kit_dir();
	struct writer *w;
	struct bytes b;

	CHECK(writer_open(&w, dir, "l.jnt", 4711, 1763849000000000000ull, 0) == 0);
	for (uint64_t i = 0, time = 0; i < frames * 2000ull; i++) {
		uint64_t f[EVENT_FIELDS_MAX] = { time += kit_random() % (1u << 30) };
		unsigned kind = i % 2 ? EVENT_LAUNCH : EVENT_KERNEL;

		f[1] = f[0] + kit_random() % (1u << 30);
		f[2] = i;
		CHECK(!writer_add(w, (uint32_t)(i / 2 % THREADS), kind, f, i % 2 ? LAUNCH_N : KERNEL_N,
				  NULL, 0));
		if (i % 100 == 0)
			CHECK(!writer_add(w, 0, EVENT_STRING, &i, STRING_N, &f[1], 8));
		if (i % 2000 == 1999)
			CHECK(!writer_flush(w, i));
	}
	writer_close(w);
	b = kit_read_file(dir, "l.jnt");
	CHECK(b.n / frames > 10000);
	close(dir);
	return b;
}

/* --- reading it, and from which thread */

struct watched {
	struct bytes *bytes;
	pthread_t caller;
	atomic_uint by_thread; /* calls from another thread */
	atomic_uint calls;
	unsigned fail_at;      /* this call and those after it fail; 0: none */
};

static ssize_t watched_read_at(void *arg, void *buf, size_t n, uint64_t offset)
{
	struct watched *w = arg;
	struct trace_source source = kit_source(w->bytes);
	unsigned call = atomic_fetch_add(&w->calls, 1) + 1;

	if (!pthread_equal(pthread_self(), w->caller))
		atomic_fetch_add(&w->by_thread, 1);
	if (w->fail_at && call >= w->fail_at) {
		errno = EBADMSG;
		return -1;
	}
	return source.read_at(source.arg, buf, n, offset);
}

/* All that came out: sections with their contents, then how it ended. */
struct outcome {
	uint64_t hash, sections;
	int err, errnum;
	struct reader_status status;
};

static uint64_t section_hash(uint64_t h, const struct section *s)
{
	uint64_t head[5] = { h, s->kind, s->n_cols, s->rows, s->tid };

	h = hash64(head, sizeof(head));
	for (unsigned i = 0; i < s->n_cols; i++)
		h = h * 31 + hash64(s->col[i], s->rows * sizeof(uint64_t));
	if (s->blob_at)
		h = h * 31 + hash64(s->blob, s->blob_at[s->rows]);
	return h;
}

static void read_on(struct outcome *out, struct reader *r)
{
	struct section s;

	while ((out->err = reader_next(r, &s)) == 1) {
		out->hash = section_hash(out->hash, &s);
		out->sections++;
	}
	out->errnum = out->err ? errno : 0;
	out->status = *reader_status(r);
}

/* As many CPUs as there are, or one of them. */
static void cpus_use(bool one)
{
	static cpu_set_t all;
	cpu_set_t set;
	int cpu = 0;

	if (!CPU_COUNT(&all))
		CHECK(!sched_getaffinity(0, sizeof(all), &all));
	if (CPU_COUNT(&all) < 2)
		unit_skip("one CPU: there is no thread to compare with");
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	CHECK(!sched_setaffinity(0, sizeof(set), one ? &set : &all));
}

/* Reads all; after an error again, when the source works again. True: the thread took part. */
static bool read_all(struct outcome ret[2], struct bytes trace, struct bytes *journal,
		     unsigned fail_at)
{
	struct watched w = { .bytes = &trace, .caller = pthread_self(), .fail_at = fail_at };
	struct trace_source t = { watched_read_at, &w }, j = { NULL, NULL };
	struct reader *r;

	memset(ret, 0, 2 * sizeof(*ret));
	if (journal)
		j = kit_source(journal);
	CHECK(reader_open_source(&r, &t, journal ? &j : NULL) == 0);
	read_on(&ret[0], r);
	CHECK((ret[0].err == TRACE_E_IO && ret[0].errnum == EBADMSG) || !fail_at);
	w.fail_at = 0;
	read_on(&ret[1], r);
	reader_close(r);
	return atomic_load(&w.by_thread) > 0;
}

static void check_same(struct bytes trace, struct bytes *journal, unsigned fail_at)
{
	struct outcome without[2], with[2];

	cpus_use(true);
	CHECK(!read_all(without, trace, journal, fail_at));
	cpus_use(false);
	read_all(with, trace, journal, fail_at);
	CHECK(!memcmp(without, with, sizeof(with)));
}

/* --- tests */

/* Without a column, then whole, by turns of the thread and of the caller. */
TEST_THREADS(ahead_sections_in_part_then_whole)
{
	struct bytes b = long_trace(FRAMES);
	struct trace_source t = kit_source(&b);
	uint32_t want[EVENT_KIND_COUNT] = { [EVENT_KERNEL] = 1u << KERNEL_CORR };

	for (int one = 0; one < 2; one++) {
		struct section all, some;
		struct reader *r, *whole;
		int got;

		cpus_use(one);
		CHECK(!reader_open_source(&r, &t, NULL) && !reader_open_source(&whole, &t, NULL));
		reader_want(r, want);
		while ((got = reader_next(whole, &all)) == 1) {
			CHECK(reader_next(r, &some) == 1);
			CHECK(some.kind == all.kind && some.rows == all.rows && some.tid == all.tid);
			if (some.kind == EVENT_KERNEL)
				CHECK(!memcmp(some.col[KERNEL_CORR], all.col[KERNEL_CORR],
					      some.rows * sizeof(uint64_t)));
			CHECK(some.col[LAUNCH_START][0] == 0 && !some.blob_at);
			CHECK(!reader_whole(r, &some) && section_hash(1, &some) == section_hash(1, &all));
		}
		CHECK(got == 0 && reader_next(r, &some) == 0);
		CHECK(!memcmp(reader_status(r), reader_status(whole), sizeof(struct reader_status)));
		reader_close(r);
		reader_close(whole);
	}
	cpus_use(false);
	free(b.p);
}

TEST_THREADS(ahead_when_there_are_cpus_and_something_to_read)
{
	struct bytes b = long_trace(FRAMES), small = { b.p, 100000 };
	struct outcome with[2], without[2];

	cpus_use(true);
	CHECK(!read_all(without, b, NULL, 0));
	cpus_use(false);
	CHECK(read_all(with, b, NULL, 0));
	CHECK(!memcmp(without, with, sizeof(with)));
	CHECK(with->sections == FRAMES * (2 * THREADS + 1));
	CHECK(with->status.frames == FRAMES && with->status.rows == FRAMES * 2020);
	CHECK(!read_all(with, small, NULL, 0));
	free(b.p);
}

TEST_THREADS(ahead_gives_the_same_of_a_cut_trace)
{
	struct bytes b = long_trace(FRAMES);

	for (size_t n = b.n; n > 130000; n -= 997 * FEWER + kit_random() % 2000) {
		struct bytes cut = kit_copy(b.p, n);

		check_same(cut, NULL, 0);
		free(cut.p);
	}
	free(b.p);
}

TEST_THREADS(ahead_gives_the_same_of_a_damaged_trace)
{
	struct bytes b = long_trace(FRAMES);

	for (unsigned i = 0; i < 200 / FEWER; i++) {
		struct bytes bad = kit_copy(b.p, b.n);
		size_t at = FILE_HEADER_BYTES + kit_random() % (b.n - 70000);

		for (unsigned k = 0; k < i % 4; k++) /* bits, here and there */
			bad.p[FILE_HEADER_BYTES + kit_random() % (b.n - 40)] ^= (uint8_t)(1 << k);
		if (i % 3 == 1) /* a hole, so that headers have to be looked for */
			memset(bad.p + at, 0, kit_random() % 65536);
		if (i % 3 == 2) /* bytes that are missing */
			memmove(bad.p + at, bad.p + at + 5000, (bad.n -= 5000) - at);
		check_same(bad, NULL, 0);
		free(bad.p);
	}
	free(b.p);
}

/* Also: errno comes along, and reading goes on where it stood when the source works again. */
TEST_THREADS(ahead_gives_the_same_when_reads_fail)
{
	struct bytes b = long_trace(FRAMES);
	struct outcome whole[2], failed[2];

	cpus_use(false);
	read_all(whole, b, NULL, 0);
	for (unsigned call = 2; call <= 2 * FRAMES; call++) {
		check_same(b, NULL, call);
		read_all(failed, b, NULL, call);
		CHECK(failed[1].err == 0 && failed[1].status.rows == whole[0].status.rows);
		CHECK(failed[0].sections + failed[1].sections == whole[0].sections);
	}
	free(b.p);
}

/* More sections in a frame than the thread decodes, and frames with none. */
TEST_THREADS(ahead_gives_the_same_of_odd_frames)
{
	struct frame_header h = { .kind = FRAME_EVENTS };
	struct file_header fh = { .version = 1, .header_bytes = FILE_HEADER_BYTES };
	uint8_t *body = malloc(1u << 20);
	struct bytes b = { malloc(8u << 20), FILE_HEADER_BYTES };

	file_header_put(b.p, &fh);
	for (; h.seq < 40; h.seq++) {
		h.rows = h.raw_len = 0;
		for (unsigned i = 0; h.seq % 3 && i < 5 * h.seq; i++) {
			uint64_t value[100];
			uint32_t len[100];
			struct section_in s = { .kind = EVENT_STRING, .n_cols = 1, .rows = 100,
				.tid = i, .blob_len = len, .blob_bytes = sizeof(value) };

			for (unsigned k = 0; k < 100; k++) {
				value[k] = kit_random();
				len[k] = 8;
			}
			s.col[0] = value;
			s.blob = (const uint8_t *)value;
			h.raw_len += (uint32_t)section_put(body + h.raw_len, &s);
			h.rows += 100;
		}
		h.stored_len = h.raw_len;
		h.body_hash = hash64(body, h.raw_len);
		frame_header_put(b.p + b.n, &h);
		memcpy(b.p + b.n + FRAME_HEADER_BYTES, body, h.raw_len);
		b.n += FRAME_HEADER_BYTES + h.raw_len;
	}
	CHECK(b.n > 1u << 20);
	check_same(b, NULL, 0);
	free(body);
	free(b.p);
}

/* What frames cover must not come again from the journal; what a lost frame held must. */
TEST_THREADS(ahead_gives_the_same_with_a_journal)
{
	struct journal j = JOURNAL_INIT;
	struct journal_lane lane = { 0 };
	struct outcome got[2];
	struct bytes trace, snapshot;
	struct writer *w;
	int dir = kit_dir();

	CHECK(journal_create(&j, dir, "t.jnj", 8u << 20) == 0);
	CHECK(writer_open(&w, dir, "t.jnt", 1, 2, 0) == 0);
	for (uint64_t i = 0; i < 90000; i++) {
		uint64_t f[LAUNCH_N] = { kit_random() >> 20, kit_random() >> 20, i, 1001, 0 };

		CHECK(journal_append(&j, &lane, 0, EVENT_LAUNCH, f, LAUNCH_N, NULL, 0));
		if (i % 30000 == 29999 && i < 80000) {
			snapshot = kit_copy_journal(&j);
			CHECK(writer_pump(w, &j, true) == 30000);
			if (i < 50000)
				free(snapshot.p);
		}
	}
	CHECK(writer_pump(w, &j, true) == 30000);
	trace = kit_read_file(dir, "t.jnt");
	cpus_use(false);
	CHECK(read_all(got, trace, &snapshot, 0));
	CHECK(got->status.rows == 90000 && !got->status.journal_rows && got->status.has_journal);
	check_same(trace, &snapshot, 0);
	trace.p[trace.n / 2] ^= 1;
	read_all(got, trace, &snapshot, 0);
	CHECK(got->status.bad_frames == 1 && got->status.journal_rows > 0);
	check_same(trace, &snapshot, 0);
	writer_close(w);
	journal_release(&j);
	free(trace.p);
	free(snapshot.p);
}

/* Wherever the caller stops, the thread is at work, waits or has ended. */
TEST_THREADS(ahead_can_be_closed_at_any_time)
{
	struct bytes b = long_trace(FRAMES);

	cpus_use(false);
	for (unsigned i = 0; i < 10000 / FEWER; i++) {
		struct watched w = { .bytes = &b, .caller = pthread_self() };
		struct trace_source t = { watched_read_at, &w };
		unsigned stop = 100 + i % (FRAMES * (2 * THREADS + 1) - 100);
		struct section s;
		struct reader *r;
		uint32_t sum = 0;

		/* The frames before the thread take the time: they are not what this is about. */
		if (i % 100)
			stop = 92 + i % 8;
		CHECK(reader_open_source(&r, &t, NULL) == 0);
		for (unsigned k = 0; k < stop; k++)
			CHECK(reader_next(r, &s) == 1);
		for (unsigned k = 0; k < 100; k++)
			sum += (uint32_t)s.col[0][k % s.rows]; /* still there */
		CHECK(sum || !s.col[0][0]);
		reader_close(r);
	}
	free(b.p);
}

static atomic_uint signals_elsewhere;
static pthread_t main_thread;

static void on_signal(int sig)
{
	(void)sig;
	if (!pthread_equal(pthread_self(), main_thread))
		atomic_fetch_add(&signals_elsewhere, 1);
}

/* While a caller has them blocked, too, signals are not taken by the thread. */
TEST_THREADS(ahead_takes_no_signals)
{
	struct bytes b = long_trace(FRAMES);
	struct watched w = { .bytes = &b, .caller = pthread_self() };
	struct trace_source t = { watched_read_at, &w };
	struct section s;
	struct reader *r;
	sigset_t usr1;

	cpus_use(false);
	main_thread = pthread_self();
	signal(SIGUSR1, on_signal);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	CHECK(reader_open_source(&r, &t, NULL) == 0);
	for (unsigned i = 0; reader_next(r, &s) == 1; i++) {
		pthread_sigmask(i % 2 ? SIG_BLOCK : SIG_UNBLOCK, &usr1, NULL);
		kill(getpid(), SIGUSR1);
	}
	CHECK(atomic_load(&w.by_thread) && !atomic_load(&signals_elsewhere));
	reader_close(r);
	free(b.p);
}
