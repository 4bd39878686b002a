# walk.py HELPER: stacks of all sorts for python_walk(); walk_kit.py compares.
import asyncio
import ctypes
import dis
import functools
import importlib.util
import os
import sys
import threading

sys.dont_write_bytecode = True
import walk_kit  # noqa
from walk_kit import MAX, THEN, both, clean, fail, failures, lib_path, released  # noqa


# ---- the stacks

def nested():
    def inner():
        def innermost():
            return both()
        return innermost()
    return inner()


def lambdas():
    f = lambda: both()  # noqa
    return (lambda g: g())(f)


def comprehensions():
    [both() for _ in range(1)]
    {both() for _ in range(1)}
    {k: both() for k in range(1)}
    list(both() for _ in range(1))
    [[both() for _ in range(1)] for _ in range(1)]


def generator():
    yield 1
    both()
    yield from other_generator()


def other_generator():
    x = yield both()
    both()
    return x


def generators():
    g = generator()
    list(g)
    sum(1 for _ in generator())


class Base:
    def __init__(self):
        both()

    @property
    def prop(self):
        return both()

    @classmethod
    def of_class(cls):
        return both()

    @staticmethod
    def of_none():
        return both()

    def __getattr__(self, name):
        return both()

    def __enter__(self):
        both()
        return self

    def __exit__(self, *_):
        both()

    def __del__(self):
        both()

    class Inner(object):
        def method(self):
            return both()


class Derived(Base):
    def __init__(self):
        super().__init__()
        both()


def methods():
    class Body:
        attribute = both()
        other = [both() for _ in (1,)]

    d = Derived()
    d.prop
    d.of_class()
    d.of_none()
    d.missing
    Base.Inner().method()
    with d:
        both()
    del d


class Hot:
    def __init__(self, deep):
        if deep:
            both()


def specialised():
    # From 3.13 on a constructor that is often called is entered through a frame of glue.
    for i in range(2000):
        Hot(i in (0, 50, 1999))


def multi_line():
    both(
    )
    both(
        max=int(
            '2000'
        )
    )
    x = (1 +
         both() +
         (2
          if both()
          else 3) -
         both())
    return x, [
        both(),
        both(
            MAX,
        ), *[
            both()
        ]
    ]


def far_lines():
    both()






























































































































































    both()
    # Back and forth
    for i in range(
            2
    ):
        both() if i else (
            both())
    try:
        raise ValueError
    except ValueError:
        both()
    finally:
        both()


def fünf_漢字():
    class Δη:
        def ü(self):
            return both()
    return Δη().ü()


def not_ascii():
    fünf_漢字()
    for name in ('/tmp/\u00fc.py', '/tmp/\u6f22\u5b57.py', '/tmp/\U0001f40d.py', '/tmp/x\udcff.py', '', 'a' * 5000,
                 '\u6f22' * 5000, '\U0001f40d' * 600, 'x' * 208, 'x' * 209, '\u00e9' * 1024):
        exec(compile('both()\nboth()', name, 'exec'))


def decorate(f):
    @functools.wraps(f)
    def wrapper(*args, **kwargs):
        both()
        return f(*args, **kwargs)
    return wrapper


@decorate
@functools.lru_cache(None)
@decorate
def decorated():
    return both()


def executed():
    exec('both()\ndef f():\n  return both()\n\nf()\nboth()')
    eval('both()')
    eval('[\n\n\nboth()\nfor x in range(1)\n]')
    source = '\n' * 70000 + 'def f():\n' + '\n' * 300 + '  both()\nf()'
    exec(source)
    # A table of many chunks, and the instruction at its end.
    exec('x = 1\n' * 3000 + 'both()\n')
    exec('def f(x):\n' + '  x = x if x else (x,\n\n x)\n' * 900 + '  both()\nf(1)')


def too_long():
    # A line table over the limit gives the line 0, and only that frame.
    out = ctypes.create_string_buffer(1 << 20)
    scope = {'go': lambda: released.helper_walk(out, len(out), MAX, 1 << 20, THEN(lambda: None))}
    exec('x = 1\n' * 60000 + 'go()\n', scope)
    lines = out.value.decode().split('\n')
    if not lines[1].startswith('0\t<module>\t<string>') or len(lines) < 4:
        fail('%r' % lines[:3])


async def coroutine(depth):
    both()
    await asyncio.sleep(0)
    both()
    if depth:
        await coroutine(depth - 1)
        async for _ in async_generator():
            both()
        async with Async():
            both()
        [both() async for _ in async_generator()]
    both()


async def async_generator():
    both()
    yield 1
    await asyncio.sleep(0)
    both()


class Async:
    async def __aenter__(self):
        both()

    async def __aexit__(self, *_):
        both()


def coroutines():
    async def main():
        await asyncio.gather(coroutine(2), coroutine(1))
    asyncio.run(main())


def recurse(n):
    if n:
        return recurse(n - 1)
    return both()


def mutual(n):
    return (lambda: mutual(n - 1))() if n else both()


def through_c(n):
    # C calls between the frames: sorted() and map() call Python again
    if n:
        return sorted([1, 2], key=lambda _: through_c(n - 1)) and list(map(str, [1]))
    return both() and 1


def recursion():
    sys.setrecursionlimit(10000)
    recurse(900)
    mutual(200)
    through_c(4)
    for n in (0, 1, 5, 6, 7, 8, 9, 15, 16, 17, 31, 32, 33):
        recurse(n)


def limited():
    for n in (1, 2, 7, 8, 9, 16, 40):
        recurse_limited(50, n)


def recurse_limited(depth, n):
    return recurse_limited(depth - 1, n) if depth else both(n)


def codes_of(code):
    yield code
    for const in code.co_consts:
        if isinstance(const, type(code)):
            yield from codes_of(const)


def line_tables():
    # Every instruction of all functions of a few modules of the library, against co_lines() or, in 3.9, dis.
    minor = sys.version_info[1]
    lines = 0
    for module in ('ast', 'argparse', 'asyncio.base_events', 'contextlib', 'dis', 'inspect', 'locale',
                   'typing'):
        path = importlib.util.find_spec(module).origin
        with open(path, encoding='utf-8') as f:
            top = compile(f.read(), path, 'exec')
        for code in codes_of(top):
            table = code.co_lnotab if minor < 10 else code.co_linetable
            if minor < 10:
                starts = list(dis.findlinestarts(code))
                ends = [s for s, _ in starts[1:]] + [len(code.co_code)]
                ranges = [(s, e, line) for (s, line), e in zip(starts, ends)]
            else:
                ranges = code.co_lines()
            for start, end, line in ranges:
                for instr in {start, end - 2}:
                    if start == end:
                        continue
                    got = released.helper_line(min(minor - 9, 2), table, len(table),
                                               code.co_firstlineno, instr)
                    lines += 1
                    if got != (line or 0):
                        fail('%s, %s at %d: line %d, not %s' % (module, code.co_name, instr, got, line))
    if lines < 10000:
        fail('only %d lines were looked at' % lines)


def threads():
    ts = [threading.Thread(target=nested) for _ in range(4)]
    for t in ts:
        t.start()
    for t in ts:
        t.join()


def traced():
    # A tracer (debugger, coverage) makes the interpreter keep lines elsewhere, or rewrite its code.
    sys.settrace(lambda *_: (lambda *_: None))
    try:
        nested()
        multi_line()
    finally:
        sys.settrace(None)


def short_text():
    out = ctypes.create_string_buffer(1 << 16)
    walk = lambda: released.helper_walk(out, len(out), 3, size, THEN(lambda: None))
    for size in range(0, 300, 7):
        n = walk()
        strings = sum(len(f.encode()) for line in out.value.decode().split('\n')[:-1]
                      for f in line.split('\t')[1:])
        if n != 3 or len(out.value.split(b'\n')) != 4 or strings > 3 * size:
            fail('%d bytes of text: %d frames, %r' % (size, n, out.value))


def no_state():
    if released.helper_foreign_thread() != 0:
        fail('a thread that Python does not know has frames')


def no_frames():
    out = ctypes.create_string_buffer(64)
    if released.helper_walk(out, 64, 0, 0, THEN(lambda: None)) != 0:
        fail('frames in room for none')


def errno_kept():
    ctypes.set_errno(0)
    libc = ctypes.CDLL(lib_path, use_errno=True)
    ctypes.set_errno(77)
    n = ctypes.c_uint()
    libc.helper_time(100, 3, ctypes.byref(n))
    if ctypes.get_errno() != 77:
        fail('errno is %d' % ctypes.get_errno())


version = '.'.join(map(str, sys.version_info[:3]))
tests = [nested, lambdas, comprehensions, generators, methods, specialised, multi_line, far_lines, not_ascii,
         decorated, executed, too_long, coroutines, recursion, limited, line_tables, threads, traced, short_text,
         no_state, no_frames, errno_kept]

walk_kit.case = 'find'
if released.helper_ready():
    fail('ready before python_find()')
both_before = released.helper_walk(ctypes.create_string_buffer(64), 64, 4, 64, THEN(lambda: None))
if both_before:
    fail('frames before python_find()')
failures.pop('', None)
said = released.helper_find().decode()
if said.split('+')[0] != version or not released.helper_ready() or released.helper_find().decode() != said:
    fail('python_find() says %r' % said)
tests.insert(0, None)

bad = 0
for t in tests:
    if t:
        walk_kit.case = t.__name__
        try:
            t()
        except Exception as e:  # a test that broke has not passed
            fail('%s: %s' % (type(e).__name__, e))
    if walk_kit.case in failures:
        bad += 1
        print('not ok python %s %s: %s' % (version, walk_kit.case, clean(failures[walk_kit.case])))
    else:
        print('ok python %s %s' % (version, walk_kit.case))
sys.stdout.flush()
os._exit(bad != 0)
