# stress.py HELPER SECONDS: threads that walk all the time while others allocate, collect garbage and make and
# drop code objects; then the interpreter ends under threads that go on walking.
import ctypes
import gc
import sys
import threading
import time

released = ctypes.CDLL(sys.argv[1])
held = ctypes.PyDLL(sys.argv[1])
for lib in (released, held):
    lib.helper_find.restype = ctypes.c_char_p
    lib.helper_check.argtypes = [ctypes.c_char_p, ctypes.c_uint, ctypes.c_uint]
released.helper_find()
end = time.time() + float(sys.argv[2])
lock = threading.Lock()
bad = walks = 0


def fresh(i, lib, rounds):
    # Code that exists only for this call.
    pad = i % 50
    scope = {'check': lib.helper_check}
    exec('\n' * pad + 'def made_%d(x):\n' % i + ('  return made_%d(x - 1) if x else ' % i) +
         "check(b'made_%d', %d, %d)\n" % (i, pad + 2, rounds), scope)
    return scope['made_%d' % i](i % 30)


def walker(k):
    global bad, walks
    i = k * 1000003
    while time.time() < end:
        i += 1
        wrong = fresh(i, (released, held)[i % 2], 20)
        with lock:
            bad += wrong
            walks += 20


def churner():
    while time.time() < end:
        junk = [compile('x = %d' % i, 'file%d' % i, 'exec') for i in range(50)]
        for i in range(50):
            exec('def f(x):\n' + ' x = 1\n' * i + ' return x\nf(0)', {})
        junk.append(junk)
        del junk
        gc.collect()


def forever():
    while True:
        released.helper_check(b'forever', 1, 50)


threads = [threading.Thread(target=walker, args=(k,)) for k in range(8)]
threads += [threading.Thread(target=churner) for _ in range(2)]
for t in threads:
    t.start()
for t in threads:
    t.join()
print('%d walks, %d wrong' % (walks, bad))
sys.stdout.flush()
for _ in range(4):
    threading.Thread(target=forever, daemon=True).start()
time.sleep(0.1)
sys.exit(bad != 0 or walks < 1000)
