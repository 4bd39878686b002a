"""Servers for work.py: several sequences in one forward pass, prompts in parts, calls before anything is served.

Rows take Truth and n (a count, shortened by --scale) from work.py and give a Truth back. Labels, beside those of
work.py: "mixed", a pass over a prompt, or a part of one, and over the next token of sequences that run already;
"warmup", a call whose result nobody uses. tokens: rows of the pass in all; batch: sequences in it. A pass holds the
forward pass, the choice and the tokens read back; of a decode or mixed pass also what the server does after the tokens
before it were there, as copying them in.
"""
import random

from models import batch_decoder, device, torch_sync

SLOTS, LENGTH, VOCAB = 8, 640, 32000


class Server:
    """Sequences in slots of one cache; every step is one forward pass over the tokens of all, laid flat."""

    def __init__(self, truth, model, seed=0):
        self.truth, self.model = truth, model
        self.running = {}  # slot: [tokens to come, position, last token, request]
        self.pick = random.Random(seed)
        self.requests = 0

    def inputs(self, parts, ask):
        """On the device. parts: [(slot, position of the first, tokens)]; ask: the parts whose next token is wanted."""
        import torch

        ids, slots, places, last = [], [], [], []
        for slot, at, tokens in parts:
            ids += tokens
            slots += [slot] * len(tokens)
            places += range(at, at + len(tokens))
            last.append(len(ids) - 1)
        rows = torch.tensor([ids, slots, places]).to(device())
        return rows, torch.tensor([last[i] for i in ask]).to(device()) if ask else None

    def forward(self, rows, wanted):
        """The tokens that are wanted."""
        result = self.model(rows, wanted)
        return [] if wanted is None else result.tolist()

    def step(self, slot=None, tokens=(), at=0, whole=True, ride=True):
        """One pass: over `tokens` of a prompt for `slot`, from position `at`, whole: these are its last ones; and, unless
        ride is false, over all that run."""
        parts = [(s, r[1], [r[2]]) for s, r in self.running.items()] if ride else []
        ran = [s for s, _, _ in parts]
        label = "decode" if slot is None else "mixed" if ran else "prefill"
        ask = list(range(len(parts)))
        if slot is not None:
            if whole:
                ask.append(len(parts))
            parts.append((slot, at, list(tokens)))
        inputs = self.inputs(parts, ask)
        got = self.truth.run(label, sum(len(p[2]) for p in parts), lambda: self.forward(*inputs), len(parts), self.requests)
        for s, token in zip(ran, got):
            r = self.running[s]
            r[0], r[1], r[2] = r[0] - 1, r[1] + 1, token
            if r[0] <= 0:
                del self.running[s]
        return got[-1] if slot is not None and whole else None

    def free_slot(self):
        return next(s for s in range(SLOTS) if s not in self.running)

    def prompt(self, length):
        return [self.pick.randrange(3, VOCAB) for _ in range(length)]

    def request(self, length, new, part=None, ride=True):
        """The passes of a prompt; its first token comes with the last of them. new: tokens it is to get in all."""
        slot, tokens, at = self.free_slot(), self.prompt(length), 0
        part = part or length
        while at < length:
            some = tokens[at:at + part]
            token = self.step(slot, some, at, at + len(some) == length, ride)
            at += len(some)
        self.requests += 1
        self.running[slot] = [new - 1, length, token, self.requests]

    def drain(self):
        while self.running:
            self.step()


def server(Truth):
    model = batch_decoder(6, 512, VOCAB, SLOTS, LENGTH, "bfloat16" if device() == "cuda" else "float32")
    return Server(Truth(torch_sync(), timed="step"), model)


def serve(s, n, ride):
    """A request comes every few steps."""
    lengths = (51, 128, 16, 300, 64, 200, 7)
    count, sent = n(48, 6), 0
    while sent < count or s.running:
        if sent < count and len(s.running) < SLOTS:
            s.request(lengths[sent % len(lengths)], s.pick.randrange(8, 33), ride=ride)
            sent += 1
            if sent % 12 == 0:  # nothing comes for a while: all end, and the next prompt is alone
                s.drain()
        for _ in range(s.pick.randrange(1, 8)):
            if s.running:
                s.step()
    s.truth.notes.append("every pass reads back one token for each sequence in it")
    return s.truth


def continuous(Truth, n):
    """A new request's prompt joins the pass in which the others get their next token."""
    return serve(server(Truth), n, True)


def prompts_alone(Truth, n):
    """The same, but the others wait while a pass is over the prompt alone."""
    return serve(server(Truth), n, False)


def chunked(Truth, n):
    """Prompts in parts of 128: first one request after another, then with others that run."""
    s = server(Truth)
    lengths = (300, 512, 384, 440, 385, 340, 500)
    for i in range(n(10, 3)):
        s.request(lengths[i % len(lengths)], 24, part=128)
        s.drain()
    for i in range(n(24, 4)):
        if len(s.running) == SLOTS:
            s.drain()
        s.request(lengths[i % len(lengths)], s.pick.randrange(12, 41), part=128)
        for _ in range(s.pick.randrange(2, 9)):
            if s.running:
                s.step()
    s.drain()
    s.truth.notes.append("a part that is not the last of its prompt brings no token back; the last part of 385 is one token")
    return s.truth


def dummy_first(Truth, n):
    """Calls of several sizes before anything is served, once and then three times each; then requests, one by one."""
    s = server(Truth)
    for times, sizes in ((1, (512, 256, 64, 16, 1)), (3, (256, 32, 1))):
        for size in sizes:
            for _ in range(times):
                inputs = s.inputs([(0, 0, [3] * size)], [])
                s.truth.run("warmup", size, lambda: s.forward(*inputs), 1)
    for i in range(n(12, 4)):
        s.request((51, 128, 16, 300, 7)[i % 5], n(24, 6))
        s.drain()
    s.truth.notes.append("warm-up calls compute no token and read nothing back")
    return s.truth


ROWS = (continuous, prompts_alone, chunked, dummy_first)
