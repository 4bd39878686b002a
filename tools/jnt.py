#!/usr/bin/env python3
"""jnt.py PATH...: prints traces as canonical NDJSON (docs/trace-format.md, "Canonical text").
A PATH is a .jnt, or a directory: then every .jnt in it, in the order of their names.

A second reader of the format, written from the document and sharing nothing with trace/:
the two are compared on every fixture. Needs only Python and libzstd (or the zstd command).
"""
import ctypes
import ctypes.util
import json
import os
import re
import struct
import subprocess
import sys

U64 = (1 << 64) - 1
DOCUMENT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "docs", "trace-format.md")


class NotATrace(Exception):
    pass


class Damaged(Exception):
    pass


# --- the event table: parsed out of the document


class Kind:
    def __init__(self, number, name, blob):
        self.number, self.name, self.blob = number, name, blob
        self.fields = []  # (name, type)


def read_document(path=DOCUMENT):
    """Kinds by number, and limits by name."""
    kinds, limits, kind = {}, {}, None
    with open(path, encoding="utf-8") as f:
        for line in f:
            heading = re.match(r"### (\d+) `(\w+)`(?:, blob `(\w+)`)?$", line.rstrip())
            row = re.match(r"\| (\d+) \| `(\w+)` \| (?:\[)?(\w+)", line)
            limit = re.match(r"\| ([A-Z_]+_MAX) \| (\d+) \|", line)
            if heading:
                kind = Kind(int(heading[1]), heading[2], heading[3])
                kinds[kind.number] = kind
            elif line.startswith("#"):
                kind = None
            elif row and kind:
                assert int(row[1]) == len(kind.fields), line
                kind.fields.append((row[2], row[3]))
            elif limit:
                limits[limit[1]] = int(limit[2])
    return kinds, limits


KINDS, LIMITS = read_document()
FIELDS_MAX = LIMITS["EVENT_FIELDS_MAX"]
COVERAGE, STRING = 1, 2

# --- XXH64, seed 0

P1, P2, P3, P4, P5 = (
    0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x85EBCA77C2B2AE63,
    0x27D4EB2F165667C5,
)


def rotl(v, n):
    return ((v << n) | (v >> (64 - n))) & U64



def xxh64(data):
    n = len(data)
    at = 0
    if n >= 32:
        a, b, c, d = (P1 + P2) & U64, P2, 0, (-P1) & U64
        for w, x, y, z in struct.iter_unpack("<4Q", data[: n // 32 * 32]):
            a = (a + w * P2) & U64
            a = ((((a << 31) & U64) | (a >> 33)) * P1) & U64
            b = (b + x * P2) & U64
            b = ((((b << 31) & U64) | (b >> 33)) * P1) & U64
            c = (c + y * P2) & U64
            c = ((((c << 31) & U64) | (c >> 33)) * P1) & U64
            d = (d + z * P2) & U64
            d = ((((d << 31) & U64) | (d >> 33)) * P1) & U64
        h = (rotl(a, 1) + rotl(b, 7) + rotl(c, 12) + rotl(d, 18)) & U64
        for acc in (a, b, c, d):
            h = ((h ^ lane_round(0, acc)) * P1 + P4) & U64
        at = n // 32 * 32
    else:
        h = P5
    h = (h + n) & U64
    while at + 8 <= n:
        lane = int.from_bytes(data[at : at + 8], "little")
        h = (rotl(h ^ lane_round(0, lane), 27) * P1 + P4) & U64
        at += 8
    if at + 4 <= n:
        lane = int.from_bytes(data[at : at + 4], "little")
        h = (rotl(h ^ (lane * P1 & U64), 23) * P2 + P3) & U64
        at += 4
    for byte in data[at:]:
        h = (rotl(h ^ (byte * P5 & U64), 11) * P1) & U64
    h = ((h ^ (h >> 33)) * P2) & U64
    h = ((h ^ (h >> 29)) * P3) & U64
    return h ^ (h >> 32)


def lane_round(acc, lane):
    return (rotl((acc + lane * P2) & U64, 31) * P1) & U64


# --- zstd


def load_zstd():
    for name in (ctypes.util.find_library("zstd"), "libzstd.so.1", "libzstd.1.dylib"):
        try:
            lib = ctypes.CDLL(name) if name else None
        except OSError:
            continue
        if lib:
            lib.ZSTD_decompress.restype = ctypes.c_size_t
            lib.ZSTD_decompress.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_char_p,
                                            ctypes.c_size_t]
            lib.ZSTD_isError.argtypes = [ctypes.c_size_t]
            return lib
    return None


ZSTD = load_zstd()


def zstd_unpack(data, raw_len):
    """raw_len bytes, or Damaged."""
    if ZSTD:
        out = ctypes.create_string_buffer(max(raw_len, 1))
        got = ZSTD.ZSTD_decompress(out, raw_len, data, len(data))
        if ZSTD.ZSTD_isError(got) or got != raw_len:
            raise Damaged("zstd")
        return out.raw[:raw_len]
    run = subprocess.run(["zstd", "-dcq"], input=data, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, check=False)
    if run.returncode or len(run.stdout) != raw_len:
        raise Damaged("zstd")
    return run.stdout


# --- sections


class Section:
    """columns: at most FIELDS_MAX lists of rows values; blobs: a list of bytes, or None."""

    def __init__(self, kind, tid, rows, columns, blobs):
        self.kind, self.tid, self.rows, self.columns, self.blobs = kind, tid, rows, columns, blobs


def take(body, at, n):
    if n > len(body) - at:
        raise Damaged("ends inside a section")
    return body[at : at + n], at + n


def planes_unpack(planes, width, rows, low):
    if width == 0:
        return [low] * rows
    wide = bytearray(8 * rows)
    for b in range(width):
        wide[b::8] = planes[b * rows : (b + 1) * rows]
    return [(low + v) & U64 for (v,) in struct.iter_unpack("<Q", bytes(wide))]


class Column:
    def __init__(self, body, at, rows):
        header, at = take(body, at, 20)
        self.transform, self.width, self.ref, self.first, self.low = struct.unpack("<BBHQQ", header)
        if self.transform > 3 or self.width > 8:
            raise Damaged("column")
        planes, self.end = take(body, at, self.width * rows)
        self.p = planes_unpack(planes, self.width, rows, self.low)


class KeyedColumn:
    """A column of a keyed section: of `rows` values, or of `keys` when it is a PICK."""

    def __init__(self, body, at, rows, keys=None):
        header, at = take(body, at, 20)
        self.transform, width, _, self.first, low = struct.unpack("<BBHQQ", header)
        if self.transform == 4 and keys is not None:
            rows = keys
        wide, width = width >> 4, width & 15
        if self.transform > 7 or width > 8 or wide > 8 or (wide and not 1 <= width <= 7):
            raise Damaged("column")
        planes, self.end = take(body, at, width * rows)
        self.p = planes_unpack(planes, width, rows, low)
        if wide:
            header, at = take(body, self.end, 12)
            count, rare_low = struct.unpack("<IQ", header)
            planes, self.end = take(body, at, wide * count)
            escape = (low + (1 << 8 * width) - 1) & U64
            rare = iter(planes_unpack(planes, wide, count, rare_low))
            self.p = [next(rare, v) if v == escape else v for v in self.p]


def refs_check(columns):
    for i, c in enumerate(columns):
        if c.transform == 2 and c.ref >= i:
            raise Damaged("DIFF that looks ahead")
        if c.transform != 3:
            continue
        after = columns[i + 1] if i + 1 < len(columns) else None
        if (i + 1 >= FIELDS_MAX or c.ref != i + 1 or after is None or after.transform != 2
                or after.ref != i):
            raise Damaged("GAP without its end")


def columns_undo(columns):
    """The values of each column, FIELDS_MAX at most."""
    out = []
    for i, c in enumerate(columns[:FIELDS_MAX]):
        if c.transform == 1 or c.transform == 3:
            v, values = c.first, []
            spans = columns[i + 1].p if c.transform == 3 else None
            for k, step in enumerate(c.p):
                v = (v + step) & U64
                values.append(v)
                if spans:
                    v = (v + spans[k]) & U64
        elif c.transform == 2:
            values = [(a + b) & U64 for a, b in zip(out[c.ref], c.p)]
        else:
            values = c.p
        out.append(values)
    return out


def signed(v):
    v &= U64
    return v - (1 << 64) if v >> 63 else v


def remainder(v, i):
    """The i-th of the four remainders of two rows."""
    v >>= 2 * i
    x = (v & 3) | (v >> 8 & 3) << 2 | (v >> 16 & 3) << 4 | (v >> 24 & 3) << 6
    return -(x >> 1) - 1 if x & 1 else x >> 1


def times_undo(gaps, spans, rests, rate, first):
    """Values of the two columns that are TICKS and SPAN."""
    starts, ends = [], []
    tick = line = total = 0
    moves = rate & 0xFFFFFFFF != 0
    for i, (gap, span) in enumerate(zip(gaps, spans)):
        for k, (step, out) in enumerate(((gap, starts), (span, ends))):
            tick = signed(tick + step)
            rest = remainder(rests[i // 2], i % 2 * 2 + k)
            at = signed(line + ((tick * rate) >> 16)) >> 16
            out.append((first + at + rest) & U64)
            total += rest
        if i % 64 == 63:
            line = signed(line + total * 512) if moves else 0
            total = 0
    return starts, ends


def means_undo(spans, keys):
    """Spans out of what they are more than the mean of those before them with the same key."""
    means, out = {}, []
    for span, key in zip(spans, keys):
        mean = means.get(key, 0)
        span = (span + (mean >> 4)) & U64
        now = signed(span << 4)
        means[key] = signed(mean + (signed(now - mean) >> 2)) if mean else now
        out.append(span)
    return out


def keyed_read(body, at, kind, n_columns, rows, tid, n_keys):
    """The section whose columns begin at `at` and where the next one begins."""
    if n_columns < 2 or not n_keys:
        raise Damaged("keyed section")
    if n_keys > LIMITS["KEYS_MAX"]:
        raise Damaged("keys")
    columns = [KeyedColumn(body, at, rows)]
    columns.append(KeyedColumn(body, columns[-1].end, (rows + 1) // 2))
    for _ in range(n_columns):
        columns.append(KeyedColumn(body, columns[-1].end, rows, n_keys))
    key_column, rest, gap, span, *others = columns
    if (key_column.transform or rest.transform or gap.transform != 5 or span.transform not in (6, 7)
            or span.first >> 63 or any(c.transform not in (0, 1, 4) for c in others)):
        raise Damaged("transform")
    keys = [k if k < n_keys else 0 for k in key_column.p]
    spans = means_undo(span.p, keys) if span.transform == 7 else span.p
    values = list(times_undo(gap.p, spans, rest.p, span.first, gap.first))
    for c in others:
        if c.transform == 4:
            values.append([c.p[k] for k in keys])
        elif c.transform == 1:
            v = c.first
            values.append([v := (v + step) & U64 for step in c.p])
        else:
            values.append(c.p)
    return Section(kind, tid, rows, values[:FIELDS_MAX], None), columns[-1].end


def blobs_read(body, at, rows, blob_bytes):
    lengths = Column(body, at, rows)
    if lengths.transform != 0:
        raise Damaged("blob lengths")
    if sum(lengths.p) != blob_bytes:
        raise Damaged("blob lengths")
    data, end = take(body, lengths.end, blob_bytes)
    blobs, at = [], 0
    for n in lengths.p:
        blobs.append(data[at : at + n])
        at += n
    return blobs, end


def section_read(body, at):
    """The section at `at` and where the next one begins."""
    header, at = take(body, at, 16)
    kind, n_columns, rows, tid, blob_bytes = struct.unpack("<HHIII", header)
    if rows > LIMITS["SECTION_ROWS_MAX"]:
        raise Damaged("rows")
    if n_columns & 0x8000:
        return keyed_read(body, at, kind, n_columns & 0x7FFF, rows, tid, blob_bytes)
    columns = []
    for _ in range(n_columns):
        columns.append(Column(body, at, rows))
        at = columns[-1].end
    refs_check(columns)
    blobs = None
    if blob_bytes:
        blobs, at = blobs_read(body, at, rows, blob_bytes)
    return Section(kind, tid, rows, columns_undo(columns), blobs), at


def body_read(body, rows):
    sections, at, counted = [], 0, 0
    while at < len(body):
        section, at = section_read(body, at)
        sections.append(section)
        counted += section.rows if section.kind != COVERAGE else 0
    if counted != rows:
        raise Damaged("rows")
    return sections


# --- frames


class Frame:
    """A valid frame header at `at`; None from parse() when it is not valid."""

    @classmethod
    def parse(cls, data, at):
        header = data[at : at + 48]
        if len(header) < 48 or header[:4] != b"JFR1":
            return None
        f = cls()
        (_, f.kind, f.flags, f.stored_len, f.raw_len, f.seq, f.lost, f.body_hash, f.rows,
         check) = struct.unpack("<IHHIIQQQII", header)
        if check != xxh64(header[:44]) & 0xFFFFFFFF:
            return None
        if (max(f.stored_len, f.raw_len) > LIMITS["FRAME_BODY_MAX"]
                or f.rows > LIMITS["FRAME_ROWS_MAX"]):
            return None
        f.body_at = at + 48
        return f

    def sections(self, data):
        stored = data[self.body_at : self.body_at + self.stored_len]
        if xxh64(stored) != self.body_hash:
            raise Damaged("hash")
        if self.flags & 1:
            return body_read(zstd_unpack(stored, self.raw_len), self.rows)
        if self.stored_len != self.raw_len:
            raise Damaged("length")
        return body_read(stored, self.rows)


def header_end(data):
    """Where the first frame starts."""
    if len(data) < 32:
        raise NotATrace("ends inside its header")
    version, header_bytes, features = struct.unpack_from("<HHI", data, 8)
    whole = (data[:8] == b"JITNESS\n"
             and xxh64(data[:28]) & 0xFFFFFFFF == struct.unpack_from("<I", data, 28)[0])
    if whole and (version > 1 or features & ~1):
        raise NotATrace("written by a newer format version")
    if whole and version and header_bytes >= 32:
        return header_bytes
    if Frame.parse(data, 32):
        return 32
    raise NotATrace("not a jitness trace")


def frames_read(data):
    """Sections of all frames that are whole."""
    at = header_end(data)
    while len(data) - at >= 48:
        frame = Frame.parse(data, at)
        if not frame:
            at = data.find(b"JFR1", at + 1)
            while at >= 0 and not Frame.parse(data, at):
                at = data.find(b"JFR1", at + 1)
            if at < 0:
                return
            continue
        at = frame.body_at + frame.stored_len
        if at > len(data):
            return
        if frame.kind != 1 or frame.flags & ~1:
            continue
        try:
            yield from frame.sections(data)
        except Damaged:
            pass


# --- journal

REPEAT = 0x8000  # in the kind of a row


class Chunk:
    def __init__(self, data, at, chunk_bytes):
        self.tid, self.gen, self.committed, self.consumed = struct.unpack_from("<4xIQII", data, at)
        self.strings = self.consumed
        self.area = data[at + 64 : at + min(chunk_bytes, 64 + self.committed)]
        self.usable = self.committed <= chunk_bytes - 64 and self.consumed % 8 == 0

    def row_list(self):
        """(kind, offset, fields, blob) of each whole row from consumed on."""
        rows, at = [], self.consumed
        while len(self.area) - at >= 8:
            kind, n_fields, blob_len = struct.unpack_from("<HHI", self.area, at)
            rest = ()
            if kind & REPEAT:
                kind &= ~REPEAT
                rest = self.repeated(kind, blob_len, at)
                blob_len = 0
                if rest is None:
                    break
            blob_at = at + 8 + 8 * n_fields
            end = blob_at + (blob_len + 7) // 8 * 8
            if kind == 0 or end > len(self.area):
                break
            fields = struct.unpack_from("<%dQ" % n_fields, self.area, at + 8) + rest[n_fields:]
            rows.append((kind, at, fields[:FIELDS_MAX], self.area[blob_at : blob_at + blob_len]))
            at = end
        return rows


    def repeated(self, kind, of, at):
        """The fields of the row at `of`, which the one at `at` repeats; None: there is none."""
        if of % 8 or of >= at:
            return None
        of_kind, n_fields, blob_len = struct.unpack_from("<HHI", self.area, of)
        if of_kind != kind or blob_len or of + 8 + 8 * n_fields > at:
            return None
        return struct.unpack_from("<%dQ" % n_fields, self.area, of + 8)


def journal_chunks(data):
    if len(data) < 176 or data[:8] != b"JNTJRNL1":
        return []
    version, header_bytes, chunk_bytes, count = struct.unpack_from("<4I", data, 8)
    next_gen, = struct.unpack_from("<Q", data, 32)
    most = LIMITS["JOURNAL_CHUNK_BYTES_MAX"]
    if (version > 2 or not 176 <= header_bytes <= most or not 72 <= chunk_bytes <= most
            or chunk_bytes % 8 or count > LIMITS["JOURNAL_CHUNKS_MAX"]):
        return []
    chunks = []
    for i in range(count):
        at = header_bytes + i * chunk_bytes
        if at + 64 > len(data):
            break
        c = Chunk(data, at, chunk_bytes)
        if c.usable and 0 < c.gen < next_gen and c.committed > c.consumed:
            chunks.append(c)
    return chunks


def coverage_apply(chunks, section):
    by_gen = {c.gen: c for c in chunks}
    columns = section.columns + [[0] * section.rows] * 3
    for gen, end, strings in zip(*columns[:3]):
        c = by_gen.get(gen)
        if c:
            c.consumed_now = max(getattr(c, "consumed_now", c.consumed), end)
            c.strings = max(c.strings, strings, c.consumed_now)


def journal_sections(chunks):
    chunks.sort(key=lambda c: (c.tid, c.gen))
    for want_strings in (True, False):
        for c in chunks:
            done = c.strings if want_strings else getattr(c, "consumed_now", c.consumed)
            rows = [r for r in c.row_list() if (r[0] == STRING) == want_strings
                    and r[0] != COVERAGE and r[1] >= done]
            for kind in sorted({r[0] for r in rows}):
                mine = [r for r in rows if r[0] == kind]
                width = max(len(r[2]) for r in mine)
                columns = [[r[2][i] if i < len(r[2]) else 0 for r in mine] for i in range(width)]
                yield Section(kind, c.tid, len(mine), columns, [r[3] for r in mine])


# --- printing


def section_lines(s):
    kind = KINDS.get(s.kind)
    for i in range(s.rows):
        values = [c[i] for c in s.columns]
        row = {"kind": kind.name if kind else s.kind, "tid": s.tid}
        if not kind:
            row["fields"] = values
        else:
            values += [0] * len(kind.fields)
            for (name, kind_of), v in zip(kind.fields, values):
                row[name] = v - (1 << 64) if kind_of == "INT" and v >> 63 else v
            if kind.blob:
                blob = s.blobs[i] if s.blobs else b""
                row[kind.blob] = blob.decode("utf-8", errors="replace")
        yield json.dumps(row, ensure_ascii=False, separators=(",", ":"))


def trace_sections(path):
    chunks = []
    if path.endswith(".jnt"):
        try:
            with open(path[:-1] + "j", "rb") as f:
                chunks = journal_chunks(f.read())
        except FileNotFoundError:
            pass
    with open(path, "rb") as f:
        data = f.read()
    for section in frames_read(data):
        if section.kind == COVERAGE:
            coverage_apply(chunks, section)
        else:
            yield section
    yield from journal_sections(chunks)


def trace_files(paths):
    for path in paths:
        if os.path.isdir(path):
            names = sorted(os.listdir(path), key=os.fsencode)
            yield from (os.path.join(path, n) for n in names if n.endswith(".jnt"))
        else:
            yield path


def main():
    if len(sys.argv) < 2:
        print("usage: jnt.py PATH...", file=sys.stderr)
        return 2
    out = open(sys.stdout.fileno(), "w", encoding="utf-8", newline="\n", closefd=False)
    status = 0
    for path in trace_files(sys.argv[1:]):
        try:
            for section in trace_sections(path):
                for line in section_lines(section):
                    out.write(line + "\n")
        except BrokenPipeError:
            return 4
        except (NotATrace, OSError) as e:
            print("jnt.py: %s: %s" % (path, e), file=sys.stderr)
            status = 3
    out.flush()
    return status


if __name__ == "__main__":
    sys.exit(main())
