"""What a module load costs the caller under 40 Python frames: prints {"ns": [...]} of LOADS loads of one cubin."""
import ctypes
import json
import sys
import time

import torch

cubin, loads = open(sys.argv[1], "rb").read(), int(sys.argv[2])
torch.zeros(1, device="cuda")
cuda = ctypes.CDLL("libcuda.so.1")


def measure():
    ns = []
    for _ in range(loads):
        module = ctypes.c_void_p()
        t = time.perf_counter_ns()
        cuda.cuModuleLoadData(ctypes.byref(module), cubin)
        ns.append(time.perf_counter_ns() - t)
        cuda.cuModuleUnload(module)
    return ns


def deep(n):
    return deep(n - 1) if n else measure()


print(json.dumps({"ns": deep(38)}), flush=True)
