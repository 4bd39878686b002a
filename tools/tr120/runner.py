#!/usr/bin/env python3
"""One program of the audit: `runner.py VARIANT`, with what it knows of itself in $TR120_TRUTH (truth.py). See audit.sh.

The variants A and E are TR120's controlled runner again: GPT-2 with random weights, fp32, batch 1; nine prompts of the lengths
of TR120, as random token ids; prefill, then kv_decode (64 greedy tokens, no synchronisation between them), then e2e_kv, each for
every prompt, with the same compiled object. TR120 ran eager and compiled code side by side in one process; here a process runs
one of them: from outside, a process that runs both cannot be said to be either, and E is the reference.
The variants L and N (served.py) are more of the same lie, and programs that must not be taken for it.

Nothing is downloaded. Without a GPU the programs run on the CPU, to try them.
"""
import argparse
import dataclasses
import os
import random
import sys

for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
    os.environ.setdefault(name, "1")

from truth import Truth, versions  # noqa: E402

PROMPTS = [("single_micro", (1, 1)), ("single_short", (9, 11)), ("single_medium", (17, 19)), ("single_long", (27, 25)),
           ("stress_single", (51,))]
VOCABULARY = 50257
MODELS = {"tiny": (2, 2, 2), "gpt2": (12, 768, 12)}  # layers, width, heads


@dataclasses.dataclass(frozen=True)
class Variant:
    what: str
    label: str = "transformers-gpu-compile"
    backend: str | None = "inductor"
    dynamic: bool = False
    dummy: bool = True  # one call with 8 tokens after compiling, as TR120 makes it: it takes one place of the limit
    reset: bool = False  # Dynamo, after the dummy call
    padded: bool = False
    trees: bool = True
    limit: int | None = None
    static_cache: bool = False
    warm: bool = False


VARIANTS = {
    "E": Variant("eager, the reference", label="transformers-gpu", backend=None),
    "A1": Variant("torch.compile is never called", backend=None),
    "A2": Variant('backend="cudagraphs"', backend="cudagraphs", dummy=False),
    "A3": Variant('backend="aot_eager"', backend="aot_eager", dummy=False),
    "A4": Variant("TR120: a graph for each length, after a dummy call"),
    "A5": Variant("as A4, Dynamo reset after the dummy call", reset=True),
    "A6": Variant("prompts padded to multiples of 8", padded=True),
    "A6t": Variant("as A6, without CUDA graph trees, as TR120 ran it", padded=True, trees=False),
    "A7": Variant("dynamic=True", dynamic=True),
    "A8": Variant("recompile_limit=64", limit=64),
    "A8s": Variant("recompile_limit=64, StaticCache", limit=64, static_cache=True),
    "A9": Variant("A4 again with the caches of the run before", warm=True),
}


def gpt2(kind):
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(42)
    layers, width, heads = MODELS[kind]
    model = GPT2LMHeadModel(GPT2Config(n_layer=layers, n_embd=width, n_head=heads, vocab_size=VOCABULARY))
    return model.eval().to(device())


def device():
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def sync():
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()


def static_cache(model, length):
    """With its tensors made now: a compiled prefill cannot make them."""
    from transformers import StaticCache

    c = model.config
    cache = StaticCache(config=c, max_cache_len=length)
    cache.early_initialization(1, c.n_head, c.n_embd // c.n_head, model.dtype, model.device)
    return cache


def prompts(padded):
    """By scenario: [(index, length, token ids, mask or None)]."""
    import torch

    pick, result, index = random.Random(120), [], 0
    for _, lengths in PROMPTS:
        wide = -(-max(lengths) // 8) * 8
        scenario = []
        for n in lengths:
            ids = [pick.randrange(VOCABULARY) for _ in range(n)]
            mask = None
            if padded:
                mask = torch.tensor([[1] * n + [0] * (wide - n)], device=device())
                ids += [VOCABULARY - 1] * (wide - n)
            scenario.append((index, len(ids), torch.tensor([ids], device=device()), mask))
            index += 1
        result.append(scenario)
    return result


class Runner:
    def __init__(self, name, a):
        self.v, self.a = VARIANTS[name], a
        v = self.v
        self.truth = Truth(name, sync, program="tr120", label=v.label, **{"is": v.what}, backend=v.backend,
                           mode="reduce-overhead" if v.backend == "inductor" else None, dynamic=v.dynamic,
                           inductor=v.backend == "inductor", part=None, warm=v.warm, model=a.model, reps=a.reps,
                           decode_reps=a.decode_reps, warmups=a.warmups, new_tokens=a.tokens)

    def compile(self, model):
        import torch

        v = self.v
        if v.limit:
            config = torch._dynamo.config
            for name in ("recompile_limit", "accumulated_recompile_limit"):
                if hasattr(config, name):
                    setattr(config, name, max(v.limit, getattr(config, name)))
        if not v.trees:
            import torch._inductor.config

            torch._inductor.config.triton.cudagraph_trees = False
        # A mode is Inductor's; the backend "cudagraphs" does not take one.
        more = {"mode": "reduce-overhead"} if v.backend == "inductor" else {}
        return torch.compile(model, backend=v.backend, dynamic=v.dynamic, fullgraph=False, **more)

    def setup(self):
        import torch

        model = gpt2(self.a.model)
        self.truth.facts["versions"] = versions()
        self.model, self.cache = model, None
        if self.v.static_cache:
            self.cache = static_cache(model, -(-(max(n for _, p in PROMPTS for n in p) + self.a.tokens) // 64) * 64)
        if not self.v.backend:
            return
        self.truth.hook()
        self.model = self.compile(model)
        if self.v.dummy:
            with torch.no_grad():
                self.model(input_ids=torch.ones((1, 8), dtype=torch.long, device=device()), use_cache=True)
            sync()
        if self.v.reset:
            torch._dynamo.reset()

    def prefill(self, ids, mask):
        more = {} if mask is None else {"attention_mask": mask}
        if self.cache is not None:
            more["past_key_values"] = self.cache
        out = self.model(input_ids=ids, use_cache=True, **more)
        return out.logits[:, -1, :], out.past_key_values

    def decode(self, logits, past):
        import torch

        token = torch.argmax(logits, dim=-1, keepdim=True)
        for _ in range(self.a.tokens):
            torch.compiler.cudagraph_mark_step_begin()
            out = self.model(input_ids=token, use_cache=True, past_key_values=past)
            past = out.past_key_values
            token = torch.argmax(out.logits[:, -1, :], dim=-1, keepdim=True)

    def sample(self, mode, prompt, rep):
        import torch

        index, length, ids, mask = prompt
        if self.cache is not None:
            self.cache.reset()
        sync()
        torch.compiler.cudagraph_mark_step_begin()
        with torch.no_grad():
            logits, past = self.truth.region(mode, "prefill", length, index, rep, lambda: self.prefill(ids, mask))
            if mode != "prefill":
                self.truth.region(mode, "decode", length, index, rep, lambda: self.decode(logits, past), self.a.tokens)

    def run(self):
        """A failure of the setup is the program's; one of a mode is a fact."""
        with self.truth.mode("setup"):
            self.setup()
        if self.truth.facts["modes"][0]["error"]:
            return 1
        scenarios = prompts(self.v.padded)
        for mode in ("prefill", "kv_decode", "e2e_kv"):
            reps, warmups = (self.a.reps, self.a.warmups) if mode == "prefill" else (self.a.decode_reps, self.a.decode_warmups)
            with self.truth.mode(mode):
                for scenario in scenarios:
                    for rep in range(-warmups, reps):
                        for prompt in scenario:  # a scenario's prompts take turns, as in TR120
                            self.sample(mode, prompt, rep)
        return 0


def main():
    from served import REQUESTS, serve

    p = argparse.ArgumentParser()
    p.add_argument("variant", nargs="?")
    p.add_argument("--list", action="store_true", help="the variants")
    p.add_argument("--model", choices=sorted(MODELS), default="tiny")
    p.add_argument("--reps", type=int, default=30, help="of each prompt in prefill")
    p.add_argument("--warmups", type=int, default=3)
    p.add_argument("--decode-reps", type=int, default=30, help="of each prompt in kv_decode and e2e_kv")
    p.add_argument("--decode-warmups", type=int, default=3)
    p.add_argument("--tokens", type=int, default=64, help="to decode")
    a = p.parse_args()
    if a.list or a.variant not in {**VARIANTS, **REQUESTS}:
        for name, what in [(n, v.what) for n, v in VARIANTS.items()] + [(n, r.what) for n, r in REQUESTS.items()]:
            print("%-4s %s" % (name, what))
        return 0 if a.list else 2
    if device() == "cpu":
        import torch

        torch.set_num_threads(2)
    status = Runner(a.variant, a).run() if a.variant in VARIANTS else serve(a.variant, a)
    print("%s: status %d" % (a.variant, status), flush=True)
    return status


if __name__ == "__main__":
    sys.exit(main())
