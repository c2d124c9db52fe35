# SPDX-License-Identifier: Apache-2.0
# Objects, dictionaries, strings, floating point, big integers.
class Body:
    __slots__ = ("x", "v", "m")

    def __init__(self, x, v, m):
        self.x, self.v, self.m = x, v, m


def bodies(steps):
    all_of_them = [Body(float(i), 1.0 / (i + 1), 1.0 + i % 3) for i in range(6)]
    for _ in range(steps):
        for i, a in enumerate(all_of_them):
            for b in all_of_them[i + 1:]:
                d = a.x - b.x
                f = 0.001 / (d * d + 0.01)
                a.v -= d * b.m * f
                b.v += d * a.m * f
        for a in all_of_them:
            a.x += a.v * 0.01
    return sum(a.x * a.m for a in all_of_them)


def words(n):
    seed = 17
    count = {}
    for _ in range(n):
        seed = (seed * 1103515245 + 12345) % 2147483648
        word = "%04x" % (seed >> 16 & 0xfff)
        count[word] = count.get(word, 0) + 1
    text = " ".join(sorted(count, key=lambda w: (-count[w], w)))
    return len(text.replace("a", "bb").split()), text[:9]


def queens(n, row=0, columns=0, up=0, down=0):
    if row == n:
        return 1
    free = ~(columns | up | down) & ((1 << n) - 1)
    found = 0
    while free:
        bit = free & -free
        free ^= bit
        found += queens(n, row + 1, columns | bit, (up | bit) << 1, (down | bit) >> 1)
    return found


print("%.9f" % bodies(6000), words(120000), queens(7), pow(3, 20000) % 1000000007)
