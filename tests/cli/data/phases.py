#!/usr/bin/env python3
"""phases.py [lost]: the trace of a small model that generates, as text for mktrace: 10 requests, each a prefill and
40 decode steps of 14 kernels; attention grows with every step. Step 200 waits 3 ms for its host, step 300 for a module that
is loaded inside it. lost: some records were."""
import sys

T0 = 1000000000000000000
NAMES = ["embed", "norm", "gemm_qkv", "splitkv_attention", "gemm_out", "head", "flash_attention", "gemm_wide"]
state = {"host": 10000000, "gpu": 0, "corr": 0}


def out(text):
    print(text)


def op(name, us, grid):
    s = state
    s["corr"] += 1
    start, end = s["host"], s["host"] + 4000
    begin = max(end + 1000, s["gpu"] + 500)
    s["gpu"] = begin + us * 1000
    s["host"] = end + 1000
    out(f"launch tid=7 start={T0 + start} end={T0 + end} corr={s['corr']} api=1001")
    out(f"kernel start={T0 + begin} end={T0 + s['gpu']} corr={s['corr']} name={NAMES.index(name) + 1} device=0 context=1 "
        f"stream=7 grid_x={grid} block_x=128")


def token():
    s = state
    s["corr"] += 1
    begin = max(s["host"] + 2000, s["gpu"] + 500)
    s["gpu"] = begin + 1000
    out(f"memcpy start={T0 + begin} end={T0 + s['gpu']} corr={s['corr']} copy_kind=2 bytes=8 device=0 context=1 stream=7")
    s["corr"] += 1
    out(f"sync tid=7 start={T0 + s['host'] + 3000} end={T0 + s['gpu'] + 2000} corr={s['corr']} type=3 context=1 stream=7")
    s["host"] = s["gpu"] + 12000 + s["corr"] * 7 % 13 * 1000


def load(ms):
    t = state["host"] + 5000
    end = t + ms * 1000000
    out(f"load tid=7 start={T0 + t} end={T0 + end} corr=900000 api=1011 handle=1 image=1 bytes=900 source=1")
    out(f"module tid=7 time={T0 + t + 1000000} context=1 module=1 bytes=900 hash=77 image=1 kernels=1 call_api=1011 "
        f"call_corr=900000")
    out('module_kernels tid=7 hash=77 first=0 names="late_kernel\\0"')
    state["host"] = end + 5000


def forward(tokens, length, inside=None):
    op("embed", 3, tokens)
    for layer in range(3):
        if inside and layer == 1:
            inside()
        op("norm", 2 + tokens // 16, tokens)
        op("gemm_qkv" if tokens == 1 else "gemm_wide", 10 + tokens, 24 * max(1, tokens // 16))
        op("splitkv_attention" if tokens == 1 else "flash_attention", 6 + tokens, 8 * (1 + length // 4))
        op("gemm_out", 8 + tokens, 8 * max(1, tokens // 16))
    op("head", 12, 50)
    token()


def wait():
    state["host"] += 3000000


out("pid 7")
out(f"created {T0}")
out(f"process tid=7 time={T0} pid=7 ppid=1 level=1")
out(f'info time={T0} pair="host\\0node1"')
out(f'info time={T0} pair="gpu_records\\0full"')
out(f"clock realtime={T0} monotonic=5000000000")
for i, n in enumerate(NAMES):
    out(f'string id={i + 1} text="{n}"')
step = 0
for request in range(10):
    prompt = 64
    forward(prompt, prompt)
    for i in range(40):
        step += 1
        forward(1, prompt + i + 1, wait if step == 200 else (lambda: load(4)) if step == 300 else None)
    state["host"] += 2000000
if "lost" in sys.argv:
    out("flush 5")
out(f"end tid=7 time={T0 + state['host']} reason=0")
