"""What a program of the audit knows of itself, written as one JSON object to $TR120_TRUTH:

  variant, program       name; "tr120" (TR120's runner) or "requests"
  label                  what such a program is called where only labels are read
  is                     what it really does, in words
  backend, mode, dynamic of torch.compile; backend null: never called
  inductor               its backend is Inductor
  part                   at best a part of the model is compiled, or it is compiled in pieces
  warm                   its caches were filled by a run before
  modes                  [{mode, start_ns, end_ns, graphs, limit, counters, error}] in order; the first is "setup": the model
                         is built, compiled and called with a dummy. graphs: Dynamo's unique_graphs of this mode; limit: how
                         often it says that the recompile limit was reached; counters: all of Dynamo's, cleared before;
                         error: how the application failed, or null
  regions                [{mode, kind, tokens, prompt, rep, calls, start_ns, end_ns, graphs, replays, inductor}]: kind is
                         prefill or decode; tokens the prompt's length (padded); rep < 0 in the warm-up; calls of the model;
                         start_ns and end_ns are CLOCK_MONOTONIC, the device synchronised before both; graphs that Dynamo
                         compiled, CUDA graphs that were replayed and Inductor kernels that were launched within it
  samples_ms             {mode: {prompt: [...]}}: of regions with rep >= 0; e2e_kv: prefill and decode added
  hooks                  false: replays and inductor could not be counted and are 0
  versions, notes        what a reader has to know

The counts come from within PyTorch (torch.cuda.CUDAGraph.replay, CachingAutotuner.run), not from a trace.
"""
import contextlib
import json
import os
import platform
import time


def now():
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


def dynamo_counters():
    from torch._dynamo.utils import counters

    return counters


def plain(counters):
    return {str(k): {str(n)[:160]: v for n, v in c.items()} for k, c in list(counters.items()) if c}


def limit_hits(counters):
    return sum(v for c in counters.values() for n, v in c.items() if "limit" in n and ("recompile" in n or "cache_size" in n))


class Truth:
    def __init__(self, variant, sync, **facts):
        self.facts = {"variant": variant, **facts, "modes": [], "regions": [], "hooks": False, "notes": []}
        self.regions, self.sync, self.replays, self.inductor = self.facts["regions"], sync, 0, 0

    def hook(self):
        """Counts replays and Inductor's launches from now on. Before anything is compiled."""
        try:
            import torch

            replay = torch.cuda.CUDAGraph.replay

            def counted_replay(graph):
                self.replays += 1
                return replay(graph)

            torch.cuda.CUDAGraph.replay = counted_replay
            if self.facts.get("backend"):
                from torch._inductor.runtime.triton_heuristics import CachingAutotuner

                run = CachingAutotuner.run

                def counted_run(kernel, *args, **more):
                    self.inductor += 1
                    return run(kernel, *args, **more)

                CachingAutotuner.run = counted_run
            self.facts["hooks"] = True
        except Exception as e:
            self.note("no hooks: %r" % e)

    def note(self, text):
        self.facts["notes"].append(str(text)[:400])

    def graphs(self):
        return dynamo_counters().get("stats", {}).get("unique_graphs", 0)

    @contextlib.contextmanager
    def mode(self, name):
        """An error of the application ends the mode and is a fact."""
        dynamo_counters().clear()
        mode = {"mode": name, "start_ns": now(), "error": None}
        self.facts["modes"].append(mode)
        try:
            yield
        except Exception as e:
            lines = [line for line in str(e).splitlines() if line.strip()]
            mode["error"] = ("%s: %s" % (type(e).__name__, lines[0] if lines else ""))[:400]
            print("%s: %s" % (name, str(e)[:4000]), flush=True)
        finally:
            with contextlib.suppress(Exception):
                self.sync()
            counters = plain(dynamo_counters())
            mode.update(end_ns=now(), graphs=counters.get("stats", {}).get("unique_graphs", 0), limit=limit_hits(counters),
                        counters=counters)
            self.write()

    def region(self, mode, kind, tokens, prompt, rep, call, calls=1):
        """What call() gives back."""
        graphs, replays, inductor = self.graphs(), self.replays, self.inductor
        self.sync()
        start = now()
        result = call()
        self.sync()
        end = now()
        self.regions.append({"mode": mode, "kind": kind, "tokens": tokens, "prompt": prompt, "rep": rep, "calls": calls,
                             "start_ns": start, "end_ns": end, "graphs": self.graphs() - graphs,
                             "replays": self.replays - replays, "inductor": self.inductor - inductor})
        return result

    def samples(self):
        """A prefill and the decode after it are one sample in e2e_kv; in kv_decode the prefill is not timed."""
        of, before = {}, {}
        for r in self.regions:
            ms, key = (r["end_ns"] - r["start_ns"]) / 1e6, (r["mode"], r["prompt"])
            if r["kind"] == "prefill":
                before[key] = ms
            if r["rep"] < 0 or (r["kind"] == "prefill" and r["mode"] in ("kv_decode", "e2e_kv")):
                continue
            ms += before.get(key, 0) if r["mode"] == "e2e_kv" else 0
            of.setdefault(r["mode"], {}).setdefault(str(r["prompt"]), []).append(round(ms, 4))
        return of

    def write(self):
        path = os.environ["TR120_TRUTH"]
        with open(path + ".part", "w") as f:
            json.dump({**self.facts, "samples_ms": self.samples()}, f)
        os.replace(path + ".part", path)


def versions():
    import torch
    import transformers

    from torch._dynamo import config

    return {"python": platform.python_version(), "torch": torch.__version__, "transformers": transformers.__version__,
            "gpu": torch.cuda.get_device_name(0) if torch.cuda.is_available() else None,
            "recompile_limit": getattr(config, "recompile_limit", getattr(config, "cache_size_limit", None))}
