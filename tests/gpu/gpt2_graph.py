"""(d) a GPT-2 forward pass captured in one CUDA graph and replayed."""
import common

a = common.options(
    common.opt("--layers", type=int, default=12),
    common.opt("--length", type=int, default=16),
    common.opt("--replays", type=int, default=1000),
)
import torch


@torch.inference_mode()
def body():
    model = common.gpt2(a.layers, "fp16")
    ids = torch.arange(a.length, device="cuda")[None]
    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):  # libraries initialise outside the capture
        for _ in range(3):
            model(ids, use_cache=False)
    torch.cuda.current_stream().wait_stream(side)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        token = model(ids, use_cache=False).logits[:, -1].argmax(-1)
    for _ in range(a.replays):
        graph.replay()
        token.item()


facts = common.counted(a.profile, body)
common.finish("gpt2_graph", graph_launches=a.replays, **facts)
