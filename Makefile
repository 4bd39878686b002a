# One Makefile, no recursion: every object knows every header it read.
# `make help` lists the targets; the `## ` lines below are its text.
MAKEFLAGS += -rR --no-print-directory
.SUFFIXES:
.DELETE_ON_ERROR:
.SECONDARY:
SHELL := /bin/bash -o pipefail
.DEFAULT_GOAL := all

# make -R leaves CC undefined, not "default": cover both (sub-makes inherit -R).
ifneq ($(filter default undefined,$(origin CC)),)
CC := gcc
endif
VARIANT ?= release
B       := build/$(VARIANT)
unwind  := build/libunwind
PREFIX  ?= /usr/local
DESTDIR ?=
version := 0.1.0

# --- flags: user's CFLAGS/LDFLAGS are appended last and never assigned here
std  := -std=gnu11 -D_GNU_SOURCE -DJITNESS_VERSION='"$(version)"' -iquote .
warn := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wold-style-definition -Wwrite-strings -Wpointer-arith -Wundef \
	-Wformat=2 -Wvla -Wimplicit-fallthrough -Wcast-qual \
	$(if $(WERROR),-Werror)
opt.release := -O2 -g
opt.asan    := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all
opt.tsan    := -O1 -g -fsanitize=thread
opt.cov     := -O0 -g --coverage
$(if $(opt.$(VARIANT)),,$(error unknown VARIANT=$(VARIANT); one of: $(sort $(patsubst opt.%,%,$(filter opt.%,$(.VARIABLES))))))
# The .so lives in a stranger's process: hidden by default, early-bound TLS.
pic := -fPIC -fvisibility=hidden -ftls-model=initial-exec

# Only cupti/ and the simulated device see NVIDIA's headers; a stray include
# elsewhere does not compile. tools/bootstrap finds them and writes build/config.mk.
inc.cupti = -isystem $(CUPTI_INCLUDE)
inc.tests = -isystem $(CUPTI_INCLUDE)
inc.preload = -isystem $(unwind)/include
inc.tools = $(inc.cupti)
inc        = $(inc.$(firstword $(subst /, ,$<)))

cflags  = $(std) $(inc) $(warn) $(opt.$(VARIANT)) $(pic) -MMD -MP -MF $(@:.o=.d) $(CFLAGS)
ldflags = $(opt.$(VARIANT)) $(LDFLAGS)

# --- what is built from what: this block is the architecture
trace_src   := trace/err.c trace/event.c trace/frame.c trace/column.c trace/encode.c trace/journal.c \
	trace/ticks.c trace/keys.c trace/keyed.c \
	trace/gather.c trace/collect.c trace/pack.c trace/writer.c trace/hash.c trace/create.c \
	trace/redact.c trace/options.c trace/fd.c trace/child.c
# offline only: these allocate
trace_read  := trace/packed.c trace/decode.c trace/frame_reader.c trace/ahead.c trace/reader.c trace/recover.c
cupti_src   := cupti/session.c cupti/find.c cupti/maps.c cupti/api.c cupti/layout.c cupti/buffers.c \
	cupti/records.c cupti/names.c cupti/shapes.c cupti/callbacks.c cupti/calls.c cupti/captures.c \
	cupti/modules.c cupti/graphs.c cupti/graph_nodes.c cupti/execs.c cupti/image.c cupti/emit.c cupti/ids.c \
	cupti/kernel_names.c cupti/handles.c cupti/resources.c cupti/entry_points.c cupti/entry_hooks.c
preload_src := preload/entry.c preload/options.c preload/log.c preload/output.c \
	preload/stack.c preload/frames.c preload/seen.c preload/objects.c preload/unwind.c \
	preload/unwind_libc.c preload/unwind_memo.c preload/python.c preload/python_layout.c \
	preload/python_lines.c preload/python_peek.c \
	preload/compilers.c preload/compiler_calls.c preload/compiler_hooks.c preload/dlsym.c \
	preload/loaded.c preload/programs.c preload/early.c preload/driver.c preload/sites.c \
	preload/children.c preload/nvtx.c preload/nvtx_names.c preload/nvtx_ranges.c \
	preload/threads.c preload/process.c preload/hooks.c
decoder_src := decoder/main.c decoder/commands.c decoder/args.c decoder/say.c decoder/suggest.c \
	decoder/mem.c decoder/out.c decoder/print.c decoder/json.c decoder/utf8.c decoder/demangle.c \
	decoder/stats.c decoder/changepoint.c decoder/coldstart.c \
	decoder/idmap.c decoder/name_table.c decoder/histogram.c decoder/clock_map.c decoder/join.c \
	decoder/kernel_table.c decoder/graph_table.c decoder/module_table.c \
	decoder/process_model.c decoder/process_identity.c \
	decoder/stack_table.c decoder/compile_table.c decoder/range_table.c decoder/near_log.c decoder/busy.c \
	decoder/module_how.c decoder/trigger.c decoder/episodes.c decoder/episode_events.c \
	decoder/episode_group.c decoder/episode_tune.c decoder/episode_children.c decoder/stall.c \
	decoder/timeline.c decoder/timeline_text.c decoder/timeline_json.c decoder/cmd_timeline.c \
	decoder/json_file.c decoder/rules_file.c decoder/phase_rules.c decoder/pass_marker.c decoder/pass_ran.c \
	decoder/pass_python.c decoder/phase_stats.c decoder/phase_tail.c decoder/phase_findings.c \
	decoder/phases.c decoder/phase_text.c decoder/phase_json.c decoder/phase_csv.c decoder/cmd_phases.c \
	decoder/process_end.c decoder/session_files.c decoder/session_model.c decoder/session_json.c decoder/totals.c \
	decoder/launch.c decoder/output_dir.c decoder/tracer_lib.c \
	decoder/child_line.c decoder/children.c decoder/child_export.c \
	decoder/op_window.c decoder/op_captures.c decoder/op_stream.c decoder/session_ops.c \
	decoder/pass_items.c decoder/pass_string.c decoder/pass_gaps.c decoder/pass_score.c \
	decoder/pass_burst.c decoder/pass_boundary.c decoder/pass_spill.c decoder/pass_work.c \
	decoder/pass_cut.c decoder/pass_begin.c decoder/pass_after.c decoder/pass_class.c decoder/pass_label.c \
	decoder/pass_mixed.c decoder/pass_warmup.c decoder/pass_shape.c decoder/pass_wall.c \
	decoder/pass_build.c decoder/pass_find.c \
	decoder/shape_mix.c decoder/kernel_class.c decoder/verdict.c decoder/verdict_phase.c \
	decoder/verdict_flip.c decoder/verdict_text.c decoder/verdict_findings.c decoder/analysis.c \
	decoder/expect_lex.c decoder/expect_parse.c decoder/expect_judge.c decoder/expect_scope.c \
	decoder/expect_values.c decoder/expect_counts.c decoder/expect_absent.c decoder/policy.c decoder/junit.c \
	decoder/reference.c decoder/claims.c decoder/report_claims.c \
	decoder/verify_text.c decoder/verify_json.c decoder/cmd_verify.c \
	decoder/dump_ops.c \
	decoder/student.c decoder/bootstrap.c decoder/ratio.c decoder/diff_match.c decoder/diff_series.c \
	decoder/diff_parts.c decoder/diff.c decoder/diff_check.c decoder/diff_flip.c \
	decoder/diff_text.c decoder/diff_json.c decoder/diff_expect.c decoder/cmd_diff.c \
	decoder/elf_file.c decoder/function_table.c decoder/symbols.c decoder/stack_text.c \
	decoder/origin.c decoder/origin_table.c decoder/origin_match.c decoder/origin_input.c \
	decoder/origin_evidence.c decoder/origin_rules.c decoder/report_explain.c \
	decoder/report_stack.c decoder/report_origin.c \
	decoder/report_json.c decoder/report_text.c decoder/report_tables.c \
	decoder/cmd_run.c decoder/cmd_report.c decoder/cmd_dump.c decoder/cmd_export.c \
	decoder/cmd_doctor.c decoder/cmd_help.c decoder/probe.c \
	decoder/doctor_gpu.c decoder/doctor_cupti.c decoder/doctor_host.c
unit_src    := tests/unit/unit.c \
	tests/unit/t_layout.c tests/unit/t_image.c tests/unit/t_buffers.c tests/unit/t_records.c \
	tests/unit/t_callbacks.c tests/unit/t_provenance.c tests/unit/t_emit.c tests/unit/t_entry_points.c \
	tests/unit/t_frames.c tests/unit/t_unwind.c tests/unit/t_objects.c \
	tests/unit/trace_kit.c tests/unit/t_frame.c tests/unit/t_encode.c tests/unit/t_keyed.c tests/unit/t_repeat.c \
	tests/unit/t_pack.c tests/unit/t_journal.c \
	tests/unit/t_writer.c tests/unit/t_reader.c tests/unit/t_ahead.c tests/unit/t_redact.c \
	tests/unit/t_clock.c tests/unit/t_histogram.c tests/unit/t_utf8.c tests/unit/t_options.c \
	tests/unit/t_symbols.c tests/unit/t_stack_text.c \
	tests/unit/t_stats.c tests/unit/t_changepoint.c \
	tests/unit/t_op_stream.c tests/unit/t_op_window.c tests/unit/t_op_recorded.c \
	tests/unit/t_passes.c tests/unit/t_pass_controls.c tests/unit/t_pass_batch.c tests/unit/t_pass_shapes.c \
	tests/unit/t_pass_walls.c tests/unit/t_pass_bursts.c tests/unit/t_pass_string.c tests/unit/t_pass_memory.c \
	tests/unit/t_expect.c tests/unit/t_verify.c tests/unit/t_policy.c tests/unit/t_claims.c \
	tests/unit/t_phases.c tests/unit/t_diff.c tests/unit/t_verdicts.c tests/unit/t_phase_rules.c \
	tests/unit/t_join.c tests/unit/t_suggest.c tests/unit/t_tables.c tests/unit/t_episodes.c \
	tests/unit/t_origin.c tests/unit/t_children.c tests/unit/t_nvtx_abi.c tests/unit/t_range_table.c

# of cupti/, what needs no driver to be tested
unit_cupti  := cupti/emit.c cupti/layout.c cupti/image.c cupti/maps.c cupti/buffers.c \
	cupti/names.c cupti/shapes.c cupti/records.c cupti/callbacks.c cupti/calls.c cupti/captures.c \
	cupti/modules.c cupti/graphs.c cupti/graph_nodes.c cupti/execs.c cupti/api.c cupti/ids.c cupti/kernel_names.c cupti/handles.c cupti/resources.c

# of preload/, what stacks need
unit_stacks := preload/seen.c preload/frames.c preload/objects.c preload/unwind.c preload/unwind_libc.c \
	preload/unwind_memo.c

obj     = $(addprefix $(B)/,$(1:.c=.o))
headers = $(wildcard trace/*.h cupti/*.h preload/*.h decoder/*.h)
q       = $(if $(V),,@)
say     = $(if $(V),,@printf '  %-5s %s\n' $(1) $(2))

## all: the injected library and the jitness command (default)
.PHONY: all
all: $(B)/libjitness.so $(B)/jitness
ifeq ($(VARIANT),release)
all: jitness
endif

# Found or installed by tools/bootstrap the first time anything is built.
build/config.mk: tools/bootstrap
	@tools/bootstrap
ifeq ($(filter clean help uninstall,$(MAKECMDGOALS)),)
-include build/config.mk
endif
-include tests/sim/sim.mk

$(B)/%.o: %.c $(B)/flags
	$(call say,CC,$<)
	$(q)mkdir -p $(@D)
	$(q)$(CC) $(cflags) -c -o $@ $<

# Rebuilt only when the flags change; objects depend on it.
$(B)/flags: FORCE
	@mkdir -p $(@D)
	@f='$(CC) $(std) $(warn) $(opt.$(VARIANT)) $(pic) $(CUPTI_INCLUDE) $(CFLAGS) $(ldflags)'; \
	 [ "$$f" = "$$(cat $@ 2>/dev/null)" ] || echo "$$f" >$@
.PHONY: FORCE
FORCE:

# libunwind as the host can bear it, compiled once for all variants; says why it is not the
# distribution's.
$(unwind)/lib/libunwind.a: tools/build-libunwind
	$(q)tools/build-libunwind $(unwind)
$(B)/preload/unwind.o: | $(unwind)/lib/libunwind.a

# What goes into the host is linked static and hidden; libc is all it needs.
host_libs := $(unwind)/lib/libunwind.a -Wl,-Bstatic -lzstd -Wl,-Bdynamic
$(B)/libjitness.so: $(call obj,$(trace_src) $(cupti_src) $(preload_src)) preload/exports.map
	$(call say,LD,$@)
	$(q)$(CC) -shared -o $@ $(filter %.o,$^) -Wl,--version-script=preload/exports.map \
		-Wl,--exclude-libs,ALL -Wl,-Bsymbolic -Wl,-z,nodelete -Wl,-z,now -Wl,-z,defs \
		-Wl,-soname,libjitness.so $(host_libs) $(ldflags)

$(B)/jitness: $(call obj,$(trace_src) $(trace_read) $(decoder_src))
	$(call say,LD,$@)
	$(q)$(CC) -o $@ $^ -Wl,-Bstatic -lzstd -Wl,-Bdynamic -lcjson -lm $(ldflags)

jitness: build/release/jitness
	$(q)ln -sf $< $@

# --- tests
unit_lib := $(filter-out decoder/main.c,$(trace_src) $(trace_read) $(decoder_src)) $(unit_cupti) \
	$(unit_stacks) cupti/entry_points.c cupti/entry_hooks.c
# Data races need threads: this variant builds the files that have TEST_THREADS() and runs only these.
# Without a decoder: it has no thread.
ifeq ($(VARIANT),tsan)
unit_src := tests/unit/unit.c tests/unit/trace_kit.c $(shell grep -l '^TEST_THREADS' tests/unit/t_*.c)
unit_lib := $(filter-out $(decoder_src),$(unit_lib))
unit_args := --threads
endif
$(B)/unit: $(call obj,$(unit_src) $(unit_lib))
	$(call say,LD,$@)
	$(q)$(CC) -o $@ $^ $(unwind)/lib/libunwind.a -lzstd -lcjson -lm -lpthread $(ldflags)

# Its file is what t_symbols.c reads: no sanitizer, and the same in every VARIANT.
$(B)/unit: | $(B)/symbols_sample.so
$(B)/symbols_sample.so: tests/unit/symbols_sample.c
	$(call say,LD,$@)
	$(q)mkdir -p $(@D)
	$(q)$(CC) -std=gnu11 -O1 -fPIC -shared -Wl,--build-id=sha1 -o $@ $<
	$(q)strip -o $(B)/symbols_stripped.so $@
	$(q)objcopy --only-keep-debug $@ $(B)/symbols_sample.debug

## check: every test (no GPU needed); prints 'N passed, N failed' last
.PHONY: check
check: all sim
	$(q)tests/run

## demo: traces an inference-like program and prints its report
.PHONY: demo
demo: all sim
	$(q)tests/demo.sh

## unit: unit tests of this VARIANT (tsan: those with threads)
.PHONY: unit
unit: $(B)/unit
	$(q)$(B)/unit $(unit_args)

## bench-stack: ns of one native stack, cold and warm
bench_stack_src := tools/bench/bench_stack.c preload/stack.c $(filter preload/python%,$(preload_src)) \
	$(unit_stacks) cupti/emit.c cupti/maps.c cupti/api.c $(trace_src)
.PHONY: bench-stack
bench-stack: $(B)/bench_stack
	$(q)$(B)/bench_stack && echo 'from the memory map:' && $(B)/bench_stack map
$(B)/bench_stack: $(call obj,$(bench_stack_src))
	$(call say,LD,$@)
	$(q)$(CC) -o $@ $^ $(unwind)/lib/libunwind.a -lzstd -lpthread $(ldflags)

## bench-ops: operations a second of a second pass, and its memory
.PHONY: bench-ops
bench-ops: $(B)/bench_ops
	$(q)$(B)/bench_ops 1000000 && $(B)/bench_ops 10000000
$(B)/bench_ops: $(call obj,tools/bench/bench_ops.c $(filter-out decoder/main.c,$(trace_src) $(trace_read) $(decoder_src)))
	$(call say,LD,$@)
	$(q)$(CC) -o $@ $^ -lzstd -lcjson -lm $(ldflags)

## bench: encoder, callbacks and decoder: ns, bytes, events a second, memory (OLD=JITNESS: ratios to it)
BENCH_SIZES ?= 100000 1000000 10000000
BENCH_OUT   ?= build/bench
bench_tools := $(B)/gen_trace $(B)/bench_encode $(B)/bench_launch $(B)/bench_load
.PHONY: bench bench-large
bench: $(bench_tools) $(B)/jitness
	$(q)python3 tools/bench/bench.py --build $(B) --out $(BENCH_OUT) $(OLD:%=--old %) $(BENCH_SIZES)
## bench-large: the same, up to 100 million launches: 600 MB of disk, some minutes
bench-large:
	$(q)$(MAKE) bench BENCH_SIZES='$(BENCH_SIZES) 100000000'
$(B)/gen_trace: $(call obj,tools/bench/gen_trace.c $(trace_src))
$(B)/bench_encode: $(call obj,tools/bench/bench_encode.c $(trace_src) $(trace_read))
$(B)/bench_launch: $(call obj,tools/bench/bench_launch.c $(trace_src) $(unit_cupti))
$(B)/bench_load: $(call obj,tools/bench/bench_load.c $(unit_cupti) cupti/entry_points.c cupti/entry_hooks.c $(filter-out cupti/%,$(filter-out tools/%,$(bench_stack_src))))
$(bench_tools):
	$(call say,LD,$@)
	$(q)$(CC) -o $@ $^ $(unwind)/lib/libunwind.a -lzstd -lpthread $(ldflags)

## bench-gpu: what tracers cost on this machine's GPU, side by side; BENCH='--workloads launch1' and the like
.PHONY: bench-gpu
bench-gpu: all
	$(q)tools/bench/gpu/bench.sh $(BENCH)

## fuzz: the reader under libFuzzer for FUZZ_SECONDS (60); needs clang
FUZZ_SECONDS ?= 60
.PHONY: fuzz
fuzz:
	$(q)tests/fuzz/run.sh $(FUZZ_SECONDS)

## check-static: headers, layers, exports, imports, documents that follow the source
.PHONY: check-static
check-static: check-headers check-layers check-exports check-imports check-docs

## check-headers: every header compiles on its own
.PHONY: check-headers
check-headers: $(headers:%=$(B)/hdr/%.ok)
$(B)/hdr/%.h.ok: %.h $(B)/flags
	@mkdir -p $(@D)
	$(q)echo '#include "$<"' | $(CC) $(std) $(inc) $(warn) -Werror -fsyntax-only -x c - && touch $@

## check-layers: includes point the way docs/architecture.md says
.PHONY: check-layers
check-layers:
	$(q)tools/check-layers trace:trace cupti:cupti,trace preload:preload,cupti,trace decoder:decoder,trace

## check-exports: the .so exports exactly what preload/exports.map says
.PHONY: check-exports
check-exports: $(B)/libjitness.so
	$(q)tools/check-exports $< preload/exports.map

## check-imports: the .so calls nothing that can stop or talk over its host
.PHONY: check-imports
check-imports: $(B)/libjitness.so
	$(q)tools/check-imports $< tools/forbidden-imports

## check-docs: format tables and man pages agree with the source
.PHONY: check-docs
check-docs: $(B)/jitness
	$(q)tools/check-format-doc
	$(q)tools/check-env-doc $(B)/jitness
	$(q)tools/check-origins-doc $(B)/jitness

# --- installation
lib_dir := $(DESTDIR)$(PREFIX)/lib/jitness
man_dir := $(DESTDIR)$(PREFIX)/share/doc/jitness
## install: to PREFIX (/usr/local), below DESTDIR
.PHONY: install
install: all
	install -D -m 755 $(B)/jitness $(DESTDIR)$(PREFIX)/bin/jitness
	install -D -m 755 $(B)/libjitness.so $(lib_dir)/libjitness.so
	install -d $(man_dir)
	install -m 644 README.md LICENSE docs/*.md $(man_dir)

## uninstall: what install put there
.PHONY: uninstall
uninstall:
	rm -f $(DESTDIR)$(PREFIX)/bin/jitness
	rm -rf $(lib_dir) $(man_dir)

## clean: removes build/
.PHONY: clean
clean:
	rm -rf build jitness

## help: this text
.PHONY: help
help:
	@echo 'targets:'; sed -n 's/^## \([a-z-]*\): /\1\t/p' $(firstword $(MAKEFILE_LIST)) | \
	 while IFS=$$'\t' read -r t d; do printf '  %-14s %s\n' "$$t" "$$d"; done
	@echo 'variables:'; echo '  VARIANT=$(sort $(patsubst opt.%,%,$(filter opt.%,$(.VARIABLES)))) (now $(VARIANT)), PREFIX, DESTDIR,'; \
	 echo '  FUZZ_SECONDS, CUDA_HOME, V=1, WERROR=1, CC, CFLAGS, LDFLAGS'

-include $(patsubst %.o,%.d,$(call obj,$(trace_src) $(trace_read) $(cupti_src) $(preload_src) $(decoder_src) $(unit_src)))
