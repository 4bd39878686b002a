#include <string.h>

#include "tests/unit/trace_kit.h"
#include "tests/unit/unit.h"
#include "trace/redact.h"

TEST(redact_paths)
{
	static const char *const cases[][2] = {
		{ "", "" },
		{ "/usr/lib/x86_64-linux-gnu/libcuda.so.1", "/usr/lib/x86_64-linux-gnu/libcuda.so.1" },
		{ "/lib64/ld-linux-x86-64.so.2", "/lib64/ld-linux-x86-64.so.2" },
		{ "/opt/nvidia/lib/libx.so", "/opt/nvidia/lib/libx.so" },
		{ "/etc/ld.so.cache", "/etc/ld.so.cache" },
		{ "[heap]", "[heap]" },
		{ "[stack]", "[stack]" },
		{ "[anon:secret]", "<path>" },
		{ "/memfd:my secret (deleted)", "/memfd:" },
		{ "/usr/../home/alice/model.py", "<path>.py" },
		{ "/usr/..", "<path>" },
		{ "/usrhome/alice", "<path>" },
		{ "/home/alice/venv/lib/python3.11/site-packages/torch/lib/libtorch_cuda.so",
		  ".../site-packages/torch/lib/libtorch_cuda.so" },
		{ "/home/alice/x/dist-packages/cupy/core.py", ".../dist-packages/cupy/core.py" },
		{ "/home/site-packages/alice/site-packages/jax/j.py", ".../site-packages/jax/j.py" },
		{ "/home/alice/site-packages", "<path>" },
		{ "/home/alice/secret/model.py", "<path>.py" },
		{ "model.py", "<path>.py" },
		{ "/home/alice/lib/libfoo.so.12.3", "<path>.so" },
		{ "/home/alice/lib/libfoo.so", "<path>.so" },
		{ "/home/alice/libfoo.so (deleted)", "<path>.so" },
		{ "/home/alice/libfoo.so.secret", "<path>" },
		{ "/home/a.so.1/secret", "<path>" },
		{ "/tmp/torchinductor_alice/ab/k.cubin", "<path>.cubin" },
		{ "/tmp/k.ptx", "<path>.ptx" },
		{ "/tmp/k.fatbin", "<path>.fatbin" },
		{ "/tmp/k.secret", "<path>" },
		{ "/tmp/a/hs/chs5nxsdlydflqvmwuyw7nxuxxzv3uxrmq5pqmmzkpgnx3tfvdpy.py",
		  "<path>/chs5nxsdlydflqvmwuyw7nxuxxzv3uxrmq5pqmmzkpgnx3tfvdpy.py" },
		{ "/tmp/a/chs5nxsdlydflqvmwuyw7nxuxxzv3uxrmq5pqmmzkpgnx3tfvdp.py", "<path>.py" },
		{ "/tmp/a/chs5nxsdlydflqvmwuyw7nxuxxzv3uxrmq5pqmmzkpgnx3tfvd_y.py", "<path>.py" },
		{ "/tmp/t/cuda_utils.cpython-312-x86_64-linux-gnu.so",
		  "<path>/cuda_utils.cpython-312-x86_64-linux-gnu.so" },
		{ "/tmp/t/cuda_utils.cpython-secret", "<path>" },
		{ "/home/alice/.cache/torch_extensions/py312_cu130/secret/secret.so",
		  "<path>/torch_extensions/<path>.so" },
	};
	char out[200];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		/* The path is not NUL-terminated where it comes from. */
		struct bytes path = kit_copy(cases[i][0], strlen(cases[i][0]));
		size_t n = redact_path(out, sizeof(out), (const char *)path.p, path.n);

		if (n != strlen(cases[i][1]) || strcmp(out, cases[i][1]))
			printf("# %s -> %s\n", cases[i][0], out);
		CHECK(n == strlen(cases[i][1]) && !strcmp(out, cases[i][1]));
		for (size_t room = 0; room < sizeof(out); room++) {
			struct bytes small = kit_copy(out, room);
			size_t cut = redact_path((char *)small.p, room, (const char *)path.p, path.n);

			CHECK(cut == (room == 0 ? 0 : n < room ? n : room - 1));
			CHECK(!room || small.p[cut] == '\0');
			__builtin_free(small.p);
		}
		__builtin_free(path.p);
	}
}

TEST(redact_info_keeps_only_what_it_knows)
{
	CHECK(redact_info_rule("exe", 3) == REDACT_PATH);
	CHECK(redact_info_rule("exeX", 3) == REDACT_PATH);
	CHECK(redact_info_rule("exeX", 4) == REDACT_DROP);
	CHECK(redact_info_rule("cmdline", 7) == REDACT_CMDLINE);
	CHECK(redact_info_rule("driver_version", 14) == REDACT_KEEP);
	CHECK(redact_info_rule("cwd", 3) == REDACT_DROP);
	CHECK(redact_info_rule("host", 4) == REDACT_DROP);
	CHECK(redact_info_rule("added tomorrow", 14) == REDACT_DROP);
}

static void cmdline_check(const char *args, size_t n, const char *want, size_t want_n)
{
	struct bytes in = kit_copy(args, n);
	char out[100];
	size_t got = redact_cmdline(out, sizeof(out), (const char *)in.p, in.n);

	CHECK(got == want_n && !memcmp(out, want, want_n));
	for (size_t room = 0; room < sizeof(out); room++) {
		struct bytes small = kit_copy(out, room);

		CHECK(redact_cmdline((char *)small.p, room, (const char *)in.p, in.n) <= room);
		__builtin_free(small.p);
	}
	__builtin_free(in.p);
}

#define CMDLINE(args, want) cmdline_check(args, sizeof(args) - 1, want, sizeof(want))

TEST(redact_cmdlines)
{
	CMDLINE("/usr/bin/python3\0serve.py\0--key\0s3cret\0", "python3\0<3 arguments>");
	CMDLINE("/usr/bin/python3\0serve.py\0cut", "python3\0<2 arguments>");
	CMDLINE("./a.out\0", "a.out\0<0 arguments>");
	CMDLINE("a.out\0x\0", "a.out\0<1 argument>");
	CMDLINE("prog\0\0\0", "prog\0<2 arguments>");
	CMDLINE("prog", "prog\0<0 arguments>");
	CMDLINE("", "\0<0 arguments>");
}
