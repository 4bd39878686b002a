#include "trace/redact.h"

#include <stdio.h>
#include <string.h>

/* A piece of text that need not end in NUL. */
struct text {
	const char *p;
	size_t n;
};

#define TEXT(literal) ((struct text){ (literal), sizeof(literal) - 1 })

static bool text_is(struct text a, struct text b)
{
	return a.n == b.n && !memcmp(a.p, b.p, a.n);
}

static bool text_begins(struct text a, struct text with)
{
	return a.n >= with.n && !memcmp(a.p, with.p, with.n);
}

static bool text_ends(struct text a, struct text with)
{
	return a.n >= with.n && !memcmp(a.p + a.n - with.n, with.p, with.n);
}

/* Collects into a buffer that may be too small; always NUL-terminated when n > 0. */
struct out {
	char *p;
	size_t n, used;
};

static void out_add(struct out *o, struct text t)
{
	if (!o->n)
		return;
	if (t.n > o->n - 1 - o->used)
		t.n = o->n - 1 - o->used;
	memcpy(o->p + o->used, t.p, t.n);
	o->used += t.n;
	o->p[o->used] = '\0';
}

/* Same for every user of the distribution or the toolkit; "..": may lead out of there. */
static bool is_system_path(struct text path)
{
	const struct text dirs[] = {
		TEXT("/usr/"), TEXT("/lib/"), TEXT("/lib64/"), TEXT("/opt/"), TEXT("/etc/"),
	};

	if (memmem(path.p, path.n, "/../", 4) || text_ends(path, TEXT("/..")))
		return false;
	for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++)
		if (text_begins(path, dirs[i]))
			return true;
	return text_is(path, TEXT("[heap]")) || text_is(path, TEXT("[stack]")) ||
	       text_is(path, TEXT("[vdso]"));
}

/* What follows the last "/site-packages" or "/dist-packages", from that slash on; or nothing. */
static struct text packages_tail(struct text path)
{
	const struct text marks[] = { TEXT("/site-packages/"), TEXT("/dist-packages/") };
	struct text best = { NULL, 0 };

	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		struct text left = path;
		const char *hit;

		while ((hit = memmem(left.p, left.n, marks[i].p, marks[i].n)) != NULL) {
			left.n -= (size_t)(hit - left.p) + 1;
			left.p = hit + 1;
			if (!best.p || hit > best.p)
				best = (struct text){ hit, left.n + 1 };
		}
	}
	return best;
}

/* The known extension of a path, versions of shared objects left off. */
static struct text known_extension(struct text path)
{
	const struct text known[] = {
		TEXT(".so"), TEXT(".cubin"), TEXT(".ptx"), TEXT(".fatbin"), TEXT(".py"),
	};
	const char *slash = memrchr(path.p, '/', path.n);
	struct text base = path;
	const char *so, *end = path.p + path.n;

	if (slash)
		base = (struct text){ slash + 1, path.n - (size_t)(slash + 1 - path.p) };
	so = memmem(base.p, base.n, ".so.", 4);
	for (so = so ? so + 3 : end; so < end && (*so == '.' || (*so >= '0' && *so <= '9')); so++)
		;
	if (so == end && memmem(base.p, base.n, ".so.", 4))
		return known[0];
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (text_ends(base, known[i]))
			return known[i];
	return TEXT("");
}

/*
 * Names that a compiler chose, the same for every user: Inductor's generated code (c, then 51 digits
 * of a hash in base 32) and Triton's helper libraries. Origins and episodes are told by them.
 */
static bool is_generated(struct text base)
{
	const struct text triton[] = { TEXT("cuda_utils.cpython-"), TEXT("__triton_launcher.cpython-") };

	for (size_t i = 0; i < sizeof(triton) / sizeof(triton[0]); i++)
		if (text_begins(base, triton[i]))
			return text_ends(base, TEXT(".so"));
	if (base.n != 52 + 3 || base.p[0] != 'c' || !text_ends(base, TEXT(".py")))
		return false;
	for (size_t i = 1; i < 52; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyz234567", base.p[i]))
			return false;
	return true;
}

/* The base name with its slash when it is generated, else nothing. */
static struct text generated_tail(struct text path)
{
	const char *slash = memrchr(path.p, '/', path.n);
	struct text base = { NULL, 0 };

	if (!slash)
		return base;
	base = (struct text){ slash + 1, path.n - (size_t)(slash + 1 - path.p) };
	if (!is_generated(base))
		return (struct text){ NULL, 0 };
	return (struct text){ slash, base.n + 1 };
}

size_t redact_path(char *out, size_t n, const char *path, size_t path_len)
{
	struct out o = { .p = out, .n = n };
	struct text all = { path, path_len }, deleted = TEXT(" (deleted)");
	struct text tail;

	if (n)
		out[0] = '\0';
	if (!path_len)
		return 0;
	if (is_system_path(all)) {
		out_add(&o, all);
		return o.used;
	}
	if (text_begins(all, TEXT("/memfd:"))) {
		out_add(&o, TEXT("/memfd:"));
		return o.used;
	}
	if (text_ends(all, deleted)) /* as /proc/self/maps has it */
		all.n -= deleted.n;
	tail = packages_tail(all);
	if (tail.p) {
		out_add(&o, TEXT("..."));
		out_add(&o, tail);
		return o.used;
	}
	out_add(&o, TEXT("<path>"));
	/* Where torch.utils.cpp_extension builds: that it did is told by nothing else. */
	if (memmem(all.p, all.n, "/torch_extensions/", 18))
		out_add(&o, TEXT("/torch_extensions/<path>"));
	tail = generated_tail(all);
	out_add(&o, tail.p ? tail : known_extension(all));
	return o.used;
}

/* Keys that say nothing about the user are listed; a key this table does not know stays home. */
enum redact_rule redact_info_rule(const char *key, size_t key_len)
{
	static const struct {
		const char *key;
		enum redact_rule rule;
	} rules[] = {
		{ "exe", REDACT_PATH },
		{ "cwd", REDACT_DROP },
		{ "cmdline", REDACT_CMDLINE },
		{ "host", REDACT_DROP },
		{ "uid", REDACT_DROP },
		{ "rank", REDACT_KEEP },
		{ "cuda_visible_devices", REDACT_KEEP },
		{ "tracer_version", REDACT_KEEP },
		{ "cupti_version", REDACT_KEEP },
		{ "cupti_path", REDACT_PATH },
		{ "driver_version", REDACT_KEEP },
		{ "runtime_version", REDACT_KEEP },
		{ "simulated", REDACT_KEEP },
		{ "gpu_records", REDACT_KEEP },
		{ "gpu_records_reason", REDACT_KEEP },
		{ "stacks", REDACT_KEEP },
		{ "compilers", REDACT_KEEP },
		{ "python", REDACT_KEEP },
	};

	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		if (text_is((struct text){ key, key_len },
			    (struct text){ rules[i].key, strlen(rules[i].key) }))
			return rules[i].rule;
	return REDACT_DROP;
}

size_t redact_cmdline(char *out, size_t n, const char *args, size_t args_len)
{
	struct out o = { .p = out, .n = n };
	const char *first_end = args_len ? memchr(args, '\0', args_len) : NULL;
	struct text first = { args, first_end ? (size_t)(first_end - args) : args_len };
	const char *slash = first.n ? memrchr(first.p, '/', first.n) : NULL;
	size_t arguments = 0;
	char count[40];

	if (!n)
		return 0;
	out[0] = '\0';
	if (slash)
		first = (struct text){ slash + 1, first.n - (size_t)(slash + 1 - first.p) };
	for (size_t i = first_end ? (size_t)(first_end - args) + 1 : args_len; i < args_len; i++)
		arguments += args[i] == '\0' || i + 1 == args_len;
	out_add(&o, first);
	if (o.used + 1 >= n) /* no room for more than the name and its NUL */
		return o.used + 1;
	o.used++;
	snprintf(count, sizeof(count), "<%zu argument%s>", arguments, arguments == 1 ? "" : "s");
	out_add(&o, (struct text){ count, strlen(count) });
	return o.used + 1;
}
