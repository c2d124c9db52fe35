// SPDX-License-Identifier: Apache-2.0
// The loops that bench/engines runs on several emulators. The command line after the image's name:
//   NAME      the loop to run
//   scale=N   repeat it N times its usual size (default 1)
// Prints "<begin NAME>", then "<end NAME result=HEX>", and ends when a byte is sent. Six are
// kernels.S, in assembly; the others are C, as a compiler makes it.
#include "guest.h"

#define BUFFER_WORDS 32768 // 256 KiB
#define SIEVE_LIMIT (1UL << 20)
#define SORTED 65536
#define NODES 65536 // of 64 bytes: 4 MiB, more than a first-level cache and a TLB hold
#define WORDS 4096  // to be hashed
#define SLOTS 8192
#define TOUCHED (16UL << 20) // of the RAM, by any loop

u64 kernel_xorshift(u64 n);
u32 kernel_crc(u32 crc, const u8 *data, u64 n, const u32 *table);
void kernel_copy(u64 *to, const u64 *from, u64 n);
void kernel_repcopy(u64 *to, const u64 *from, u64 n);
void kernel_strike(u8 *flags, u64 from, u64 step, u64 limit);
u64 kernel_fib(u64 n);
u64 kernel_branch(u64 n);

// floatloops.c
u64 matrix(u64 rounds, void *memory);
u64 packed(u64 rounds, void *memory);

static u64 *buffer_a;
static u64 *buffer_b;
static u8 *rest; // of the RAM, behind the buffers

static u64 next(u64 *seed) {
    *seed = *seed * 6364136223846793005UL + 1442695040888963407UL;
    return *seed >> 16;
}

static u64 xorshift(u64 scale) { return kernel_xorshift(400000000 * scale); }

static u64 crc(u64 scale) {
    static u32 table[256];
    for (u32 i = 0; i < 256; i++) {
        u32 c = i;
        for (int bit = 0; bit < 8; bit++) {
            c = c & 1 ? c >> 1 ^ 0xedb88320 : c >> 1;
        }
        table[i] = c;
    }
    u32 result = ~0U;
    for (u64 i = 0; i < 1200 * scale; i++) {
        result = kernel_crc(result, (const u8 *)buffer_a, BUFFER_WORDS * 8, table);
    }
    return (u32)~result;
}

static u64 sum_of_copy(void) {
    u64 total = 0;
    for (u64 i = 0; i < BUFFER_WORDS; i++) {
        total = (total << 1 | total >> 63) ^ buffer_b[i];
    }
    return total;
}

static u64 copy(u64 scale) {
    for (u64 i = 0; i < 12800 * scale; i++) {
        kernel_copy(buffer_b, buffer_a, BUFFER_WORDS);
    }
    return sum_of_copy();
}

static u64 repcopy(u64 scale) {
    for (u64 i = 0; i < 14400 * scale; i++) {
        kernel_repcopy(buffer_b, buffer_a, BUFFER_WORDS);
    }
    return sum_of_copy();
}

static u64 sieve(u64 scale) {
    u8 *flags = rest;
    u64 primes = 0;
    for (u64 round = 0; round < 300 * scale; round++) {
        fill_words(flags, 0, SIEVE_LIMIT / 8);
        for (u64 p = 2; p * p < SIEVE_LIMIT; p++) {
            if (!flags[p]) {
                kernel_strike(flags, p * p, p, SIEVE_LIMIT);
            }
        }
    }
    for (u64 i = 2; i < SIEVE_LIMIT; i++) {
        primes += !flags[i];
    }
    return primes;
}

static u64 fib(u64 scale) {
    u64 result = 0;
    for (u64 i = 0; i < 15 * scale; i++) {
        result += kernel_fib(32);
    }
    return result;
}

static u64 branch(u64 scale) { return kernel_branch(150000000 * scale); }

static void sort_range(u32 *a, long low, long high) {
    while (low < high) {
        u32 pivot = a[(low + high) / 2];
        long i = low;
        long j = high;
        while (i <= j) {
            while (a[i] < pivot) {
                i++;
            }
            while (a[j] > pivot) {
                j--;
            }
            if (i <= j) {
                u32 swap = a[i];
                a[i++] = a[j];
                a[j--] = swap;
            }
        }
        if (j - low < high - i) { // the smaller part by recursion, so that the stack stays small
            sort_range(a, low, j);
            low = i;
        } else {
            sort_range(a, i, high);
            high = j;
        }
    }
}

static u64 sort(u64 scale) {
    u32 *a = (u32 *)rest;
    u64 seed = 3;
    u64 total = 0;
    for (u64 round = 0; round < 120 * scale; round++) {
        for (u64 i = 0; i < SORTED; i++) {
            a[i] = (u32)next(&seed);
        }
        sort_range(a, 0, SORTED - 1);
        for (u64 i = 1; i < SORTED; i++) {
            if (a[i - 1] > a[i]) {
                return 0;
            }
        }
        total = total * 31 + a[SORTED / 2];
    }
    return total;
}

/** Text is hashed byte by byte (FNV-1a) and counted in a table with open addressing. */
static u64 hash(u64 scale) {
    char *text = (char *)rest; // WORDS words, each ended by a zero
    u32 *starts = (u32 *)(rest + (1 << 20));
    u64 *keys = (u64 *)(rest + (2 << 20));
    u32 *counts = (u32 *)(rest + (3 << 20));
    u64 seed = 5;
    u32 at = 0;
    for (u32 w = 0; w < WORDS; w++) {
        starts[w] = at;
        for (u64 n = 4 + next(&seed) % 12; n; n--) {
            text[at++] = (char)('a' + next(&seed) % 26);
        }
        text[at++] = 0;
    }
    fill_words(keys, 0, SLOTS);
    fill_words(counts, 0, SLOTS / 2);
    for (u64 i = 0; i < 22000000 * scale; i++) {
        const char *p = text + starts[next(&seed) % WORDS];
        u64 h = 0xcbf29ce484222325UL;
        while (*p) {
            h = (h ^ (u8)*p++) * 0x100000001b3UL;
        }
        u64 slot = h % SLOTS;
        while (keys[slot] != h && keys[slot]) {
            slot = (slot + 1) % SLOTS;
        }
        keys[slot] = h;
        counts[slot]++;
    }
    u64 total = 0;
    for (u64 i = 0; i < SLOTS; i++) {
        total = total * 31 + keys[i] * counts[i];
    }
    return total;
}

struct node {
    struct node *next;
    u64 value;
    u64 unused[6];
};

static u64 chase(u64 scale) {
    struct node *nodes = (struct node *)rest;
    u32 *order = (u32 *)(rest + NODES * sizeof(struct node));
    u64 seed = 7;
    for (u32 i = 0; i < NODES; i++) {
        order[i] = i;
        nodes[i].value = next(&seed);
    }
    for (u32 i = NODES - 1; i > 0; i--) {
        u64 j = next(&seed) % (i + 1);
        u32 swap = order[i];
        order[i] = order[j];
        order[j] = swap;
    }
    for (u32 i = 0; i < NODES; i++) {
        nodes[order[i]].next = &nodes[order[(i + 1) % NODES]];
    }
    u64 total = 0;
    const struct node *p = nodes;
    for (u64 i = 0; i < 8000000 * scale; i++) {
        total += p->value;
        p = p->next;
    }
    return total;
}

/** What an interpreter of bytecode is: fetches, a switch, a stack. */
static u64 bytecode(u64 scale) {
    // n rounds of: a = a * 3 + b; b = b ^ (a >> 7); if (a & 1) b = b + n
    static const u8 program[] = {0, 4, 1, 5, 2, 0, 6, 7, 8, 1, 9, 5, 3, 10};
    u64 a = 1;
    u64 b = 2;
    u64 n = 15000000 * scale;
    u64 stack[8];
    u64 *top = stack;
    const u8 *p = program;
    for (;;) {
        switch (*p++) {
        case 0: *top++ = a; break;
        case 1: *top++ = b; break;
        case 4: top[-1] *= 3; break;
        case 2: a = *--top; break;
        case 3: b = *--top; break;
        case 5: top--; top[-1] += top[0]; break;
        case 6: top[-1] >>= 7; break;
        case 7: b ^= *--top; break;
        case 8: if (!(a & 1)) { p += 4; } break;
        case 9: *top++ = n; break;
        case 10: if (!--n) { return a ^ b; } p = program; break;
        }
    }
}

static u64 run_matrix(u64 scale) { return matrix(60 * scale, rest); }
static u64 run_packed(u64 scale) { return packed(6000 * scale, rest); }

static const struct {
    const char *name;
    u64 (*run)(u64 scale);
} loops[] = {
    {"xorshift", xorshift}, {"crc", crc},       {"copy", copy}, {"repcopy", repcopy}, {"sieve", sieve},
    {"fib", fib},           {"branch", branch}, {"sort", sort}, {"hash", hash},       {"chase", chase},
    {"bytecode", bytecode}, {"matrix", run_matrix}, {"packed", run_packed},
};

#define LOOPS (sizeof loops / sizeof loops[0])

/**
 * An emulator may size its table of translations by what it finds in it when it is flushed, as TCG
 * does. An operating system flushes all the time, a loop never: so this happens before.
 */
static void fill_and_flush(void) {
    for (u32 round = 0; round < 10; round++) {
        for (u64 at = 0; at < TOUCHED; at += PAGE_SIZE) {
            ((volatile u8 *)buffer_a)[at] = 1;
        }
        flush_translations();
    }
}

void guest_main(void) {
    u64 scale = 1;
    u32 chosen = LOOPS;
    char *words = command_line;
    next_word(&words);
    for (char *word; (word = next_word(&words)) != 0;) {
        const char *text = after_prefix(word, "scale=");
        if (text) {
            if (!parse_number(text, &scale) || scale < 1 || scale > 1000) {
                fail("scale must be 1 to 1000", word);
            }
            continue;
        }
        for (chosen = 0; chosen < LOOPS && !text_equal(word, loops[chosen].name);) {
            chosen++;
        }
        if (chosen == LOOPS) {
            fail("unknown loop", word);
        }
    }
    if (chosen == LOOPS) {
        fail("which loop?", "");
    }
    if (regions[region_count - 1].pages * PAGE_SIZE < TOUCHED) {
        fail("too little memory", "");
    }
    buffer_a = (u64 *)regions[region_count - 1].start;
    buffer_b = buffer_a + BUFFER_WORDS;
    rest = (u8 *)(buffer_b + BUFFER_WORDS);
    fill_and_flush();
    u64 seed = 1;
    for (u64 i = 0; i < BUFFER_WORDS; i++) {
        seed = seed * 6364136223846793005UL + 1442695040888963407UL;
        buffer_a[i] = seed;
        buffer_b[i] = 0;
    }
    print("<begin ");
    print(loops[chosen].name);
    print(">\n");
    u64 result = loops[chosen].run(scale);
    print("<end ");
    print(loops[chosen].name);
    print(" result=");
    print_hex(result, 16);
    print(">\n");
    read_char();
}
