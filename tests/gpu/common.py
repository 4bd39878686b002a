"""What the Python workloads share: options, the independent count, the JSON line at the end."""
import argparse
import collections
import json
import os
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

# Rows of a torch.profiler result that are on the GPU and are no kernels.
NOT_KERNELS = ("Memcpy ", "Memset ", "Context Sync", "Stream Sync", "Event Sync", "Stream Wait Event")


def options(*more):
    """more: (args, kwargs) of add_argument."""
    p = argparse.ArgumentParser()
    p.add_argument("--profile", action="store_true", help="count independently, with the framework's profiler")
    for names, kw in more:
        p.add_argument(*names, **kw)
    return p.parse_args()


def opt(*names, **kw):
    return names, kw


def device():
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"  # cpu: to try the script without a GPU


def sync():
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def counted(profile, body):
    """Runs body(); with profile, counts what ran on the GPU from before the first CUDA call."""
    if not profile:
        body()
        sync()
        return {}
    from torch.profiler import ProfilerActivity
    from torch.profiler import profile as Profile

    n = collections.Counter()
    activity = ProfilerActivity.CUDA if device() == "cuda" else ProfilerActivity.CPU
    with Profile(activities=[activity]) as prof:
        body()
        sync()
    for e in prof.profiler.kineto_results.events():
        if not str(e.device_type()).endswith("CUDA"):
            continue
        if getattr(e, "is_user_annotation", lambda: False)():
            continue
        name = e.name()
        what = "memcpys" if name.startswith("Memcpy ") else "memsets" if name.startswith("Memset ") else None
        if what is None and not name.startswith(NOT_KERNELS):
            what = "kernels"
        if what:
            n[what] += 1
    return {"profiler": {k: n[k] for k in ("kernels", "memcpys", "memsets")}}


def gpt2(layers, dtype):
    """GPT-2 with random weights: nothing is downloaded."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(n_layer=layers)).eval()
    return model.to(device=device(), dtype={"fp32": torch.float32, "fp16": torch.float16}[dtype])


def finish(workload, **facts):
    with open("/proc/self/status") as f:
        hwm = [int(line.split()[1]) for line in f if line.startswith("VmHWM")]
    print(json.dumps({"workload": workload, **facts, "vmhwm_kb": hwm[0] if hwm else None}))
    sys.stdout.flush()
