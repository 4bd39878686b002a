# walk_kit.py: the helper library as Python sees it, and the comparison: python_walk() against what Python says
# about its own stack at the same moment. A callback out of the call that walked sees exactly the frames that were walked.
import ctypes
import sys

lib_path = sys.argv[1]
released = ctypes.CDLL(lib_path)  # without the GIL
held = ctypes.PyDLL(lib_path)     # with it
THEN = ctypes.CFUNCTYPE(None)
for lib in (released, held):
    lib.helper_find.restype = ctypes.c_char_p
    lib.helper_walk.argtypes = [ctypes.c_char_p, ctypes.c_uint, ctypes.c_uint, ctypes.c_uint,
                                THEN]
    lib.helper_time.restype = ctypes.c_double
    lib.helper_line.argtypes = [ctypes.c_int, ctypes.c_char_p, ctypes.c_uint, ctypes.c_int,
                                ctypes.c_int]

failures = {}
case = ''  # set by who runs the cases
MAX = 2000


def clean(text):
    return text.encode('utf-8', 'surrogateescape').decode('utf-8', 'replace')


def utf8(text):
    # As the walk does it: lone surrogates become U+FFFD.
    return ''.join('\ufffd' if 0xd800 <= ord(c) < 0xe000 else c for c in text)


def cut(text, size=1024):
    raw = text.encode()[:size]
    return raw.decode('utf-8', 'ignore')


def fail(why):
    failures.setdefault(case, why)


# Called on the line under test; `lib` keeps the GIL or not. The frame of this function is part of the stack.
def both(max=MAX):
    for lib in (released, held):
        walked(lib, max)
    return True


def walked(lib, max):
    out = ctypes.create_string_buffer(1 << 20)
    expected = []

    def then():
        # f_back of the callback's frame is the frame that called into C.
        frame = sys._getframe(1)
        while frame and len(expected) < max:
            code = frame.f_code
            name = code.co_qualname if sys.version_info >= (3, 11) else code.co_name
            expected.append('%d\t%s\t%s' % (frame.f_lineno or 0, cut(utf8(name)),
                                            cut(utf8(code.co_filename))))
            frame = frame.f_back

    n = lib.helper_walk(out, len(out), max, 1 << 20, THEN(then))
    got = out.value.decode('utf-8').split('\n')[:-1]
    if len(expected) < 3 and max > 2:
        fail('the test saw no stack: %r' % (expected,))
    if n != len(expected):
        fail('%d frames for %d: %r' % (n, len(expected), got[-2:]))
    for i, (g, e) in enumerate(zip(got, expected)):
        if g != e:
            fail('frame %d is %r, not %r' % (i, g, e))
