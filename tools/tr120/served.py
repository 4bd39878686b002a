"""Programs of the audit that serve requests: a prefill and decode steps, each waited for, on a GPT-2 of 4 layers with random weights.

L3-L6 are called compiled and are not, or not as a whole; of N1 and N2 nothing is said, and each has something that could be taken for
compilation. L1 and L2 are A2 and A3 of runner.py.
"""
import dataclasses
import random

from truth import Truth, versions

LENGTHS = (16, 51, 128)


@dataclasses.dataclass(frozen=True)
class Request:
    what: str
    prepare: object  # (model, truth) -> what is called for each pass
    label: str = "compiled"
    backend: str | None = "inductor"
    part: str | None = None  # "pieces": the whole model, in pieces; "module": a part of it
    lengths: tuple = LENGTHS * 4
    warm_requests: int = 3
    steps: int = 24


def broken(model, truth):
    """torch.compile of a model with a graph break in every layer: each layer becomes graphs of its own, as far as the limit allows."""
    import torch
    from transformers.models.gpt2 import modeling_gpt2

    whole = modeling_gpt2.GPT2Block.forward

    def forward(self, *args, **more):
        torch._dynamo.graph_break()
        return whole(self, *args, **more)

    modeling_gpt2.GPT2Block.forward = forward
    return torch.compile(model)


def one_part(model, truth):
    model.transformer.h[0].mlp.compile()
    return model


def disabled(model, truth):
    import torch

    kind = type(model)
    model.__class__ = type("Disabled", (kind,), {"forward": torch._dynamo.disable(kind.forward)})
    return torch.compile(model)


def other_reference(model, truth):
    """Compiled and tried once; requests go to the model itself."""
    import torch

    compiled = torch.compile(model)
    compiled(input_ids=torch.ones((1, 8), dtype=torch.long, device=model.device), use_cache=True)
    return model


def triton_gelu(model, truth):
    import torch
    import triton
    import triton.language as tl

    @triton.jit
    def gelu_kernel(x, y, n, B: tl.constexpr):
        i = tl.program_id(0) * B + tl.arange(0, B)
        v = tl.load(x + i, mask=i < n)
        tl.store(y + i, v / (1 + tl.exp(-1.5957691216 * (v + 0.044715 * v * v * v))), mask=i < n)

    class Gelu(torch.nn.Module):
        def forward(self, x):
            x = x.contiguous()
            y = torch.empty_like(x)
            n = x.numel()
            gelu_kernel[((n + 1023) // 1024,)](x, y, n, B=1024)
            return y

    for layer in model.transformer.h:
        layer.mlp.act = Gelu()
    return model


REQUESTS = {
    "L3": Request("torch.compile, a graph break in every layer", broken, part="pieces"),
    "L4": Request("torch.compile of one layer's MLP", one_part, part="module"),
    "L5": Request("torch.compile, Dynamo disabled by a decorator", disabled),
    "L6": Request("torch.compile, but the model itself is called", other_reference),
    "N1": Request("eager, with a Triton kernel of its own", triton_gelu, label="eager", backend=None),
    "N2": Request("eager, a long prompt now and then", lambda model, truth: model, label="eager", backend=None,
                  lengths=((16,) * 7 + (900,)) * 6, warm_requests=8, steps=8),
}


def serve(name, a):
    import torch
    from runner import VOCABULARY, device, sync
    from transformers import DynamicCache, GPT2Config, GPT2LMHeadModel

    r = REQUESTS[name]
    truth = Truth(name, sync, program="requests", label=r.label, **{"is": r.what}, backend=r.backend, mode=None, dynamic=None,
                  inductor=bool(r.backend), part=r.part, warm=False, steps=r.steps)
    state = {}

    def setup():
        torch.manual_seed(120)
        model = GPT2LMHeadModel(GPT2Config(n_layer=4, n_embd=512, n_head=8, vocab_size=VOCABULARY)).eval().to(device())
        truth.facts["versions"] = versions()
        if r.backend:
            truth.hook()
        state.update(call=r.prepare(model, truth), config=model.config)

    def forward(ids, cache):
        return state["call"](input_ids=ids, past_key_values=cache, use_cache=True).logits[:, -1:].argmax(-1)

    with torch.no_grad():
        with truth.mode("setup"):
            setup()
            sync()
        if truth.facts["modes"][0]["error"]:
            return 1
        pick = random.Random(121)
        with truth.mode("serve"):
            for request, length in enumerate(r.lengths):
                rep = request - r.warm_requests  # < 0: each length once
                cache = DynamicCache(config=state["config"])
                ids = torch.tensor([[pick.randrange(VOCABULARY) for _ in range(length)]], device=device())
                token = truth.region("serve", "prefill", length, request, rep, lambda: forward(ids, cache))
                for _ in range(r.steps):
                    token = truth.region("serve", "decode", length, request, rep, lambda: forward(token, cache))
    return 0
