// SPDX-License-Identifier: Apache-2.0
// Integer hot loops for measuring an engine. The command line after the image's name:
//   NAME...   the loops to run, or "all" (the default)
//   scale=N   repeat each N times its usual size (default 1: about 100 million instructions each)
//   hz=N      with a timer interrupt N times a second (19 to 1000), besides
// For each loop: "NAME begins", then "NAME result=HEX instructions=N". The count leaves out the few
// instructions around the loops, and the timer's.
#include "guest.h"

#define BUFFER_WORDS 32768 // 256 KiB
#define SIEVE_LIMIT (1UL << 20)

u64 kernel_xorshift(u64 n);
u32 kernel_crc(u32 crc, const u8 *data, u64 n, const u32 *table);
void kernel_copy(u64 *to, const u64 *from, u64 n);
void kernel_repcopy(u64 *to, const u64 *from, u64 n);
void kernel_strike(u8 *flags, u64 from, u64 step, u64 limit);
u64 kernel_fib(u64 n);
u64 kernel_branch(u64 n);

static u64 *buffer_a;
static u64 *buffer_b;
static u8 *flags;
static u64 instructions;

static void prepare(void) {
    u64 x = 1;
    for (u64 i = 0; i < BUFFER_WORDS; i++) {
        x = x * 6364136223846793005UL + 1442695040888963407UL;
        buffer_a[i] = x;
        buffer_b[i] = 0;
    }
}

static u64 xorshift(u64 scale) {
    u64 n = 10000000 * scale;
    instructions = 11 * n;
    return kernel_xorshift(n);
}

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
    for (u64 i = 0; i < 60 * scale; i++) {
        result = kernel_crc(result, (const u8 *)buffer_a, BUFFER_WORDS * 8, table);
        instructions += 7 * BUFFER_WORDS * 8;
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
    for (u64 i = 0; i < 500 * scale; i++) {
        kernel_copy(buffer_b, buffer_a, BUFFER_WORDS);
        instructions += 6 * BUFFER_WORDS;
    }
    return sum_of_copy();
}

static u64 repcopy(u64 scale) {
    for (u64 i = 0; i < 3000 * scale; i++) {
        kernel_repcopy(buffer_b, buffer_a, BUFFER_WORDS);
        instructions += BUFFER_WORDS;
    }
    return sum_of_copy();
}

static u64 sieve(u64 scale) {
    u64 primes = 0;
    for (u64 round = 0; round < 10 * scale; round++) {
        fill_words(flags, 0, SIEVE_LIMIT / 8);
        instructions += SIEVE_LIMIT / 8;
        for (u64 p = 2; p * p < SIEVE_LIMIT; p++) {
            if (!flags[p]) {
                kernel_strike(flags, p * p, p, SIEVE_LIMIT);
                instructions += 4 * ((SIEVE_LIMIT - 1 - p * p) / p + 1);
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
    for (u64 i = 0; i < scale; i++) {
        result += kernel_fib(32);
        // fib(33) leaves of 4 instructions, one inner call less of 13.
        instructions += 3524578UL * 4 + 3524577UL * 13;
    }
    return result;
}

static u64 branch(u64 scale) {
    u64 n = 12000000 * scale;
    instructions = 17 * n / 2;
    return kernel_branch(n);
}

static const struct {
    const char *name;
    u64 (*run)(u64 scale);
} loops[] = {
    {"xorshift", xorshift}, {"crc", crc}, {"copy", copy},     {"repcopy", repcopy},
    {"sieve", sieve},       {"fib", fib}, {"branch", branch},
};

#define LOOPS (sizeof loops / sizeof loops[0])

static int choose(const char *word, u8 *chosen) {
    int found = 0;
    for (u32 i = 0; i < LOOPS; i++) {
        if (text_equal(word, "all") || text_equal(word, loops[i].name)) {
            chosen[i] = 1;
            found = 1;
        }
    }
    return found;
}

void guest_main(void) {
    static u8 chosen[LOOPS];
    u64 scale = 1;
    u64 hertz = 0;
    int any = 0;
    char *rest = command_line;
    next_word(&rest);
    for (char *word; (word = next_word(&rest)) != 0;) {
        const char *text;
        if ((text = after_prefix(word, "scale=")) != 0) {
            if (!parse_number(text, &scale) || scale < 1 || scale > 1000) {
                fail("scale must be 1 to 1000", word);
            }
        } else if ((text = after_prefix(word, "hz=")) != 0) {
            if (!parse_number(text, &hertz) || hertz < 19 || hertz > 1000) {
                fail("hz must be 19 to 1000", word);
            }
        } else if (choose(word, chosen)) {
            any = 1;
        } else {
            fail("unknown option", word);
        }
    }
    if (!any) {
        choose("all", chosen);
    }
    if (regions[0].pages * PAGE_SIZE < 2 * BUFFER_WORDS * 8 + SIEVE_LIMIT) {
        fail("too little memory", "");
    }
    buffer_a = (u64 *)regions[0].start;
    buffer_b = buffer_a + BUFFER_WORDS;
    flags = (u8 *)(buffer_b + BUFFER_WORDS);
    if (hertz) {
        start_timer((u32)hertz);
    }
    prepare();
    for (u32 i = 0; i < LOOPS; i++) {
        if (chosen[i]) {
            print(loops[i].name);
            print(" begins\n");
            instructions = 0;
            u64 result = loops[i].run(scale);
            print(loops[i].name);
            print(" result=");
            print_hex(result, 16);
            print_field("instructions", instructions);
            print_char('\n');
        }
    }
}
