"""Inference programs that know when each of their passes ran. `work.py ROW [--scale X]` writes one JSON object to $PHASES_TRUTH:

  workload  the row
  passes    [{start_ns, end_ns, label, tokens, batch, request, thread, ...}]: CLOCK_MONOTONIC. end_ns: after the device was
            synchronised. start_ns: of a decode, verify or mixed pass, when the tokens before it were there (end_ns of
            the pass before, of its thread: what a user of the stream waits for from token to token); else before the call,
            with its input on the device. label is prefill, decode, verify or pass, and in servers
            (work_batch.py, where tokens is of all sequences together) mixed or warmup; tokens is the query
            length per sequence; request counts from 0; thread is the kernel's number of the thread. Some have model
            ("draft", "target", "a", "b"), calls (how many calls one pass is) or recompute (no cache: a decode step
            that runs the whole sequence again).
  runs      instead of passes: [{start_ns, end_ns, prefill, decode, tokens, batch, request, thread}] with how many
            passes of each kind ran in it, back to back, without a synchronisation between them
  timed     what a pass holds: "forward+argmax" (the choice of the next token belongs to it) or "step" (one turn of the loop)
  setup_ns  when the first pass could start: model built and on the device
  notes     what a reader has to know

While the program runs it only reads the clock and appends to a list; the file is written when all is over.
Nothing is downloaded: models have random weights. Without a GPU the rows run on the CPU, to try them.
"""
import argparse
import contextlib
import functools
import json
import os
import sys
import threading
import time

from models import (conv_net, device, dynamic_cache, gpt2, llama, mixtral, plain_decoder, prompt, static_cache, torch_sync,
                    unet)
import work_batch

for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
    os.environ.setdefault(name, "1")
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

ROWS = {}
PROMPTS = [1, 7, 16, 51, 128, 300, 512]
SCALE = 1.0


def row(f):
    ROWS[f.__name__] = f
    return f


def now():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def n(count, least=1):
    """A count, shortened by --scale."""
    return max(least, round(count * SCALE))


STEPS = ("decode", "verify", "mixed")


class Truth:
    def __init__(self, sync, timed="forward+argmax"):
        self.sync, self.timed = sync, timed
        self.passes, self.runs, self.notes = [], [], []
        self.ended = {}  # end_ns of the last pass, by thread
        self.setup_ns = now()

    def run(self, label, tokens, call, batch=1, request=0, sync=None, **more):
        """One pass: what call() gives back."""
        thread = threading.get_native_id()
        start = self.ended.get(thread) if label in STEPS else None
        start = start or now()
        result = call()
        (sync or self.sync)()
        end = self.ended[thread] = now()
        self.passes.append({"start_ns": start, "end_ns": end, "label": label, "tokens": tokens, "batch": batch,
                            "request": request, "thread": thread, **more})
        return result

    def write(self, workload):
        facts = {"workload": workload, "timed": self.timed, "setup_ns": self.setup_ns, "notes": self.notes,
                 "passes": sorted(self.passes, key=lambda p: p["start_ns"])}
        if self.runs:
            facts["runs"] = self.runs
        with open(os.environ["PHASES_TRUTH"] + ".part", "w") as f:
            json.dump(facts, f)
        os.replace(os.environ["PHASES_TRUTH"] + ".part", os.environ["PHASES_TRUTH"])


# --- what a program does


def forward(model, ids, cache):
    """The next token of every sequence; it stays on the device."""
    return model(input_ids=ids, past_key_values=cache, use_cache=True).logits[:, -1:].argmax(-1)


def serve(truth, lm, lengths, new, batch=1, **more):
    """Requests one after another, each with a cache of its own: a prefill and new - 1 decode steps."""
    for request, length in enumerate(lengths):
        cache, ids = dynamic_cache(lm), prompt(length, batch)
        token = truth.run("prefill", length, lambda: forward(lm, ids, cache), batch, request, **more)
        for _ in range(new - 1):
            token = truth.run("decode", 1, lambda: forward(lm, token, cache), batch, request, **more)


def in_turn(count):
    return [PROMPTS[i % len(PROMPTS)] for i in range(n(count, 2))]


# --- eager


@row
def gpt2_eager():
    model = gpt2()
    truth = Truth(torch_sync())
    serve(truth, model, in_turn(12), n(32, 4))
    return truth


@row
def llama_eager():
    model = llama()
    truth = Truth(torch_sync())
    serve(truth, model, in_turn(12), n(32, 4))
    return truth


@row
def moe_eager():
    model = mixtral()
    truth = Truth(torch_sync())
    truth.notes.append("each expert layer waits for the GPU: synchronisations inside a pass")
    serve(truth, model, in_turn(10), n(32, 4))
    return truth


@row
def batch8():
    model = llama()
    truth = Truth(torch_sync())
    serve(truth, model, in_turn(10), n(32, 4), batch=8)
    return truth


@row
def many_requests():
    model = gpt2(layers=6)
    truth = Truth(torch_sync())
    serve(truth, model, [8] * n(200, 3), 6)
    return truth


@row
def nosync():
    """A request is timed as a whole; the token never leaves the device."""
    model = gpt2()
    truth = Truth(torch_sync())
    new = n(64, 4)
    truth.sync()
    for request, length in enumerate(in_turn(14)):
        ids = prompt(length)
        truth.sync()
        start = now()
        cache = dynamic_cache(model)
        token = forward(model, ids, cache)
        for _ in range(new - 1):
            token = forward(model, token, cache)
        truth.sync()
        truth.runs.append({"start_ns": start, "end_ns": now(), "prefill": 1, "decode": new - 1, "tokens": length, "batch": 1,
                           "request": request, "thread": threading.get_native_id()})
    truth.notes.append("no synchronisation between the passes of a run")
    return truth


@row
def no_cache():
    import torch

    model = gpt2()
    truth = Truth(torch_sync())

    def step(ids):
        token = model(input_ids=ids, use_cache=False).logits[:, -1:].argmax(-1)
        return torch.cat((ids, token), -1)

    for request, length in enumerate((1, 16, 51, 128, 300, 7)[:n(6, 2)]):
        ids = prompt(length)
        for i in range(n(32, 4)):
            more = {"recompute": True} if i else {}
            ids = truth.run("decode" if i else "prefill", ids.shape[1], lambda: step(ids), request=request, **more)
    truth.notes.append("no cache: each decode step is a forward pass over the whole sequence, one token longer each time; "
                       "tokens is that length. To the device it is a prefill: either label is defensible")
    return truth


@row
def speculative():
    """A draft model proposes 4 tokens, the target checks them in one pass over 5."""
    import random
    import torch

    target, draft = gpt2(layers=8), gpt2(layers=2, seed=1)
    truth = Truth(torch_sync())
    pick = random.Random(0)  # how many proposals are taken: random weights would take none
    for request, length in enumerate((51, 16, 128, 7, 300, 1)[:n(6, 2)]):
        kv, small, ids = dynamic_cache(target), dynamic_cache(draft), prompt(length)
        token = truth.run("prefill", length, lambda: forward(target, ids, kv), request=request, model="target")
        truth.run("prefill", length, lambda: forward(draft, ids, small), request=request, model="draft")
        for _ in range(n(16, 2)):
            have, proposed = kv.get_seq_length(), [token]
            for _ in range(4):
                proposed.append(truth.run("decode", 1, lambda: forward(draft, proposed[-1], small), request=request,
                                          model="draft"))
            five = torch.cat(proposed, -1)
            token = truth.run("verify", 5, lambda: forward(target, five, kv), request=request, model="target")
            keep = have + 1 + pick.randrange(4)
            for cache in (kv, small):
                if keep < cache.get_seq_length():
                    cache.crop(keep - cache.get_seq_length())  # negative: how many tokens to remove
    return truth


@row
def two_threads():
    """Two models, each in a thread and on a stream of its own. A thread waits for its own stream only."""
    import torch

    models = {"a": gpt2(layers=6), "b": llama(layers=4)}
    truth, failed = Truth(torch_sync()), []
    start = threading.Barrier(2)

    def body(name):
        try:
            stream = torch.cuda.Stream() if device() == "cuda" else None
            with torch.inference_mode(), torch.cuda.stream(stream) if stream else contextlib.nullcontext():
                start.wait()
                lengths = in_turn(10) if name == "a" else [64, 256, 16] * n(4)
                serve(truth, models[name], lengths, n(32, 4), sync=stream.synchronize if stream else None, model=name)
        except BaseException as e:
            failed.append(e)
            raise

    threads = [threading.Thread(target=body, args=(name,)) for name in models]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if failed:
        raise failed[0]
    truth.notes.append("end_ns is after cudaStreamSynchronize of the thread's own stream; the threads' passes overlap")
    return truth


# --- torch.compile


def compiled(mode, compile_prefill):
    """compile_prefill: prefills run compiled too, one graph for each length."""
    import torch
    from torch._dynamo.utils import counters

    model = gpt2(layers=4)
    fast = torch.compile(model, mode=mode, dynamic=False)
    cache = static_cache(model, 192)
    truth = Truth(torch_sync())
    begin = torch.compiler.cudagraph_mark_step_begin
    token = torch.zeros(1, 1, dtype=torch.long, device=device())

    def run(f, ids, first=False):  # the result's memory belongs to a CUDA graph: copied before the next step
        if first:
            cache.reset()
        begin()
        token.copy_(forward(f, ids, cache))

    for request in range(n(12, 3)):
        length = (16, 51, 128)[request % 3]
        ids = prompt(length)
        truth.run("prefill", length, lambda: run(fast if compile_prefill else model, ids, True), request=request)
        for _ in range(n(32, 4) - 1):
            truth.run("decode", 1, lambda: run(fast, token), request=request)
    truth.notes.append("first calls of a shape hold its compilation; a prefill empties the cache first")
    truth.notes.append({"unique_graphs": counters["stats"]["unique_graphs"],
                        "cudagraph_skips": counters["inductor"]["cudagraph_skips"]})
    return truth


@row
def gpt2_compile():
    return compiled(None, True)


@row
def gpt2_reduce_overhead():
    return compiled("reduce-overhead", False)


# --- a CUDA graph captured by hand


@row
def graph_decode():
    import torch

    model = plain_decoder(8, 512, 32000, 640, "float32")
    truth = Truth(torch_sync())
    at, token = torch.zeros(1, dtype=torch.long, device=device()), torch.zeros(1, 1, dtype=torch.long, device=device())

    def step():  # in place: the graph reads and writes the same memory every time
        token.copy_(model(token, at))
        at.add_(1)

    def first(ids):
        token.copy_(model(ids, torch.arange(ids.shape[1], device=device())))
        at.fill_(ids.shape[1])

    replay = step
    for request, length in enumerate(in_turn(12)):
        ids = prompt(length)
        truth.run("prefill", length, lambda: first(ids), request=request)
        done = 0
        if request == 0 and device() == "cuda":
            side = torch.cuda.Stream()  # libraries initialise outside the capture
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for done in range(1, 4):
                    truth.run("decode", 1, step, request=request, captured=False)
            torch.cuda.current_stream().wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            start = now()
            with torch.cuda.graph(graph):
                step()
            truth.sync()
            truth.notes.append({"capture_ns": [start, now()]})
            truth.ended.clear()  # the capture is no part of the next step
            replay = graph.replay
        for _ in range(n(48, 5) - 1 - done):
            truth.run("decode", 1, replay, request=request)
    truth.notes.append("request 0 begins with 3 eager decode steps on a side stream, then the step is captured")
    return truth


# --- generate(): the library decides; a pass is what a reader of the stream waits for: from token to token


class Stream:
    """What generate() gives the tokens to, each copied to the host: put() is called with the prompt, then with each."""

    def __init__(self, truth, request, length):
        self.truth, self.request, self.length, self.calls = truth, request, length, 0
        self.since, self.called = now(), False

    def ready(self):
        """The inputs of a forward call are there; before the first one generate() only checked and made them."""
        if not self.called:
            self.since, self.called = now(), True

    def put(self, value):
        end, call = now(), self.calls
        self.calls += 1
        if call:  # the first is the prompt itself
            self.truth.passes.append({"start_ns": self.since, "end_ns": end, "label": "decode" if call > 1 else "prefill",
                                      "tokens": 1 if call > 1 else self.length, "batch": 1, "request": self.request,
                                      "thread": threading.get_native_id()})
            self.since = end

    def end(self):
        pass


def generate(lengths, **options):
    import torch
    from transformers import CompileConfig

    model = llama(layers=4)
    truth = Truth(torch_sync(), timed="step")
    if device() == "cpu" and options:  # to try it: elsewhere the library compiles for GPUs only
        options["compile_config"] = CompileConfig(mode="default")
        options["compile_config"]._compile_all_devices = True
    new, streams, prepare = n(32, 4), [], model.prepare_inputs_for_generation

    @functools.wraps(prepare)
    def prepared(*args, **kwargs):
        inputs = prepare(*args, **kwargs)
        streams[-1].ready()
        return inputs

    model.prepare_inputs_for_generation = prepared
    for request, length in enumerate(lengths):
        ids = prompt(length)
        mask = torch.ones_like(ids)
        truth.sync()
        streams.append(Stream(truth, request, length))
        model.generate(ids, attention_mask=mask, max_new_tokens=new, min_new_tokens=new, do_sample=False,
                       streamer=streams[-1], **options)
    truth.notes.append("a prefill lasts from when generate() calls the model to the first token on the host, a decode step "
                       "from token to token; the stopping criterion is part of the next step")
    if getattr(model, "_compiled_call", None):
        truth.notes.append("decode runs compiled")
    return truth


@row
def generate_dynamic():
    return generate(in_turn(12))


@row
def generate_static():
    """The longest prompt first: a longer one would make the library build, and compile for, a larger cache."""
    return generate([300, 16, 51, 128, 1, 7, 300, 16, 51, 128, 7, 1][:n(12, 2)], cache_implementation="static")


# --- JAX


def jax_requests(layers, width, heads, vocab, sizes):
    import jax
    import jax.numpy as jnp
    import numpy

    length = max(sizes) + 64
    keys = iter(jax.random.split(jax.random.key(0), 4 * layers + 2))

    def weight(*shape):
        return jax.random.normal(next(keys), shape) * 0.02

    w = {"token": weight(vocab, width), "place": weight(length, width),
         "layers": [{"qkv": weight(width, 3 * width), "out": weight(width, width), "up": weight(width, 4 * width),
                     "down": weight(4 * width, width)} for _ in range(layers)]}

    def norm(x):
        return x * jax.lax.rsqrt(jnp.mean(x * x, -1, keepdims=True) + 1e-6)

    def step(w, cache, ids, start):
        """ids: (T,) from position start. Gives the next token and the cache."""
        at = start + jnp.arange(ids.shape[0])
        x, mask, new = w["token"][ids] + w["place"][at], jnp.arange(length)[None] <= at[:, None], []
        for p, (ck, cv) in zip(w["layers"], cache):
            q, k, v = (t.reshape(-1, heads, width // heads) for t in jnp.split(norm(x) @ p["qkv"], 3, -1))
            ck, cv = (jax.lax.dynamic_update_slice(c, t, (start, 0, 0)) for c, t in ((ck, k), (cv, v)))
            s = jnp.where(mask, jnp.einsum("qhd,khd->hqk", q, ck) / 8.0, -1e9)
            x = x + jnp.einsum("hqk,khd->qhd", jax.nn.softmax(s, -1), cv).reshape(-1, width) @ p["out"]
            x = x + jax.nn.gelu(norm(x) @ p["up"]) @ p["down"]
            new.append((ck, cv))
        return jnp.argmax(norm(x[-1:]) @ w["token"].T, -1), new

    def run(f, cache, ids, start):
        token, cache = f(w, cache, ids, start)
        numpy.asarray(token)  # as a server reads it; waits for it
        return token, cache

    prefill, decode = jax.jit(step), jax.jit(step, donate_argnums=1)
    empty = [(jnp.zeros((length, heads, width // heads)),) * 2 for _ in range(layers)]
    jax.block_until_ready((w, empty))
    truth = Truth(lambda: None)
    for request in range(n(36, 6)):
        size = sizes[request % 3]
        ids = jax.block_until_ready(jax.device_put(numpy.arange(size, dtype=numpy.int32) + numpy.int32(3 + request)))
        token, cache = truth.run("prefill", size, lambda: run(prefill, empty, ids, 0), request=request)
        for i in range(n(32, 4) - 1):
            token, cache = truth.run("decode", 1, lambda: run(decode, cache, token, size + i), request=request)
    truth.notes.append("end_ns is when the token was read; first calls of a shape hold its compilation")
    truth.notes.append("platform: " + jax.devices()[0].platform)
    return truth


@row
def jax_decode():
    return jax_requests(layers=36, width=1280, heads=20, vocab=50257, sizes=(64, 256, 512))


@row
def jax_small():
    """Passes of half a millisecond, little more than the host needs to learn that one is done. Only when asked for."""
    return jax_requests(layers=6, width=512, heads=8, vocab=16384, sizes=(7, 51, 128))


# --- no inference of a language model: nothing here is a prefill or a decode step


@row
def train_loop():
    import torch

    model = gpt2(layers=4, width=256).train()
    best = torch.optim.AdamW(model.parameters(), lr=1e-4)
    truth = Truth(torch_sync(), timed="step")

    def step(ids):
        best.zero_grad()
        model(input_ids=ids, labels=ids).loss.backward()
        best.step()

    for i in range(n(200, 3)):
        ids = prompt(64, 8)
        truth.run("pass", 64, lambda: step(ids), 8, i)
    return truth


@row
def gemm_loop():
    import torch

    a, b = torch.randn(2, 2048, 2048, device=device())
    truth = Truth(torch_sync(), timed="step")
    for i in range(n(10, 2)):
        truth.run("pass", 2048, lambda: [a @ b for _ in range(50)], request=i, calls=50)
    truth.notes.append("one pass is 50 equal matrix products with one synchronisation after them")
    return truth


@row
def classifier():
    import torch

    model = conv_net()
    truth = Truth(torch_sync(), timed="step")
    count = n(300, 3)
    for i in range(count):
        size = 5 if i == count - 1 else 16  # what is left of the data set
        x = torch.randn(size, 3, 128, 128).to(device())
        truth.run("pass", 1, lambda: model(x).argmax(-1), size, i)
    return truth


@row
def diffusion():
    import torch

    model = unet()
    truth = Truth(torch_sync(), timed="step")
    steps = n(50, 5)
    for sample in range(n(12, 2)):
        state = {"x": torch.randn(2, 4, 64, 64, device=device())}

        def step(t):
            state["x"] = state["x"] * 0.99 - 0.02 * model(state["x"], t)

        for i in range(steps, 0, -1):
            t = torch.tensor([float(i)]).to(device())
            truth.run("pass", 1, lambda: step(t), 2, sample)
    return truth


# --- servers

ROWS.update({f.__name__: functools.partial(f, Truth, n) for f in work_batch.ROWS})


def main():
    global SCALE
    p = argparse.ArgumentParser()
    p.add_argument("row", choices=sorted(ROWS))
    p.add_argument("--scale", type=float, default=1.0, help="how much of the row runs")
    a = p.parse_args()
    SCALE = a.scale
    if a.row.startswith("jax_"):
        truth = ROWS[a.row]()
    else:
        import torch

        if device() == "cpu":
            torch.set_num_threads(2)
        mode = torch.inference_mode()
        if a.row == "train_loop":
            mode = contextlib.nullcontext()
        elif a.row in ("gpt2_compile", "gpt2_reduce_overhead", "generate_static"):
            mode = torch.no_grad()  # what is compiled keeps its cache in ordinary tensors
        with mode:
            truth = ROWS[a.row]()
    truth.write(a.row)
    print("%s: %d passes, %d runs" % (a.row, len(truth.passes), len(truth.runs)), flush=True)


if __name__ == "__main__":
    sys.exit(main())
