"""How a process can end, fork and share CUPTI: one small torch program, one mode per ending.

Launches exactly N + 1 kernels in every process that uses CUDA; what it prints is the same on every run.
"""
import ctypes
import multiprocessing
import os
import signal
import sys
import threading
import time

N = 2000
SETTLE = 0.7  # longer than the tracer's flush period: what finished before it must survive a signal


def work(n=N):
    import torch

    x = torch.ones(1024, device="cuda")
    for _ in range(n):
        x.add_(1)
    torch.cuda.synchronize()
    return float(x[0].item())


def child_cuda():
    print("child", work(), flush=True)
    sys.exit(3)


def child_cpu():
    print("child without CUDA", flush=True)
    sys.exit(3)


def run_child(how, target):
    p = multiprocessing.get_context(how).Process(target=target)
    p.start()
    p.join(60)
    print("child's exit code", p.exitcode, flush=True)
    if p.exitcode is None:
        p.kill()


def killed(log):
    """Launches for ever; notes (time, launches finished); SIGKILL two seconds after the first launch."""
    import torch

    x = torch.ones(1024, device="cuda")
    torch.cuda.synchronize()
    end, n = time.time() + 2, 1
    with open(log, "w", buffering=1) as f:
        while True:
            for _ in range(100):
                x.add_(1)
            torch.cuda.synchronize()
            n += 100
            f.write(f"{time.time():.4f} {n}\n")
            if time.time() > end:
                os.kill(os.getpid(), signal.SIGKILL)


def profiled():
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA]) as prof:
        v = work()
    rows = sum(str(e.device_type()).endswith("CUDA") for e in prof.profiler.kineto_results.events())
    print("worked", v, flush=True)
    print("profiler's GPU rows:", rows, file=sys.stderr, flush=True)


def main():
    mode = sys.argv[1]
    if mode == "plain":
        print(work(), flush=True)
    elif mode == "os_exit":
        print(work(), flush=True)
        os._exit(7)
    elif mode == "sys_exit_thread":  # ends that thread only
        print(work(), flush=True)
        t = threading.Thread(target=sys.exit, args=(7,))
        t.start()
        t.join()
    elif mode == "libc_exit_thread":  # exit(3) away from the main thread
        print(work(), flush=True)
        threading.Thread(target=ctypes.CDLL(None).exit, args=(7,)).start()
        time.sleep(30)
    elif mode == "exception":
        print(work(), flush=True)
        raise RuntimeError("on purpose")
    elif mode == "sigterm":
        print(work(), flush=True)
        time.sleep(SETTLE)
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(30)
    elif mode == "segv":
        print(work(), flush=True)
        time.sleep(SETTLE)
        os.kill(os.getpid(), signal.SIGSEGV)
        time.sleep(30)
    elif mode == "sigkill":
        killed(sys.argv[2])
    elif mode == "fork_before":
        run_child("fork", child_cuda)
        print(work(), flush=True)
    elif mode == "fork_after":
        print(work(), flush=True)
        run_child("fork", child_cpu)
    elif mode == "spawn_before":
        run_child("spawn", child_cuda)
        print(work(), flush=True)
    elif mode == "spawn_after":
        print(work(), flush=True)
        run_child("spawn", child_cuda)
    elif mode == "exec":
        print(work(), flush=True)
        os.execv("/bin/sh", ["sh", "-c", "echo after exec; exit 7"])
    elif mode == "profiler":
        profiled()
    else:
        sys.exit(f"no mode {mode}")


if __name__ == "__main__":
    main()
