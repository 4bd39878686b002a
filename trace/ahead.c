#include "trace/ahead.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>

/* What one frame_reader_next() gave, and the memory its sections are decoded to. */
struct slot {
	struct ahead_frame frame;
	struct section_scratch *scratch[AHEAD_SECTIONS]; /* made when first needed */
	int result, errnum;
};

struct ahead {
	struct frame_reader *from;
	struct frame_want want;
	pthread_t thread;

	pthread_mutex_t lock;
	pthread_cond_t more; /* to the caller: `put` grew */
	pthread_cond_t room; /* to the thread: half of the ring is free, or `stop` */
	uint64_t put;        /* frames loaded; the next goes to ring[put % AHEAD_FRAMES] */
	uint64_t taken;      /* of these, given back by the caller */
	bool stop;

	bool held; /* the caller has ring[taken % AHEAD_FRAMES] */
	struct slot ring[AHEAD_FRAMES];
};

/* --- the thread */

/* False: stop. */
static bool room_wait(struct ahead *a)
{
	bool stop;

	pthread_mutex_lock(&a->lock);
	while (!a->stop && a->put - a->taken == AHEAD_FRAMES)
		pthread_cond_wait(&a->room, &a->lock);
	stop = a->stop;
	pthread_mutex_unlock(&a->lock);
	return !stop;
}

/* Without memory the rest is the caller's to decode, who then meets the error in its place. */
static void sections_decode(struct slot *s, const struct frame_want *w)
{
	struct ahead_frame *f = &s->frame;

	for (f->n_sections = 0; f->n_sections < AHEAD_SECTIONS; f->n_sections++) {
		struct section_scratch **m = &s->scratch[f->n_sections];

		if (!*m)
			*m = section_scratch_new();
		if (!*m || frame_body_next(&f->body, &f->section[f->n_sections], w, *m) <= 0)
			break;
	}
}

static void *ahead_run(void *arg)
{
	struct ahead *a = arg;
	int result = 1;

	while (result > 0 && room_wait(a)) {
		struct slot *s = &a->ring[a->put % AHEAD_FRAMES];

		s->result = result = frame_reader_next(a->from, &s->frame.body);
		s->errnum = errno;
		s->frame.counts = *frame_reader_counts(a->from);
		sections_decode(s, &a->want);
		pthread_mutex_lock(&a->lock);
		a->put++;
		pthread_cond_signal(&a->more);
		pthread_mutex_unlock(&a->lock);
	}
	return NULL;
}

/* --- the caller */

/* A machine with more CPUs than a cpu_set_t has more than one. */
static bool one_cpu(void)
{
	cpu_set_t set;

	return !sched_getaffinity(0, sizeof(set), &set) && CPU_COUNT(&set) < 2;
}

/* Signals are the caller's business: the thread has all of them blocked. */
static bool thread_start(struct ahead *a)
{
	sigset_t all, before;
	bool ok;

	sigfillset(&all);
	if (pthread_sigmask(SIG_SETMASK, &all, &before))
		return false;
	ok = !pthread_create(&a->thread, NULL, ahead_run, a);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return ok;
}

static void ahead_free(struct ahead *a)
{
	for (unsigned i = 0; i < AHEAD_FRAMES; i++) {
		for (unsigned k = 0; k < AHEAD_SECTIONS; k++)
			section_scratch_free(a->ring[i].scratch[k]);
		frame_body_release(&a->ring[i].frame.body);
	}
	pthread_cond_destroy(&a->room);
	pthread_cond_destroy(&a->more);
	pthread_mutex_destroy(&a->lock);
	free(a);
}

struct ahead *ahead_start(struct frame_reader *f, const struct frame_want *w)
{
	struct ahead *a = one_cpu() ? NULL : calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->from = f;
	a->want = *w;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->more, NULL);
	pthread_cond_init(&a->room, NULL);
	if (thread_start(a))
		return a;
	ahead_free(a);
	return NULL;
}

int ahead_next(struct ahead *a, struct ahead_frame **ret)
{
	struct slot *s;

	pthread_mutex_lock(&a->lock);
	a->taken += a->held;
	/* Not for each frame: half of the ring at a time is as good, for half of the wakings. */
	if (a->put - a->taken <= AHEAD_FRAMES / 2)
		pthread_cond_signal(&a->room);
	while (a->put == a->taken)
		pthread_cond_wait(&a->more, &a->lock);
	pthread_mutex_unlock(&a->lock);
	a->held = true;
	s = &a->ring[a->taken % AHEAD_FRAMES];
	*ret = &s->frame;
	if (s->result <= 0)
		errno = s->errnum;
	return s->result;
}

void ahead_end(struct ahead *a)
{
	int saved_errno = errno;

	if (!a)
		return;
	pthread_mutex_lock(&a->lock);
	a->stop = true;
	pthread_cond_signal(&a->room);
	pthread_mutex_unlock(&a->lock);
	pthread_join(a->thread, NULL);
	ahead_free(a);
	errno = saved_errno;
}
