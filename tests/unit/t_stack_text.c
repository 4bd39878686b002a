/* decoder/stack_text: one line for a frame. */
#include "decoder/stack_text.h"
#include "tests/unit/unit.h"

#include <stdlib.h>
#include <string.h>

static int is(char *got, const char *want)
{
	int same = !strcmp(got, want);

	free(got);
	return same;
}

TEST(stack_text_native_frames)
{
	CHECK(is(stack_text_native("at::run", 0x1c, "/a/libtorch_cuda.so", 0x99),
		 "at::run+0x1c (libtorch_cuda.so)"));
	CHECK(is(stack_text_native(NULL, 0, "/a/b/libfoo.so", 0x1234), "libfoo.so+0x1234"));
	CHECK(is(stack_text_native(NULL, 0, "[vdso]", 5), "[vdso]+0x5"));
	CHECK(is(stack_text_native(NULL, 0, NULL, 0x7f1234567890), "0x7f1234567890"));
	CHECK(is(stack_text_native(NULL, 0, "", 0x7f12), "0x7f12"));
	CHECK(is(stack_text_native("f", 1, "", 2), "f+0x1"));
	CHECK(is(stack_text_native(NULL, 0, "/dir/", 1), "/dir/+0x1"));
}

TEST(stack_text_python_frames)
{
	CHECK(is(stack_text_python("file.py", 123, "function"), "file.py:123 function"));
	CHECK(is(stack_text_python("/home/x/train.py", 0, "<module>"),
		 "/home/x/train.py <module>"));
	CHECK(is(stack_text_python("/v/lib/python3.11/site-packages/torch/nn/modules/module.py", 7,
				   "Module._call_impl"),
		 "torch/nn/modules/module.py:7 Module._call_impl"));
	CHECK(is(stack_text_python("/usr/lib/python3/dist-packages/a/site-packages/b.py", 1, "f"),
		 "b.py:1 f"));
	CHECK(is(stack_text_python("/x/site-packages/", 1, "f"), "/x/site-packages/:1 f"));
	CHECK(is(stack_text_python("a.py", 4, ""), "a.py:4"));
	CHECK(is(stack_text_python(NULL, 4, NULL), "?:4"));
}
