/* The tables of the text report: kernels, graphs, modules; the longest first. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "decoder/demangle.h"
#include "decoder/mem.h"
#include "decoder/module_how.h"
#include "decoder/print.h"
#include "decoder/process_model.h"
#include "decoder/report.h"
#include "decoder/report_origin.h"
#include "decoder/session_model.h"
#include "trace/event.h"

static void rest(size_t n, size_t top, const char *what)
{
	if (n > top)
		printf("%12s ... and %zu more %s (--top)\n", "", n - top, what);
}

static void kernel_table(const struct session *s, size_t top, struct print_style st)
{
	if (!s->kernels.n)
		return;
	printf("\n%sKernels%s, by total time (quantiles to 0.8 %%)\n"
	       "%s%11s %9s %9s %9s %9s %9s  %s%s\n",
	       st.bold, st.off, st.dim, "count", "total", "mean", "p50", "p99", "max", "name",
	       st.off);
	for (size_t i = 0; i < s->kernels.n && i < top; i++) {
		const struct kernel_stat *k = &s->kernels.list[i];
		SCOPED_FREE char *name = demangle_short(names_text(&s->names, (uint32_t)k->key));
		uint64_t timed = k->count - k->invalid;
		char a[PRINT_BUF], b[PRINT_BUF], c[PRINT_BUF], d[PRINT_BUF], e[PRINT_BUF],
			f[PRINT_BUF];

		printf("%11s %9s %9s %9s %9s %9s  ", print_count(a, k->count),
		       print_ns(b, k->total_ns), print_ns(c, timed ? k->total_ns / timed : 0),
		       print_ns(d, kernel_quantile(k, 0.5)),
		       print_ns(e, kernel_quantile(k, 0.99)), print_ns(f, k->max_ns));
		print_text(name, strlen(name), print_width() - 63);
		putchar('\n');
	}
	rest(s->kernels.n, top, "kernels");
}

struct graph_ref {
	const struct process *p;
	const struct graph_exec *g;
};

static int graph_order(const void *a, const void *b)
{
	const struct graph_exec *x = ((const struct graph_ref *)a)->g;
	const struct graph_exec *y = ((const struct graph_ref *)b)->g;

	if (x->runs != y->runs)
		return x->runs < y->runs ? 1 : -1;
	return x->graph < y->graph ? -1 : x->graph > y->graph;
}

static void graph_row(const struct session *s, const struct graph_ref *r)
{
	const struct graph_exec *g = r->g;
	const struct graph_kernel *most = NULL;
	char a[PRINT_BUF], b[PRINT_BUF], c[PRINT_BUF];

	for (size_t i = 0; i < g->n_kernels; i++)
		if (!most || g->kernels[i].count > most->count)
			most = &g->kernels[i];
	printf("%10" PRIu64 " %8" PRIu64 " %10s %8" PRIu64 " %12s %8" PRIu64 " %12s  ", r->p->pid,
	       g->graph, print_count(a, g->runs), g->kernel_nodes, print_ns(b, g->instantiate_ns),
	       g->updates, print_ns(c, g->run_total_ns));
	if (most) {
		SCOPED_FREE char *name = demangle_short(names_text(&s->names, most->name));

		print_text(name, strlen(name), print_width() - 76);
	}
	putchar('\n');
}

static void graph_rows(const struct session *s, size_t top, struct print_style st)
{
	SCOPED_FREE struct graph_ref *list = NULL;
	size_t n = 0, unlisted = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->list[i]->graphs.n;
	if (!n)
		return;
	list = mem_zalloc(n, sizeof(*list));
	n = 0;
	for (size_t i = 0; i < s->n; i++) {
		unlisted += s->list[i]->graphs.unlisted;
		for (size_t k = 0; k < s->list[i]->graphs.n; k++)
			list[n++] = (struct graph_ref){ s->list[i], &s->list[i]->graphs.list[k] };
	}
	qsort(list, n, sizeof(*list), graph_order);
	printf("\n%sGraphs%s, by launches\n%s%10s %8s %10s %8s %12s %8s %12s  %s%s\n", st.bold,
	       st.off, st.dim, "process", "exec", "launches", "kernels", "instantiate", "updates",
	       "on the GPU", "most frequent kernel", st.off);
	for (size_t i = 0; i < n && i < top; i++)
		graph_row(s, &list[i]);
	rest(n, top, "graphs");
	if (unlisted)
		printf("%12s %zu records of graphs beyond the first %u are not listed\n", "",
		       unlisted, GRAPHS_MAX);
}

struct module_ref {
	const struct process *p;
	const struct module *m;
	uint64_t ns;
};

static int module_order(const void *a, const void *b)
{
	const struct module_ref *x = a, *y = b;

	if (x->ns != y->ns)
		return x->ns < y->ns ? 1 : -1;
	return x->m->time < y->m->time ? -1 : x->m->time > y->m->time;
}

/* What it is called: its first kernel, else the file it came from. */
static void module_name(const struct session *s, const struct module_ref *r)
{
	const struct module_names *kernels = module_kernels(&r->p->modules, r->m);
	const struct module_load *l =
		r->m->load == MODULES_NONE ? NULL : &r->p->modules.loads[r->m->load];

	if (kernels && kernels->n) {
		SCOPED_FREE char *name =
			demangle_short(names_text(&s->names, kernels->kernels[0]));

		print_text(name, strlen(name), print_width() - 82);
	} else if (l && l->path != MODULES_NONE) {
		const struct name *path = &s->names.list[l->path];

		print_text(path->text, path->len, print_width() - 82);
	}
}

static void module_row(const struct session *s, const struct module_ref *r)
{
	const struct module_load *l =
		r->m->load == MODULES_NONE ? NULL : &r->p->modules.loads[r->m->load];
	const char *image = event_enum_name(EVENT_LOAD, LOAD_IMAGE, l ? l->image : r->m->image);
	enum module_how how = (enum module_how)r->m->how;
	uint64_t at = r->m->time ? session_time(s, r->p, r->m->time) : s->first;
	char a[PRINT_BUF], b[PRINT_BUF], c[PRINT_BUF], id[48];

	snprintf(id, sizeof(id), "%" PRIu64 ":%" PRIu64, r->p->pid, r->m->module);
	printf("%13s %10s %9s %-8s %-6s %8s %7" PRIu64 " %-10.10s  ", id,
	       print_ns(a, at > s->first ? at - s->first : 0),
	       r->m->first ? print_ns(b, r->ns) : "-", module_how_name(how), image ? image : "?",
	       print_bytes(c, r->m->bytes), r->m->kernels,
	       origin_name(s, &r->p->origins[r->m - r->p->modules.modules]));
	module_name(s, r);
	putchar('\n');
}

static void module_rows(const struct session *s, size_t top, struct print_style st)
{
	SCOPED_FREE struct module_ref *list = NULL;
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++)
		n += s->list[i]->modules.n_modules;
	if (!n)
		return;
	list = mem_zalloc(n, sizeof(*list));
	n = 0;
	for (size_t i = 0; i < s->n; i++) {
		const struct module_table *t = &s->list[i]->modules;

		for (size_t k = 0; k < t->n_modules; k++) {
			const struct module *m = &t->modules[k];
			const struct module_load *l =
				m->load == MODULES_NONE ? NULL : &t->loads[m->load];

			list[n++] = (struct module_ref){
				.p = s->list[i],
				.m = m,
				.ns = l && m->first && time_pair_valid(l->start, l->end) ?
					      l->end - l->start : 0,
			};
		}
	}
	qsort(list, n, sizeof(*list), module_order);
	printf("\n%sModules%s, by time in the load call (--explain tells about one)\n", st.bold,
	       st.off);
	report_origin_line(s);
	printf("%s%13s %10s %9s %-8s %-6s %8s %7s %-10s  %s%s\n", st.dim, "process:id", "at",
	       "took", "how", "image", "bytes", "kernels", "origin", "kernel, or file", st.off);
	for (size_t i = 0; i < n && i < top; i++)
		module_row(s, &list[i]);
	rest(n, top, "modules");
}

void report_tables(const struct session *s, size_t top)
{
	struct print_style st = print_style();

	kernel_table(s, top, st);
	graph_rows(s, top, st);
	module_rows(s, top, st);
}
