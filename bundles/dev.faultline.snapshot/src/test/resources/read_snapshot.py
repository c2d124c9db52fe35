# SPDX-License-Identifier: Apache-2.0
"""Reads a Faultline snapshot, after docs/snapshot-format.md alone: checks every hash and lists the pages.

usage: read_snapshot.py DIR            one line per page: number, kind, SHA-256 of its content
       read_snapshot.py DIR --trace    one line per page that the trace says is likely: number, access, seen
"""
import hashlib
import os
import re
import struct
import sys

PAGE = 4096


class Corrupt(Exception):
    pass


def need(condition, what):
    if not condition:
        raise Corrupt(what)


def make_crc_table():
    table = []
    for i in range(256):
        c = i
        for _ in range(8):
            c = c >> 1 ^ (0x82F63B78 if c & 1 else 0)
        table.append(c)
    return table


CRC = make_crc_table()


def crc32c(*parts):
    c = 0xFFFFFFFF
    for part in parts:
        for b in part:
            c = CRC[(c ^ b) & 255] ^ c >> 8
    return c ^ 0xFFFFFFFF


def sha(b):
    return hashlib.sha256(b).digest()


def cbor(b, at=0):
    """One value and the offset behind it."""
    need(at < len(b), "CBOR ends early")
    major, info = b[at] >> 5, b[at] & 31
    at += 1
    need(info < 28, "CBOR head")
    n = info
    if info >= 24:
        size = 1 << info - 24
        n = int.from_bytes(b[at:at + size], "big")
        at += size
    if major == 0:
        return n, at
    if major == 1:
        return -1 - n, at
    if major in (2, 3):
        need(at + n <= len(b), "CBOR string ends early")
        s = b[at:at + n]
        return (s if major == 2 else s.decode("utf-8")), at + n
    if major == 4:
        items = []
        for _ in range(n):
            item, at = cbor(b, at)
            items.append(item)
        return items, at
    need(major == 5, "CBOR type %d" % major)
    entries = {}
    for _ in range(n):
        key, at = cbor(b, at)
        entries[key], at = cbor(b, at)
    return entries, at


def cbor_of(v):
    """The one encoding of a value."""
    def head(major, n):
        if n < 24:
            return bytes([major << 5 | n])
        size = next(s for s in range(4) if n < 1 << (8 << s))
        return bytes([major << 5 | 24 + size]) + n.to_bytes(1 << size, "big")
    if isinstance(v, int):
        return head(0, v) if v >= 0 else head(1, -1 - v)
    if isinstance(v, bytes):
        return head(2, len(v)) + v
    if isinstance(v, str):
        return head(3, len(v.encode())) + v.encode()
    if isinstance(v, list):
        return head(4, len(v)) + b"".join(map(cbor_of, v))
    return head(5, len(v)) + b"".join(k + cbor_of(x) for k, x in sorted((cbor_of(k), x) for k, x in v.items()))


FILES = {"required", "parent", "pages", "index", "packs", "hashes"}


def was_once(m, wanted):
    """Whether the manifest proves that the snapshot had this id before a compaction."""
    for i, layout in enumerate(m.get("layouts", [])):
        if m["formerly"][i] == wanted and "root" in m and "parent" not in m and set(layout) <= FILES:
            then = {k: v for k, v in m.items() if k not in FILES | {"layouts"}}
            then.update(layout, formerly=m["formerly"][:i])
            if i > 0:
                then["layouts"] = m["layouts"][:i]
            if sha(cbor_of(then)) == wanted:
                return True
    return False


def lz4(src, size):
    """An LZ4 block of `size` bytes."""
    out = bytearray()
    at = 0
    while True:
        token = src[at]
        at += 1
        n = token >> 4
        if n == 15:
            while True:
                more = src[at]
                at += 1
                n += more
                if more != 255:
                    break
        need(at + n <= len(src) and len(out) + n <= size, "LZ4 literals")
        out += src[at:at + n]
        at += n
        if at == len(src):
            break
        back = src[at] | src[at + 1] << 8
        at += 2
        n = token & 15
        if n == 15:
            while True:
                more = src[at]
                at += 1
                n += more
                if more != 255:
                    break
        n += 4
        need(0 < back <= len(out) and len(out) + n <= size, "LZ4 match")
        for _ in range(n):
            out.append(out[-back])
    need(len(out) == size, "LZ4 length")
    return bytes(out)


def zstd(src):
    try:
        from compression import zstd as z  # Python 3.14
    except ImportError:
        sys.exit("zstd chunks need Python 3.14")
    return z.decompress(src)


def read_manifest(directory):
    with open(os.path.join(directory, "manifest"), "rb") as f:
        b = f.read()
    need(len(b) >= 52 and b[:8] == b"FLTSNAP\n", "manifest magic")
    version, n = struct.unpack_from("<II", b, 8)
    need(version == 2, "version %d" % version)
    need(len(b) == 16 + n + 36, "manifest length")
    need(struct.unpack_from("<I", b, 16 + n)[0] == crc32c(b[:16 + n]), "manifest CRC32C")
    body = b[16:16 + n]
    identity = sha(body)
    need(b[-32:] == identity, "manifest SHA-256")
    manifest, end = cbor(body)
    need(end == n, "bytes behind the manifest's map")
    return identity, manifest


class Snapshot:
    def __init__(self, directory):
        self.directory = directory
        self.identity, self.m = read_manifest(directory)
        unknown = set(self.m["required"]) - {"lz4", "zstd", "parent", "packed-tables"}
        need(not unknown, "requires %s" % unknown)
        self.pages = sum(r["bytes"] for r in self.m["regions"]) // PAGE
        self.index = self.open(self.m["index"], b"FLTINDX\n")
        self.packs = [self.open(p, b"FLTPACK\n") for p in self.m["packs"]]
        self.chunks = {}
        self.parent = self.find_parent() if "parent" in self.m else None

    def open(self, file, magic):
        need(re.fullmatch("(index|pack|hashes)-[0-9]{1,9}", file["name"]), "name " + file["name"])
        with open(os.path.join(self.directory, file["name"]), "rb") as f:
            b = f.read()
        need(len(b) == file["bytes"], file["name"] + " length")
        need(b[:16] == magic + struct.pack("<II", 2, 0), file["name"] + " head")
        return b

    def find_parent(self):
        home = os.path.dirname(os.path.abspath(self.directory))
        hint = os.path.join(home, self.m["parent"]["path"])
        for d in [hint] + [os.path.join(home, x) for x in sorted(os.listdir(home))]:
            if os.path.exists(os.path.join(d, "manifest")):
                identity, m = read_manifest(d)
                if self.m["parent"]["id"] == identity or was_once(m, self.m["parent"]["id"]):
                    return Snapshot(d)
        raise Corrupt("parent is missing")

    def root(self, hashes):
        """The content root of pages with these hashes."""
        def tree(items, n):
            return [sha(b"".join(items[i:i + n])) for i in range(0, len(items), n)]
        return sha(b"FLTROOT\n" + struct.pack("<Q", self.pages) + b"".join(tree(tree(hashes, 512), 256)))

    def check_hashes(self, hashes, kinds):
        """What the file of hashes says, against what was read."""
        x = self.m["hashes"]
        f = self.open(x, b"FLTHASH\n")
        sections = [hashes[i:i + 512] for i in range(0, self.pages, 512)]
        for t in range((len(sections) + 255) // 256):
            mine = sections[256 * t:256 * t + 256]
            digests = b"".join(sha(b"".join(s)) for s in mine)
            need(sha(digests) == x["tables"][32 * t:32 * t + 32], "hash of a table")
            at = struct.unpack_from("<Q", x["at"], 8 * t)[0]
            if at == 0:
                continue
            need(f[at:at + len(digests)] == digests, "hashes of sections")
            at += len(digests)
            counts = struct.unpack_from("<%dH" % len(mine), f, at)
            at += 2 * len(mine)
            for s, count in enumerate(counts):
                first = (256 * t + s) * 512
                stored = [h for p, h in enumerate(mine[s]) if kinds[first + p] == 3]
                need(len(stored) == count and f[at:at + 32 * count] == b"".join(stored), "hashes of pages")
                at += 32 * count

    def all_pages(self):
        """(kind, content) of every page."""
        sections = (self.pages + 511) // 512
        tables = self.tables(sections)
        above = self.parent.all_pages() if self.parent else None
        for s in range(sections):
            kind, packing, unpacked, length, offset, digest = struct.unpack_from("<BBHIQ32s", tables, 48 * s)
            need(packing == 1 if unpacked else packing == 0, "packing of section %d" % s)
            count = min(512, self.pages - 512 * s)
            block = self.index[offset:offset + length] if kind == 2 else None
            if block is not None:
                need(sha(block) == digest, "SHA-256 of section %d" % s)
                block = lz4(block, unpacked) if packing else block
            for p in range(count):
                up = next(above)[1] if above else None
                yield self.page(block, count, p, up) if block else (kind, [bytes(PAGE), up][kind])

    def tables(self, sections):
        x = self.m["index"]
        at, out, digests = x["tables"], b"", b""
        for t in range((sections + 255) // 256):
            plain = 48 * min(256, sections - 256 * t)
            stored = struct.unpack_from("<H", x["tableBytes"], 2 * t)[0] if "tableBytes" in x else plain
            table = self.index[at:at + stored]
            at += stored
            digests += sha(table)
            out += table if stored == plain else lz4(table, plain)
        need(at == len(self.index) and digests == x["digests"], "tables")
        return out

    def page(self, block, count, p, up):
        pages, chunks, crc = struct.unpack_from("<HHI", block)
        need(pages == count and len(block) == 8 + 12 * pages + 48 * chunks, "block size")
        if p == 0:
            need(crc == crc32c(block[8:]), "CRC32C of a block")
        kind, slot, chunk, pattern = struct.unpack_from("<BBH8s", block, 8 + 12 * p)
        if kind == 0:
            return kind, bytes(PAGE)
        if kind == 1:
            need(up is not None, "no parent")
            return kind, up
        if kind == 2:
            return kind, pattern * 512
        need(kind == 3 and chunk < chunks, "page entry")
        content = self.chunk(*struct.unpack_from("<QIHBB32s", block, 8 + 12 * pages + 48 * chunk))
        need((slot + 1) * PAGE <= len(content), "slot")
        return kind, content[slot * PAGE:(slot + 1) * PAGE]

    def chunk(self, offset, stored, pack, codec, pages, digest):
        key = (pack, offset)
        if key not in self.chunks:
            b = self.packs[pack]
            head = struct.unpack_from("<4sBBHIi", b, offset)
            need(head[:5] == (b"CHNK", codec, pages, 0, stored), "record head")
            payload = b[offset + 16:offset + 16 + stored]
            need(head[5] & 0xFFFFFFFF == crc32c(b[offset:offset + 12], payload), "record CRC32C")
            content = [lambda: payload, lambda: lz4(payload, pages * PAGE), lambda: zstd(payload)][codec]()
            need(len(content) == pages * PAGE and sha(content) == digest, "SHA-256 of a chunk")
            self.chunks[key] = content
        return self.chunks[key]


def trace(directory, pages):
    """(page, access, seen) of what the next run is likely to touch, in order; nothing if the file makes no sense."""
    with open(os.path.join(directory, "trace"), "rb") as f:
        b = f.read()
    if len(b) < 28 or b[:8] != b"FLTRACE\n":
        return
    version, n, recordings, zero = struct.unpack_from("<IIII", b, 8)
    if version != 2 or n > 1 << 20 or not 1 <= recordings <= 8 or zero or len(b) != 28 + 12 * n:
        return
    entries = [struct.unpack_from("<IIHBB", b, 24 + 12 * i) for i in range(n)]
    if struct.unpack_from("<I", b, len(b) - 4)[0] != crc32c(b[:-4]):
        return
    last, known = 0, set()
    for page, position, seen, access, zero in entries:
        if page >= 1 << 30 or position < last or not 0 < seen < 256 or access not in (1, 2, 4) or zero:
            return
        last = position
    for page, position, seen, access, zero in entries:
        if (3 * bin(seen).count("1") >= recordings or seen & 3 == 3) and page < pages and page not in known:
            known.add(page)
            yield page, access, seen


def main():
    try:
        snapshot = Snapshot(sys.argv[1])
        if sys.argv[2:] == ["--trace"]:
            for page, access, seen in trace(sys.argv[1], snapshot.pages):
                print(page, {1: "R", 2: "W", 4: "X"}[access], seen)
            return
        hashes, kinds = [], []
        for number, (kind, content) in enumerate(snapshot.all_pages()):
            kinds.append(kind)
            hashes.append(sha(content))
            print(number, ["ZERO", "PARENT", "FILL", "CHUNK"][kind], hashes[-1].hex())
        print("id", snapshot.identity.hex())
        if "root" in snapshot.m:
            need(snapshot.root(hashes) == snapshot.m["root"], "content root")
            snapshot.check_hashes(hashes, kinds)
            print("root", snapshot.m["root"].hex())
    except (Corrupt, OSError, struct.error, IndexError, KeyError) as e:
        sys.exit("corrupt: %r" % e)


if __name__ == "__main__":
    main()
