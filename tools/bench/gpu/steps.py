"""Decode steps for the benchmark: `steps.py eager|compile|graph|jax [--profiler torch|torch_cpu|proton]`.

Says "ready"; then for each line "go N" on stdin it does N steps, each with one synchronisation, and answers
"ns STEP_NS LONGEST_NS". Ends at "end" or the end of stdin. eager, compile, graph: a GPT-2-sized decoder (12 layers, 768
wide, fp32) of random weights, one token per step; compile: torch.compile's default mode; graph: captured once, replayed.
"""
import argparse
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../../tests/gpu/phases"))
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")


def torch_step(mode):
    import torch
    from models import plain_decoder

    torch.set_grad_enabled(False)
    model = plain_decoder(12, 768, 50257, 256, "float32")
    at, token = torch.full((1,), 64, dtype=torch.long, device="cuda"), torch.zeros(1, 1, dtype=torch.long, device="cuda")
    run = torch.compile(model, dynamic=False) if mode == "compile" else model

    def step():
        token.copy_(run(token, at))

    if mode == "graph":
        side = torch.cuda.Stream()
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(3):
                step()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph):
            step()
        return graph.replay, torch.cuda.synchronize
    return step, torch.cuda.synchronize


def jax_step():
    import jax
    import jax.numpy as jnp

    @jax.jit
    def f(x, w):
        q, k, v = (x @ w[i] for i in range(3))
        x = x + jax.nn.softmax(q @ k.T / 16.0) @ v
        x = x + jax.nn.gelu(x @ w[3]) @ w[4]
        return x / jnp.sqrt(jnp.mean(x * x, -1, keepdims=True) + 1e-6)

    keys = jax.random.split(jax.random.key(0), 6)
    w, x = [jax.random.normal(k, (256, 256)) * 0.05 for k in keys[:5]], [jax.random.normal(keys[5], (128, 256))]

    def step():
        x[0] = f(x[0], w)

    return step, lambda: x[0].block_until_ready()


def profiler(name):
    if name == "proton":
        import triton.profiler as proton

        proton.start("/tmp/proton-%d" % os.getpid())
    elif name:
        from torch.profiler import ProfilerActivity, profile

        kinds = [ProfilerActivity.CUDA] + ([ProfilerActivity.CPU] if name == "torch_cpu" else [])
        p = profile(activities=kinds)
        p.__enter__()
        return p
    return None


def main():
    a = argparse.ArgumentParser()
    a.add_argument("mode", choices=("eager", "compile", "graph", "jax"))
    a.add_argument("--profiler", choices=("torch", "torch_cpu", "proton"))
    a = a.parse_args()
    held = profiler(a.profiler) if a.profiler == "proton" else None  # it must come before the first launch
    step, sync = jax_step() if a.mode == "jax" else torch_step(a.mode)
    for _ in range(20):
        step()
        sync()
    held = held or profiler(a.profiler)
    step()
    sync()
    print("ready", flush=True)
    for line in sys.stdin:
        word, _, n = line.partition(" ")
        if word != "go":
            break
        longest, start = 0, time.perf_counter_ns()
        for _ in range(int(n)):
            t = time.perf_counter_ns()
            step()
            sync()
            longest = max(longest, time.perf_counter_ns() - t)
        print("ns %.1f %d" % ((time.perf_counter_ns() - start) / int(n), longest), flush=True)
    sys.stdout.flush()


main()
