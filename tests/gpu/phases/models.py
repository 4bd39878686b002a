"""The models of work.py: random weights, on the GPU when there is one; nothing is downloaded. torch is imported late:
the JAX row must not load it."""
import contextlib


def device():
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def torch_sync():
    import torch

    return torch.cuda.synchronize if device() == "cuda" else lambda: None


def place(model, dtype="float32"):
    import torch

    return model.eval().to(device=device(), dtype=getattr(torch, dtype))


def gpt2(layers=8, width=512, seed=0):
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(seed)
    return place(GPT2LMHeadModel(GPT2Config(n_layer=layers, n_embd=width, n_head=width // 64)))


def llama_config(layers=6, width=512, **more):
    from transformers import LlamaConfig

    return LlamaConfig(vocab_size=32000, hidden_size=width, intermediate_size=width * 11 // 4, num_hidden_layers=layers,
                       num_attention_heads=width // 64, num_key_value_heads=width // 128, max_position_embeddings=2048,
                       bos_token_id=1, eos_token_id=2, pad_token_id=0, **more)


def llama(layers=6, width=512, seed=0):
    import torch
    from transformers import LlamaForCausalLM

    torch.manual_seed(seed)
    return place(LlamaForCausalLM(llama_config(layers, width)), "bfloat16")


def mixtral():
    import torch
    from transformers import MixtralConfig, MixtralForCausalLM

    torch.manual_seed(0)
    config = MixtralConfig(vocab_size=32000, hidden_size=256, intermediate_size=512, num_hidden_layers=4,
                           num_attention_heads=4, num_key_value_heads=2, num_local_experts=4, num_experts_per_tok=2,
                           max_position_embeddings=2048, bos_token_id=1, eos_token_id=2, pad_token_id=0)
    with contextlib.suppress(AttributeError, TypeError):
        config._experts_implementation = "eager"  # a loop over the experts that were hit: the host waits in every layer
    return place(MixtralForCausalLM(config), "bfloat16")


def prompt(length, batch=1, vocab=32000):
    """Made on the host, as a tokenizer's result is, and copied."""
    import torch

    return torch.randint(3, vocab, (batch, length)).to(device())


def dynamic_cache(model):
    from transformers import DynamicCache

    try:
        return DynamicCache(config=model.config)
    except TypeError:
        return DynamicCache()


def static_cache(model, length, batch=1):
    """With its tensors made now: a compiled prefill cannot make them."""
    from transformers import StaticCache

    c = model.config
    cache = StaticCache(config=c, max_cache_len=length)
    heads = getattr(c, "num_key_value_heads", None) or c.num_attention_heads
    cache.early_initialization(batch, heads, c.hidden_size // c.num_attention_heads, model.dtype, model.device)
    return cache


def plain_decoder(layers, width, vocab, length, dtype):
    """A decoder in plain PyTorch whose decode step has no shape and no address that changes: it can be captured."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
            self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
            self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)
            shape = (1, width // 64, length, 64)
            self.register_buffer("k", torch.zeros(shape), persistent=False)
            self.register_buffer("v", torch.zeros(shape), persistent=False)

        def forward(self, x, at, mask):
            q, k, v = (t.view(1, -1, width // 64, 64).transpose(1, 2) for t in self.qkv(self.norm1(x)).chunk(3, -1))
            self.k.index_copy_(2, at, k)
            self.v.index_copy_(2, at, v)
            y = F.scaled_dot_product_attention(q, self.k, self.v, attn_mask=mask)
            x = x + self.out(y.transpose(1, 2).reshape(1, -1, width))
            return x + self.down(F.gelu(self.up(self.norm2(x))))

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.token, self.place = nn.Embedding(vocab, width), nn.Embedding(length, width)
            self.layers, self.norm = nn.ModuleList(Layer() for _ in range(layers)), nn.LayerNorm(width)
            self.register_buffer("all", torch.arange(length), persistent=False)

        def forward(self, ids, at):
            """ids: (1, T); at: their T positions. Gives the next token, (1, 1)."""
            mask = self.all[None, :] <= at[:, None]
            x = self.token(ids) + self.place(at)[None]
            for layer in self.layers:
                x = layer(x, at, mask[None, None])
            return (self.norm(x[:, -1:]) @ self.token.weight.T).argmax(-1)

    torch.manual_seed(0)
    return place(Decoder(), dtype)


def batch_decoder(layers, width, vocab, slots, length, dtype):
    """A decoder of the Llama kind for a server: the tokens of several sequences are rows of one pass, and each sees what
    its own slot of the cache holds up to its place."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    heads = width // 64

    class Norm(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.ones(width))

        def forward(self, x):
            y = x.float()
            return self.weight * (y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + 1e-6)).to(x.dtype)

    class Layer(nn.Module):
        def __init__(self):
            super().__init__()
            self.norm1, self.norm2 = Norm(), Norm()
            self.qkv, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width, bias=False)
            self.gate, self.up, self.down = (nn.Linear(a, b, bias=False) for a, b in (
                (width, 2 * width), (width, 2 * width), (2 * width, width)))
            self.register_buffer("k", torch.zeros(slots * length, heads, 64), persistent=False)
            self.register_buffer("v", torch.zeros(slots * length, heads, 64), persistent=False)

        def forward(self, x, cos, sin, cell, mask):
            q, k, v = (t.view(-1, heads, 64) for t in self.qkv(self.norm1(x)).chunk(3, -1))
            q, k = (t * cos + torch.cat((-t[..., 32:], t[..., :32]), -1) * sin for t in (q, k))
            self.k.index_copy_(0, cell, k.to(self.k.dtype))
            self.v.index_copy_(0, cell, v)
            q, k, v = (t.transpose(0, 1)[None] for t in (q.to(self.k.dtype), self.k, self.v))
            y = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
            x = x + self.out(y[0].transpose(0, 1).reshape(-1, width))
            y = self.norm2(x)
            return x + self.down(F.silu(self.gate(y)) * self.up(y))

    class Decoder(nn.Module):
        def __init__(self):
            super().__init__()
            self.token = nn.Embedding(vocab, width)
            self.layers, self.norm = nn.ModuleList(Layer() for _ in range(layers)), Norm()
            angle = torch.arange(length)[:, None] / 10000 ** (torch.arange(32) / 32)[None]
            angle = torch.cat((angle, angle), -1)[:, None]
            self.register_buffer("cos", angle.cos(), persistent=False)
            self.register_buffer("sin", angle.sin(), persistent=False)
            self.register_buffer("all", torch.arange(slots * length), persistent=False)

        def forward(self, rows, last):
            """rows: (3, T): tokens, slots, places. last: rows whose next token is wanted, or None. Gives these."""
            ids, slot, at = rows
            cell = slot * length + at
            mask = (self.all[None] >= (slot * length)[:, None]) & (self.all[None] <= cell[:, None])
            x, cos, sin = self.token(ids), self.cos[at], self.sin[at]
            for layer in self.layers:
                x = layer(x, cos, sin, cell, mask[None, None])
            if last is not None:
                return (self.norm(x[last]) @ self.token.weight.T).argmax(-1)

    torch.manual_seed(0)
    return place(Decoder(), dtype)


def conv_net():
    """Six convolutions and a classifier of 1000 classes."""
    import torch
    from torch import nn

    torch.manual_seed(0)
    parts, width = [], 3
    for out in (32, 64, 64, 128, 128, 256):
        parts += [nn.Conv2d(width, out, 3, 1 + (out > width), 1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
        width = out
    return place(nn.Sequential(*parts, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 1000)))


def unet():
    """A small convolutional network with a time step, as diffusion models have."""
    import torch
    from torch import nn
    from torch.nn import functional as F

    class Block(nn.Module):
        def __init__(self, a, b):
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(a, b, 3, padding=1), nn.Conv2d(b, b, 3, padding=1)
            self.norm, self.time, self.skip = nn.GroupNorm(8, b), nn.Linear(128, b), nn.Conv2d(a, b, 1)

        def forward(self, x, t):
            h = F.silu(self.norm(self.conv1(x))) + self.time(t)[:, :, None, None]
            return self.skip(x) + F.silu(self.conv2(h))

    class UNet(nn.Module):
        def __init__(self):
            super().__init__()
            self.down = nn.ModuleList([Block(4, 64), Block(64, 128), Block(128, 128)])
            self.up = nn.ModuleList([Block(256, 128), Block(192, 64)])
            self.last = nn.Conv2d(64, 4, 1)
            self.register_buffer("f", torch.exp(-torch.arange(64) / 8.0), persistent=False)

        def forward(self, x, t):
            t, kept = torch.cat(((t * self.f).sin(), (t * self.f).cos()))[None], []
            for i, b in enumerate(self.down):
                x = b(F.avg_pool2d(x, 2) if i else x, t)
                kept.append(x)
            for b, k in zip(self.up, (kept[1], kept[0])):
                x = b(torch.cat((F.interpolate(x, scale_factor=2.0), k), 1), t)
            return self.last(x)

    torch.manual_seed(0)
    return place(UNet())
