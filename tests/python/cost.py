# cost.py HELPER: what a walk of 40 frames costs, in three kinds of stack; no test.
import ctypes
import sys

lib = ctypes.CDLL(sys.argv[1])
lib.helper_find.restype = ctypes.c_char_p
lib.helper_time.restype = ctypes.c_double
lib.helper_find()


def run(what, chain):
    n = ctypes.c_uint()
    us = chain(lambda: lib.helper_time(40, 3000, ctypes.byref(n)))
    print('%s: %s, %d frames: %.1f us' % (sys.version.split()[0], what, n.value, us))


def recursion(leaf):
    def recurse(k):
        return recurse(k - 1) if k else leaf()
    return recurse(60)


def modules(functions):
    # 60 functions, some of them in each file; of 3 to 22 statements.
    def chain(leaf):
        for first in range(0, 60, functions):
            source, scope = '', {'inner0': leaf}
            for i in range(functions):
                body = '\n\n'.join(' y%d = (x,\n  [x, 1])' % k for k in range((first + i) % 20 + 3))
                source += ('def of_some_length_%d():\n x = 1\n%s\n return inner%d()\ninner%d = of_some_length_%d\n'
                           % (i, body, i, i + 1, i))
            name = '/usr/lib/python3/dist-packages/some/package/file%d.py' % first
            exec(compile(source, name, 'exec'), scope)
            leaf = scope['inner%d' % functions]
        return leaf()
    return chain


run('recursion', recursion)
run('5 functions a file', modules(5))
run('1 function a file', modules(1))
