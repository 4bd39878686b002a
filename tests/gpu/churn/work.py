"""Programs whose compiles and loads are known from inside. `work.py NAME` prints one JSON line:

  must    kernel name -> origin it has to get (the rest of the row's modules may be of `may`)
  may     origins that are right for this program
  graphs  what Dynamo counted (stats.unique_graphs)
  lines   "file:line" of every call of the user's that may trigger a compile
  fresh   names of the kernels whose cubins were written to Triton's cache during this run
  hook    what Triton's own listener counted: {"compiled": n, "cached": n, "ms": total}
  quiet   [from, to]: CLOCK_MONOTONIC ns between which nothing may be loaded or compiled
"""
import glob
import json
import os
import sys
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")
WORKS = {}
VENDOR = ["torch", "cublas", "cudnn", "cudnn_jit", "nvlib"]


def work(f):
    WORKS[f.__name__] = f
    return f


def here(offset=0):
    """file:line of the caller."""
    f = sys._getframe(1)
    return "%s:%d" % (os.path.basename(f.f_code.co_filename), f.f_lineno + offset)


def now():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def ten_times(step):
    """First use, then nine more in which nothing may be loaded."""
    import torch

    step()
    step()  # lazily chosen algorithms settle with the second use
    torch.cuda.synchronize()
    start = now()
    for _ in range(8):
        step()
    torch.cuda.synchronize()
    return [start, now()]


# --- eager PyTorch


@work
def eager_matmul():
    import torch

    a = torch.ones(512, 512, device="cuda", dtype=torch.half)
    return {"may": VENDOR, "quiet": ten_times(lambda: a @ a)}


@work
def eager_softmax():
    import torch

    a = torch.ones(512, 512, device="cuda")
    return {"may": VENDOR, "quiet": ten_times(lambda: torch.softmax(a, -1))}


@work
def eager_conv():
    import torch

    m = torch.nn.Conv2d(8, 16, 3).cuda()
    a = torch.ones(4, 8, 64, 64, device="cuda")
    with torch.no_grad():
        return {"may": VENDOR, "quiet": ten_times(lambda: m(a))}


# --- torch.compile: the number of graphs is Dynamo's own


def inductor_kernels():
    """Names of the kernels in Inductor's and Triton's caches: written by the compiler itself."""
    cache = os.environ["TRITON_CACHE_DIR"]
    names = {os.path.basename(f)[:-6] for f in glob.glob(cache + "/**/*.cubin", recursive=True)}
    return {n: "inductor" for n in names}


def graphs():
    from torch._dynamo.utils import counters

    return counters["stats"]["unique_graphs"]


def mlp(width=64):
    import torch

    return torch.nn.Sequential(torch.nn.Linear(width, width), torch.nn.GELU(), torch.nn.LayerNorm(width)).cuda()


def compiled(mode=None, shapes=(4,), dynamic=False, steps=3, model=None):
    import torch

    torch.manual_seed(0)
    f = torch.compile(model or mlp(), mode=mode, dynamic=dynamic)
    lines = set()
    with torch.no_grad():
        for n in shapes:
            x = torch.randn(n, 64, device="cuda")
            for _ in range(steps):
                lines.add(here(1))
                f(x)
    torch.cuda.synchronize()
    return {"may": VENDOR + ["inductor", "cuda_graph"], "must": inductor_kernels(), "graphs": graphs(), "lines": sorted(lines)}


@work
def compile_default():
    return compiled()


@work
def compile_reduce_overhead():
    return compiled("reduce-overhead", steps=5)


@work
def compile_max_autotune():
    return compiled("max-autotune")


@work
def graphs_3():
    return compiled(shapes=(4, 9, 17))


@work
def graphs_dynamic():
    return compiled(shapes=(4, 9, 17, 33), dynamic=None)


@work
def graphs_limit():  # two shapes more than Dynamo's limit of 8 run eager
    return compiled(shapes=range(3, 13))


@work
def graphs_break():
    import torch

    @torch.compile
    def f(x):
        y = torch.sin(x) + 1
        print("a graph break", file=sys.stderr)
        return torch.softmax(y * 2, -1)

    with torch.no_grad():
        f(torch.randn(8, 64, device="cuda"))
        line = here(-1)
    torch.cuda.synchronize()
    return {"may": VENDOR + ["inductor"], "must": inductor_kernels(), "graphs": graphs(), "lines": [line]}


@work
def graphs_two_models():
    import torch

    torch.manual_seed(0)
    a, b = mlp(), torch.nn.Sequential(torch.nn.Softmax(-1), torch.nn.SiLU()).cuda()
    f, g = torch.compile(a, dynamic=False), torch.compile(b, dynamic=False)
    lines = []
    with torch.no_grad():
        for n in (4, 9):
            x = torch.randn(n, 64, device="cuda")
            for _ in range(2):
                y = f(x)
                lines.append(here(-1))
                g(y)
                lines.append(here(-1))
    torch.cuda.synchronize()
    return {"may": VENDOR + ["inductor"], "must": inductor_kernels(), "graphs": graphs(), "lines": sorted(set(lines))}


# --- Triton by hand; its own listener counts


def triton_listener():
    import triton

    seen = {"compiled": 0, "cached": 0, "ms": 0.0}

    def listen(*, src, metadata, metadata_group, times, cache_hit, **more):
        seen["cached" if cache_hit else "compiled"] += 1
        seen["ms"] += times.total / 1000.0

    triton.knobs.compilation.listener = listen
    return seen


def triton_kernels():
    import triton
    import triton.language as tl

    @triton.jit
    def user_add(x, y, n, B: tl.constexpr):
        i = tl.program_id(0) * B + tl.arange(0, B)
        tl.store(y + i, tl.load(x + i, mask=i < n) + 1, mask=i < n)

    @triton.jit
    def triton_poi_of_mine(x, y, n, B: tl.constexpr):  # a name made to be mistaken
        i = tl.program_id(0) * B + tl.arange(0, B)
        tl.store(y + i, tl.load(x + i, mask=i < n) * 2, mask=i < n)

    return user_add, triton_poi_of_mine


@work
def triton_user():
    import torch

    seen = triton_listener()
    add, mine = triton_kernels()
    x = torch.zeros(1000, device="cuda")
    y = torch.zeros_like(x)
    lines = []
    for block in (128, 256, 512):
        add[(8,)](x, y, 1000, B=block)
        lines.append(here(-1))
        mine[(8,)](x, y, 1000, B=block)
        lines.append(here(-1))
    torch.cuda.synchronize()
    return {"may": VENDOR + ["triton"], "must": {"user_add": "triton", "triton_poi_of_mine": "triton"}, "hook": seen,
            "lines": sorted(set(lines))}


@work
def triton_in_compile():
    """A user's Triton kernel inside a compiled function: Inductor runs it, but did not write it."""
    import torch

    seen = triton_listener()
    add, _ = triton_kernels()

    @torch.compile(dynamic=False)
    def f(x):
        y = torch.empty_like(x)
        add[(8,)](x, y, 1000, B=128)
        return torch.sin(y) + 1

    with torch.no_grad():
        f(torch.zeros(1000, device="cuda"))
        line = here(-1)
    torch.cuda.synchronize()
    must = inductor_kernels()
    must = {k: "triton" if not k.startswith("triton_") else v for k, v in must.items()}
    return {"may": VENDOR + ["inductor", "triton"], "must": must, "hook": seen, "lines": [line]}


# --- others


@work
def jiterator():
    import torch

    f = torch.cuda.jiterator._create_jit_fn("template <typename T> T my_op(T x, T y) { return x * y + 1; }")
    a = torch.ones(100, device="cuda")
    f(a, a)
    line = here(-1)
    torch.cuda.synchronize()
    return {"may": VENDOR + ["jiterator"], "must": {"my_op_vectorized8_kernel": "jiterator"}, "lines": [line]}


@work
def jax_jit():
    import jax
    import jax.numpy as jnp

    f = jax.jit(lambda x: jnp.tanh(x @ x + 1).sum())
    x = jnp.ones((128, 128))
    float(f(x))
    line = here(-1)
    return {"may": ["xla", "cublas", "cudnn", "nvlib"], "must": {}, "lines": [line, here(-4)]}


@work
def cupy_mix():
    import cupy

    a = cupy.arange(1000, dtype=cupy.float32)
    first = here(-1)
    b = (a * 2 + 1).sum()
    second = here(-1)
    k = cupy.RawKernel('extern "C" __global__ void my_raw(float *x) { x[threadIdx.x] += 1; }', "my_raw")
    k((1,), (32,), (a,))
    third = here(-1)
    cupy.cuda.Device().synchronize()
    float(b)
    return {"may": ["cupy", "cublas", "nvlib"], "must": {"my_raw": "cupy"}, "lines": [first, second, third]}


@work
def extension():
    """A CUDA extension built by torch.utils.cpp_extension; cold: built here, warm: found."""
    import torch
    from torch.utils.cpp_extension import load_inline

    src = """
    #include <torch/extension.h>
    __global__ void ext_kernel(float *x) { x[threadIdx.x] += 1; }
    void ext_run(torch::Tensor t) { ext_kernel<<<1, 32>>>(t.data_ptr<float>()); }
    """
    m = load_inline("jitness_ext", cpp_sources="void ext_run(torch::Tensor t);", cuda_sources=src, functions=["ext_run"])
    t = torch.zeros(32, device="cuda")
    m.ext_run(t)
    line = here(-1)
    torch.cuda.synchronize()
    return {"may": VENDOR + ["torch_ext"], "must": {"_Z10ext_kernelPf": "torch_ext"}, "lines": [line]}


@work
def cuda_graph():
    import torch

    a = torch.ones(64, 64, device="cuda")
    s = torch.cuda.Stream()
    with torch.cuda.stream(s):
        for _ in range(3):
            torch.softmax(a, -1)
    torch.cuda.synchronize()
    g = torch.cuda.CUDAGraph()
    with torch.cuda.graph(g):
        torch.softmax(a, -1)
    for _ in range(5):
        g.replay()
    torch.cuda.synchronize()
    return {"may": VENDOR + ["cuda_graph"], "captures": 1}


if __name__ == "__main__":
    started = time.time()
    facts = WORKS[sys.argv[1]]()
    if sys.argv[1].startswith(("compile", "graphs", "triton")):
        cubins = glob.glob(os.environ["TRITON_CACHE_DIR"] + "/**/*.cubin", recursive=True)
        facts["fresh"] = [os.path.basename(f)[:-6] for f in cubins if os.path.getmtime(f) >= started]
    print(json.dumps(facts), flush=True)
