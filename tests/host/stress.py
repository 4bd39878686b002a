"""stress.py IMAGE SECONDS [torch]: 64 Python threads load and unload modules and open and close libraries while stacks are
taken: half of the loaders hold the GIL in the driver's call (PyDLL), half do not (CDLL). Runs on the simulated device
and on a real one; "torch" brings PyTorch into the process. Prints {"loads": n, "opens": n, "errors": n}; a deadlock is a
time-out of whoever started it."""
import ctypes
import json
import sys
import threading
import time

image, seconds = open(sys.argv[1], "rb").read(), float(sys.argv[2])
free, held = ctypes.CDLL("libcuda.so.1"), ctypes.PyDLL("libcuda.so.1")
if "torch" in sys.argv[3:]:
    import torch

    torch.zeros(1, device="cuda")
context, device = ctypes.c_void_p(), ctypes.c_int()
assert free.cuInit(0) == 0 and free.cuDeviceGet(ctypes.byref(device), 0) == 0
assert free.cuDevicePrimaryCtxRetain(ctypes.byref(context), device) == 0
libraries = ["libresolv.so.2", "libnss_files.so.2", "libutil.so.1", "libanl.so.1"]
libc = ctypes.CDLL(None)
libc.dlopen.restype, libc.dlopen.argtypes = ctypes.c_void_p, [ctypes.c_char_p, ctypes.c_int]
libc.dlclose.argtypes = [ctypes.c_void_p]
counts = {"loads": 0, "opens": 0, "errors": 0}
lock = threading.Lock()
go, end = threading.Event(), 0


def loader(cuda):
    go.wait()
    cuda.cuCtxSetCurrent(context)
    n = bad = 0
    while time.monotonic() < end:
        module = ctypes.c_void_p()
        if cuda.cuModuleLoadData(ctypes.byref(module), image) or cuda.cuModuleUnload(module):
            bad += 1
        n += 1
    with lock:
        counts["loads"] += n
        counts["errors"] += bad


def opener(i):
    go.wait()
    n = 0
    while time.monotonic() < end:
        h = libc.dlopen(libraries[(i + n) % len(libraries)].encode(), 2)
        if h:
            libc.dlclose(h)
        n += 1
    with lock:
        counts["opens"] += n


threads = [threading.Thread(target=loader, args=(free if i % 2 else held,)) for i in range(48)]
threads += [threading.Thread(target=opener, args=(i,)) for i in range(16)]
for t in threads:
    t.start()
end = time.monotonic() + seconds
go.set()
for t in threads:
    t.join()
print(json.dumps(counts), flush=True)
