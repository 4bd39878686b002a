/* jitness phases --passes: RFC 4180, so lines end in CR LF. */
#include <inttypes.h>
#include <stdio.h>

#include "decoder/out.h"
#include "decoder/mem.h"
#include "decoder/phases.h"
#include "decoder/process_model.h"
#include "decoder/session_model.h"

static void ms(struct out *o, uint64_t ns)
{
	char text[32];

	snprintf(text, sizeof(text), ",%" PRIu64 ".%06" PRIu64, ns / 1000000, ns % 1000000);
	out_string(o, text);
}

static void number(struct out *o, uint64_t v)
{
	out_char(o, ',');
	out_uint(o, v);
}

static void word(struct out *o, const char *text)
{
	out_char(o, ',');
	out_string(o, text); /* our own names: nothing in them needs quotes */
}

static void line(struct out *o, const struct phases *v, size_t process, uint32_t pass)
{
	const struct process *p = v->session->list[process];
	const struct pass *x = pass_nth(&p->passes, pass);
	const struct phase_row *r = phase_row_of(&v->rows, process, x);
	const struct tail_pass *t = tail_of(&v->tail, &v->rows, r, pass);
	uint64_t start = session_time(v->session, p, x->wall_start);
	char text[32];

	snprintf(text, sizeof(text), "%" PRIu64 ".%09" PRIu64, start / 1000000000,
		 start % 1000000000);
	out_string(o, text);
	ms(o, pass_wall(x));
	word(o, pass_label_name(x->label));
	number(o, x->confidence);
	word(o, phase_shape_name(r));
	number(o, x->tid);
	ms(o, x->busy_ns);
	ms(o, x->host_gap_ns);
	ms(o, x->queue_ns);
	number(o, x->kernels);
	number(o, x->graph_launches);
	number(o, x->warmup);
	word(o, t ? tail_reason_name(t->reason) : "");
	number(o, p->pid);
	start = session_time(v->session, p, x->host_start);
	snprintf(text, sizeof(text), ",%" PRIu64 ".%09" PRIu64, start / 1000000000,
		 start % 1000000000);
	out_string(o, text);
	out_string(o, "\r\n");
}

void phases_csv(const struct phases *v)
{
	struct out *o = mem_zalloc(1, sizeof(*o));

	out_string(o, "start_s,wall_ms,label,confidence,shape,thread,gpu_busy_ms,host_gap_ms,queue_ms,"
		      "kernels,graph_launches,warmup,tail_reason,pid,launch_s\r\n");
	for (size_t i = 0; i < v->session->n; i++)
		for (size_t k = 0; k < v->session->list[i]->passes.n; k++)
			line(o, v, i, (uint32_t)k);
	out_flush(o);
	free(o);
}
