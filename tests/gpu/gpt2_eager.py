"""(b) GPT-2, eager: greedy generation with a KV cache, batch 1."""
import common

a = common.options(
    common.opt("--dtype", choices=("fp32", "fp16"), default="fp16"),
    common.opt("--layers", type=int, default=12),
    common.opt("--prompts", default="9,27,51", help="lengths"),
    common.opt("--new", type=int, default=48, help="tokens per prompt"),
    common.opt("--rounds", type=int, default=1),
    common.opt("--generate", action="store_true", help="model.generate instead of the loop written here"),
)
import torch

passes = 0


def generate(model, ids):
    global passes
    passes += a.new
    if a.generate:
        model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=a.new, min_new_tokens=a.new,
                       do_sample=False, pad_token_id=50256)
        return
    out = model(ids, use_cache=True)
    token = out.logits[:, -1:].argmax(-1)
    for _ in range(a.new - 1):
        out = model(token, past_key_values=out.past_key_values, use_cache=True)
        token = out.logits[:, -1:].argmax(-1)
        token.item()  # what a server does with every token


@torch.inference_mode()
def body():
    model = common.gpt2(a.layers, a.dtype)
    for _ in range(a.rounds):
        for n in map(int, a.prompts.split(",")):
            generate(model, torch.arange(n, device=common.device())[None])


facts = common.counted(a.profile, body)
common.finish("gpt2_eager", passes=passes, **facts)
