#include "decoder/timeline.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "decoder/mem.h"
#include "decoder/print.h"
#include "decoder/process_model.h"
#include "decoder/report_stack.h"
#include "decoder/session_model.h"

#define LINE_FORMAT  "%9s %6s %-10.10s %-8s %4s  %-21s %6s  "
#define LINE_COLUMNS 73

/* "1.24s", "123ms", "1.2ms", "450us": at most six columns. */
static const char *brief_ns(char buf[PRINT_BUF], uint64_t ns)
{
	static const struct {
		uint64_t ns;
		const char *name;
	} units[] = { { 1000000000u, "s" }, { 1000000u, "ms" }, { 1000u, "us" }, { 1u, "ns" } };
	size_t i = 0;
	double v;

	if (!ns)
		return "0";
	while (ns < units[i].ns)
		i++;
	v = (double)ns / (double)units[i].ns;
	snprintf(buf, PRINT_BUF, "%.*f%s", v >= 99.5 ? 0 : i && v >= 9.95 ? 0 : v >= 9.95 ? 1 : 1 + !i,
		 v, units[i].name);
	return buf;
}

/* The two largest parts. */
static void cost_text(char *ret, size_t size, const struct episode_cost *c)
{
	struct {
		const char *name;
		uint64_t ns;
	} part[] = { { "child", c->child },
		     { c->nvrtc == c->compiler ? "nvrtc" : "compiler", c->compiler },
		     { "jit", c->jit },
		     { "cache", c->cache },
		     { "load", c->load },
		     { "inst", c->instantiate },
		     { "capture", c->capture } };
	size_t at = 0;

	*ret = 0;
	for (int shown = 0; shown < 2; shown++) {
		size_t best = 0;
		char a[PRINT_BUF];

		for (size_t i = 1; i < sizeof(part) / sizeof(*part); i++)
			if (part[i].ns > part[best].ns)
				best = i;
		if (!part[best].ns)
			break;
		at += (size_t)snprintf(ret + at, size - at, "%s%s %s", shown ? ", " : "",
				       part[best].name, brief_ns(a, part[best].ns));
		if (at >= size)
			break;
		part[best].ns = 0;
	}
}

void timeline_header(void)
{
	struct print_style st = print_style();

	printf("%s" LINE_FORMAT "%s%s\n", st.dim, "at", "took", "origin", "how", "mods",
	       "time spent in", "stall", "trigger", st.off);
}

/* Graphs that can be launched; a recording alone is none. */
static size_t executables(const struct episode *e)
{
	size_t n = 0;

	for (size_t i = 0; i < e->n_graphs; i++)
		n += e->p->graphs.recordings[e->graphs[i]].graph != 0;
	return n;
}

void timeline_line(const struct session *s, struct report_stacks *stacks, const struct episode *e)
{
	SCOPED_FREE char *trigger = timeline_trigger(e, s, stacks, true);
	uint64_t start = episode_start(s, e);
	char at[PRINT_BUF], took[PRINT_BUF], stall[PRINT_BUF], mods[PRINT_BUF], cost[32];

	/* A compiler may have begun before the traced process did. */
	snprintf(at, sizeof(at), "%s%.3fs", start < s->first ? "-" : "",
		 (double)(start < s->first ? s->first - start : start - s->first) / 1e9);
	snprintf(mods, sizeof(mods), "%zu", e->kind == EPISODE_GRAPH ? executables(e) : e->n_modules);
	cost_text(cost, sizeof(cost), &e->cost);
	printf(LINE_FORMAT, at, brief_ns(took, e->end - e->start), episode_origin_name(s, e),
	       episode_how_name(e), mods, cost, e->stall_known ? brief_ns(stall, e->stall_ns) : "?");
	if (trigger)
		print_text(trigger, strlen(trigger), print_width() - LINE_COLUMNS);
	else
		fputs(e->kind == EPISODE_CHILDREN ? "compiler processes" : "?", stdout);
	putchar('\n');
}

static uint64_t length(const struct session *s, size_t i)
{
	return s->episodes.list[i].end - s->episodes.list[i].start;
}

static const struct session *order_of; /* qsort has no argument for its order */

static int longest_first(const void *a, const void *b)
{
	size_t i = *(const size_t *)a, k = *(const size_t *)b;

	if (length(order_of, i) != length(order_of, k))
		return length(order_of, i) < length(order_of, k) ? 1 : -1;
	return i < k ? -1 : i > k;
}

static int number_order(const void *a, const void *b)
{
	size_t i = *(const size_t *)a, k = *(const size_t *)b;

	return i < k ? -1 : i > k;
}

void timeline_lines(const struct session *s, struct report_stacks *stacks, size_t top)
{
	size_t n = s->episodes.n, shown = n < top ? n : top;
	size_t *order = mem_zalloc(n, sizeof(*order));

	for (size_t i = 0; i < n; i++)
		order[i] = i;
	order_of = s;
	if (shown < n) {
		qsort(order, n, sizeof(*order), longest_first);
		qsort(order, shown, sizeof(*order), number_order);
	}
	for (size_t i = 0; i < shown; i++)
		timeline_line(s, stacks, &s->episodes.list[order[i]]);
	if (shown < n)
		printf("%*s%zu shorter ones are not shown (--top)\n", 11, "", n - shown);
	free(order);
}

static void sum_line(const struct timeline_sum *t, const char *name)
{
	char wall[PRINT_BUF], stall[PRINT_BUF];

	printf("%-12.12s %8zu %8zu %9zu %7zu %7zu %8zu %9zu %9s %9s\n", name, t->episodes, t->modules,
	       t->by_how[MODULE_COMPILED], t->by_how[MODULE_CACHED], t->by_how[MODULE_LOADED],
	       t->by_how[MODULE_UNKNOWN], t->recorded, brief_ns(wall, t->wall_ns),
	       t->stalls_unknown == t->episodes && t->episodes ? "?" : brief_ns(stall, t->stall_ns));
}

static void totals_text(const struct session *s)
{
	struct print_style st = print_style();
	struct timeline_totals t;

	timeline_totals(&t, s);
	printf("\n%s%-12s %8s %8s %9s %7s %7s %8s %9s %9s %9s%s\n", st.dim, "origin", "episodes",
	       "modules", "compiled", "cached", "loaded", "unknown", "recorded", "wall", "stall",
	       st.off);
	for (size_t i = 0; i < t.n; i++)
		sum_line(&t.origins[i], t.origins[i].origin);
	sum_line(&t.all, "all");
	sum_line(&t.half[0], "first half");
	if (t.half[1].by_how[MODULE_COMPILED])
		fputs(st.warn, stdout);
	sum_line(&t.half[1], "second half");
	if (t.half[1].by_how[MODULE_COMPILED])
		fputs(st.off, stdout);
	timeline_totals_release(&t);
}

static void lost_banner(const struct session *s)
{
	struct print_style st = print_style();
	char a[PRINT_BUF];
	uint64_t damaged = 0;

	for (size_t i = 0; i < s->n; i++)
		damaged += s->list[i]->status.bad_frames + s->list[i]->status.missing_frames +
			   s->list[i]->status.bad_chunks;
	if (s->lost || damaged)
		printf("%sRecords are missing: %s lost, %" PRIu64 " damaged or missing parts. Episodes "
		       "may be incomplete.%s\n",
		       st.warn, print_count(a, s->lost), damaged, st.off);
	if (s->truncated || s->failed_files)
		printf("%s%zu process%s without a clean end, %zu unreadable trace%s%s\n", st.warn,
		       s->truncated, s->truncated == 1 ? "" : "es", s->failed_files,
		       plural(s->failed_files), st.off);
}

void timeline_limits(const struct session *s)
{
	size_t unknown = 0, blind = 0, churn = 0, unwatched = 0, without_jit = 0;

	for (size_t i = 0; i < s->episodes.n; i++)
		unknown += s->episodes.list[i].kind == EPISODE_CODE &&
			   s->episodes.list[i].how == MODULE_UNKNOWN;
	for (size_t i = 0; i < s->n; i++) {
		const struct process *p = s->list[i];
		bool code = p->modules.n_modules > 0;

		blind += code && !p->stacks.n_frames;
		churn += code && p->level == LEVEL_CHURN;
		without_jit += code && process_by_entry_points(p);
		unwatched += code && !module_compilers_seen(s, p);
	}
	if (unknown)
		printf("note: %zu episode%s of unknown making: compilers linked into the process "
		       "cannot be seen\n",
		       unknown, plural(unknown));
	if (s->children.unfinished)
		printf("note: %zu compiler process%s did not report an end\n",
		       s->children.unfinished, s->children.unfinished == 1 ? "" : "es");
	if (s->children.unlisted || s->children.damaged)
		printf("note: %" PRIu64 " line%s about compiler processes could not be used\n",
		       s->children.unlisted + s->children.damaged,
		       plural(s->children.unlisted + s->children.damaged));
	if (blind)
		printf("note: %zu process%s recorded without stacks: triggers are unknown\n", blind,
		       blind == 1 ? "" : "es");
	if (unwatched)
		printf("note: %zu process%s whose trace does not say whether compilers were "
		       "watched\n",
		       unwatched, unwatched == 1 ? "" : "es");
	if (churn)
		printf("note: level churn records no GPU work: stalls are unknown\n");
	if (without_jit)
		printf("note: nor, without CUPTI, the driver's JIT: whether PTX was compiled or cached is unknown\n");
	if (s->episodes.unlisted || s->episodes.near_dropped)
		printf("note: %" PRIu64 " episodes and %" PRIu64
		       " launches near them are not listed\n",
		       s->episodes.unlisted, s->episodes.near_dropped);
}

void timeline_text(const struct session *s, size_t top)
{
	struct report_stacks stacks = { .session = s };
	char a[PRINT_BUF];

	printf("%zu episode%s in %s, %zu process%s\n", s->episodes.n, plural(s->episodes.n),
	       brief_ns(a, s->last - s->first), s->n, s->n == 1 ? "" : "es");
	lost_banner(s);
	if (s->episodes.n) {
		putchar('\n');
		timeline_header();
		timeline_lines(s, &stacks, top);
		totals_text(s);
	}
	timeline_limits(s);
	report_stacks_release(&stacks);
}

void timeline_table(const struct session *s, size_t top)
{
	struct report_stacks stacks = { .session = s };
	struct print_style st = print_style();

	if (!s->episodes.n)
		return;
	printf("\n%sCompiles, loads and recordings%s, in order (jitness timeline has totals)\n",
	       st.bold, st.off);
	timeline_header();
	timeline_lines(s, &stacks, top);
	report_stacks_release(&stacks);
}
