# The simulated device and the programs that run on it. Included by the Makefile.
# Sim libraries are always -O2: only a sanitizer variant changes them, then both sides
# of every call must carry it.
sim.suffix := $(if $(filter asan tsan,$(VARIANT)),-$(VARIANT))
SIM        := build/sim$(sim.suffix)
HOST       := build/host$(sim.suffix)
# How a program is started on the simulated device. gcc 12's leak checker crashes when a
# thread is alive at exit, and CUPTI's is: leaks are not looked for.
sim.env    := LD_LIBRARY_PATH=$(SIM) ASAN_OPTIONS=detect_leaks=0
sim.opt    := $(if $(sim.suffix),$(opt.$(VARIANT)),-O2 -g)

sim_driver_src := $(addprefix tests/sim/drv_,state.c api.c device.c context.c stream.c event.c \
	memory.c copy.c image.c elf.c jit.c module.c library.c linker.c launch.c graph.c \
	graph_node.c graph_exec.c capture.c procaddr.c error.c report.c absent.c) tests/sim/knobs.c
sim_cupti_src  := $(addprefix tests/sim/sc_,link.c layout.c buffer.c record.c callback.c \
	activity.c query.c report.c) tests/sim/knobs.c
host_names     := launches infer lifetimes modules graphs stress nvtx
sim_compilers  := libnvrtc.so.13 libnvrtc.so.12 libnvJitLink.so.13 libnvvm.so.4

sim.warn := $(warn) -Wno-unused-parameter -Wno-missing-field-initializers
sim.cflags = $(std) $(inc.tests) $(sim.warn) $(sim.opt) -fPIC -fvisibility=hidden \
	-MMD -MP -MF $(@:.o=.d) $(CFLAGS)

## sim: the simulated device (libcuda.so.1, libcupti.so.13) and the sample host programs
.PHONY: sim
sim: $(SIM)/libcuda.so.1 $(SIM)/libcupti.so.13 $(SIM)/selftest $(SIM)/inject.so \
	$(host_names:%=$(HOST)/%) $(HOST)/lifetimes-late \
	$(sim_compilers:%=$(SIM)/%) $(HOST)/nvrtc $(HOST)/nvrtc-linked $(HOST)/libnvrtc_plugin.so \
	$(HOST)/libnvtx_plugin.so $(HOST)/reach $(HOST)/reach-linked $(HOST)/libreach_hook.so

sim_driver_obj := $(sim_driver_src:%.c=$(SIM)/drv/%.o)
sim_cupti_obj  := $(sim_cupti_src:%.c=$(SIM)/sc/%.o)

$(SIM)/drv/%.o: %.c
	$(call say,CC,$<)
	$(q)mkdir -p $(@D)
	$(q)$(CC) $(sim.cflags) -D__CUDA_API_VERSION_INTERNAL -c -o $@ $<

$(SIM)/sc/%.o: %.c $(SIM)/gen/names.ok
	$(call say,CC,$<)
	$(q)mkdir -p $(@D)
	$(q)$(CC) $(sim.cflags) -iquote $(SIM)/gen -c -o $@ $<

# cuptiGetCallbackName and cuptiGetResultString answer from NVIDIA's headers.
sim.enum = printf '\#include <%s>\n' $(1) | $(CC) $(inc.tests) -E -P -x c - | tr ',{}' '\n\n\n' | \
	sed -n 's/^ *$(2) *= *\([0-9]*\) *$$/[\2] = "\1",/p'
$(SIM)/gen/names.ok: tests/sim/sim.mk
	$(call say,GEN,$(@D))
	$(q)mkdir -p $(@D)
	$(q)$(call sim.enum,cupti_driver_cbid.h,CUPTI_DRIVER_TRACE_CBID_\(cu[A-Za-z0-9_]*\)) \
		>$(@D)/driver_names.h
	$(q)$(call sim.enum,cupti_runtime_cbid.h,CUPTI_RUNTIME_TRACE_CBID_\([_c][A-Za-z0-9_]*\)) \
		>$(@D)/runtime_names.h
	$(q)$(call sim.enum,cupti_result.h,\(CUPTI_[A-Z_0-9]*\)) | grep -v '\[\(36\|37\|999\)\]' >$(@D)/result_names.h
	$(q)touch $@

$(SIM)/libcuda.so.1: $(sim_driver_obj)
	$(call say,LD,$@)
	$(q)$(CC) $(sim.opt) $(LDFLAGS) -shared -Wl,-soname,libcuda.so.1 -o $@ $^ -ldl -lpthread

$(SIM)/libcupti.so.13: $(sim_cupti_obj) tests/sim/libcupti.map
	$(call say,LD,$@)
	$(q)$(CC) $(sim.opt) $(LDFLAGS) -shared -Wl,-soname,libcupti.so.13 \
		-Wl,--version-script=tests/sim/libcupti.map -o $@ $(sim_cupti_obj) -ldl -lpthread

# --- the compiler libraries. Their symbols carry the soname as version, as NVIDIA's do.
sim_compiler_common := $(addprefix $(SIM)/drv/tests/sim/,compiler.o drv_elf.o knobs.o)
$(SIM)/libnvrtc.so.13: $(SIM)/drv/tests/sim/nvrtc.o
$(SIM)/libnvJitLink.so.13: $(SIM)/drv/tests/sim/jitlink.o
$(SIM)/libnvvm.so.4: $(SIM)/drv/tests/sim/nvvm.o
$(SIM)/libnvrtc.so.12: $(SIM)/drv12/tests/sim/nvrtc.o
$(SIM)/drv12/%.o: %.c
	$(call say,CC,$<)
	$(q)mkdir -p $(@D)
	$(q)$(CC) $(sim.cflags) -DNVRTC_MAJOR=12 -c -o $@ $<
$(sim_compilers:%=$(SIM)/%): $(sim_compiler_common)
	$(call say,LD,$@)
	$(q)$(CC) $(sim.opt) $(LDFLAGS) -shared -Wl,-soname,$(@F) -Wl,--default-symver -o $@ $^ -lpthread

# --- the self-test: an injected CUPTI client and the program that counts what it got
$(SIM)/inject.so: tests/sim/inject.c $(SIM)/libcupti.so.13
	$(call say,LD,$@)
	$(q)$(CC) $(sim.cflags) -MF $@.d -shared -o $@ $< -ldl -lpthread

$(SIM)/selftest: tests/sim/selftest.c $(SIM)/libcuda.so.1
	$(call say,LD,$@)
	$(q)$(CC) $(sim.cflags) -MF $@.d -o $@ $< -L$(SIM) -l:libcuda.so.1 -ldl -lpthread

## check-sim: the simulated device against itself, without jitness
.PHONY: check-sim
check-sim: sim
	$(q)$(sim.env) $(SIM)/selftest $(SIM)

# --- host programs: no rpath, so that the same binary runs on a real device
$(HOST)/%: tests/host/%.c $(SIM)/libcuda.so.1
	$(call say,LD,$@)
	$(q)mkdir -p $(@D)
	$(q)$(CC) $(std) $(inc.tests) $(warn) $(sim.opt) -MMD -MP -MF $@.d $(CFLAGS) \
		$(LDFLAGS) -o $@ $< -L$(SIM) -l:libcuda.so.1 -ldl -lpthread

# The same source without a link to libcuda: it opens the library itself, late.
$(HOST)/lifetimes-late: tests/host/lifetimes.c
	$(call say,LD,$@)
	$(q)mkdir -p $(@D)
	$(q)$(CC) $(std) $(inc.tests) $(warn) $(sim.opt) -DHOST_LATE -MMD -MP -MF $@.d $(CFLAGS) \
		$(LDFLAGS) -o $@ $< -ldl -lpthread

# The same source with and without a link to the compilers, and a library that is linked.
$(HOST)/nvrtc-linked: tests/host/nvrtc.c tests/host/nvrtc.h $(SIM)/libcuda.so.1 $(sim_compilers:%=$(SIM)/%)
	$(call say,LD,$@)
	$(q)mkdir -p $(@D)
	$(q)$(CC) $(std) $(inc.tests) $(warn) $(sim.opt) -DHOST_LINKED $(CFLAGS) $(LDFLAGS) -o $@ $< \
		-L$(SIM) -l:libcuda.so.1 -l:libnvrtc.so.13 -ldl -lpthread

$(HOST)/libnvrtc_plugin.so: tests/host/nvrtc_plugin.c tests/host/nvrtc.h $(SIM)/libnvrtc.so.13
	$(call say,LD,$@)
	$(q)mkdir -p $(@D)
	$(q)$(CC) $(std) $(warn) $(sim.opt) -fPIC -shared $(CFLAGS) $(LDFLAGS) -o $@ $< -L$(SIM) -l:libnvrtc.so.13

# Ways to reach the driver's functions: without and with a link to it, and past another tool.
$(HOST)/reach: tests/host/reach.c tests/host/host.h
	$(call say,LD,$@)
	$(q)mkdir -p $(@D)
	$(q)$(CC) $(std) $(inc.tests) $(warn) $(sim.opt) -DHOST_LATE $(CFLAGS) $(LDFLAGS) -o $@ $< \
		-ldl -lpthread

$(HOST)/reach-linked: tests/host/reach.c tests/host/host.h $(SIM)/libcuda.so.1
	$(call say,LD,$@)
	$(q)mkdir -p $(@D)
	$(q)$(CC) $(std) $(inc.tests) $(warn) $(sim.opt) -DHOST_LINKED $(CFLAGS) $(LDFLAGS) -o $@ $< \
		-L$(SIM) -l:libcuda.so.1 -ldl -lpthread

$(HOST)/libreach_hook.so: tests/host/reach_hook.c
	$(call say,LD,$@)
	$(q)mkdir -p $(@D)
	$(q)$(CC) $(std) $(inc.tests) $(warn) $(sim.opt) -fPIC -shared $(CFLAGS) $(LDFLAGS) -o $@ $< -ldl

# A library with a copy of NVTX of its own.
$(HOST)/libnvtx_plugin.so: tests/host/nvtx.c
	$(call say,LD,$@)
	$(q)mkdir -p $(@D)
	$(q)$(CC) $(std) $(inc.tests) $(warn) $(sim.opt) -DHOST_PLUGIN -fPIC -shared $(CFLAGS) $(LDFLAGS) -o $@ $< -ldl

-include $(sim_driver_obj:.o=.d) $(sim_cupti_obj:.o=.d) $(host_names:%=$(HOST)/%.d) \
	$(HOST)/lifetimes-late.d $(HOST)/nvrtc.d $(sim_compiler_common:.o=.d) $(SIM)/inject.so.d $(SIM)/selftest.d
