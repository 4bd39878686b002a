"""(c) GPT-2 under torch.compile: forward passes without a cache, one shape after the other."""
import os
import shutil
import sys
import tempfile

import common

a = common.options(
    common.opt("--mode", choices=("default", "reduce-overhead"), default="default"),
    common.opt("--layers", type=int, default=12),
    common.opt("--shapes", default="16,48", help="lengths; each is compiled for itself"),
    common.opt("--steps", type=int, default=32, help="forward passes per shape"),
    common.opt("--cold", action="store_true", help="fresh Inductor and Triton caches, removed at the end"),
)
scratch = None
if a.cold:  # before torch reads the variables
    scratch = tempfile.mkdtemp(prefix="cold.")
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = scratch + "/inductor"
    os.environ["TRITON_CACHE_DIR"] = scratch + "/triton"
import torch

passes = 0


@torch.inference_mode()
def body():
    global passes
    model = common.gpt2(a.layers, "fp16" if common.device() == "cuda" else "fp32")
    forward = torch.compile(lambda ids: model(ids, use_cache=False).logits, mode=a.mode, dynamic=False)
    for n in map(int, a.shapes.split(",")):
        ids = torch.arange(n, device=common.device())[None]
        for i in range(a.steps):
            torch.compiler.cudagraph_mark_step_begin()
            token = forward(ids)[:, -1].argmax(-1)
            ids = torch.cat((ids[:, 1:], token[None]), 1)  # a window, so that the shape stays
            passes += 1
        common.sync()


facts = common.counted(a.profile, body)
common.finish("gpt2_compile", mode=a.mode, passes=passes, **facts)
if scratch:
    sys.stdout.flush()
    shutil.rmtree(scratch, ignore_errors=True)
