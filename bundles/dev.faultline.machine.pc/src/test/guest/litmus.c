// SPDX-License-Identifier: Apache-2.0
// Four processors, or two, look for what the memory model of x86 forbids (SDM 3A, "Memory
// Ordering"): litmus tests, locked instructions at every kind of place, code that is modified by
// itself and by others. One line for each, then "LITMUS ok" and debug-exit value 0, or 1 after
// "FORBIDDEN" or "LOST". The command line after the image's name: processors, rounds, and how many
// million times in a round of a litmus test a processor looks whether the others have come as far.
#include "processors.h"

#define MOST 4
#define INSTANCES 1000     /* of a test in a round */
#define DEFAULT_ROUNDS 20
#define DEFAULT_PATIENCE 10

static struct instance {
    volatile u64 x, unused0[7], y, unused1[7];
} instances[INSTANCES] __attribute__((aligned(64)));
static volatile u64 results[MOST][INSTANCES][2];

static u8 stacks[MOST][2 * PAGE_SIZE] __attribute__((aligned(16)));
static u8 data[3 * PAGE_SIZE] __attribute__((aligned(4096)));
static u8 code[PAGE_SIZE] __attribute__((aligned(4096)));
static u64 processors = MOST, rounds = DEFAULT_ROUNDS, patience = DEFAULT_PATIENCE;
static volatile u64 running, waiting, phase;
static void (*volatile job)(u64 me); // 0: it is over
static volatile u64 failures;

/** All of them. */
static void meet(void) {
    u64 now = phase;
    if (__atomic_add_fetch(&waiting, 1, __ATOMIC_SEQ_CST) == processors) {
        waiting = 0;
        __atomic_store_n(&phase, now + 1, __ATOMIC_SEQ_CST);
    } else {
        while (phase == now) {
            relax();
        }
    }
}

/** Has every processor do it, and returns when all have. */
static void all(void (*what)(u64 me)) {
    job = what;
    meet();
    what(0);
    meet();
}

__attribute__((used)) static void further(void) {
    u64 me = __atomic_add_fetch(&running, 1, __ATOMIC_SEQ_CST);
    for (;;) {
        meet();
        if (!job) {
            break;
        }
        job(me);
        meet();
    }
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}

static void report(const char *name, u64 good, const char *bad) {
    print(name);
    if (!good) {
        failures++;
        print_char(' ');
        print(bad);
    } else {
        print(" ok");
    }
}

// ---- litmus tests

static void put(volatile u64 *at, u64 value) {
    __asm__ volatile("movq %1, %0" : "=m"(*at) : "r"(value) : "memory");
}
static u64 get(volatile u64 *at) {
    u64 value;
    __asm__ volatile("movq %1, %0" : "=r"(value) : "m"(*at) : "memory");
    return value;
}
static void fence(void) { __asm__ volatile("mfence" : : : "memory"); }
static void exchange(volatile u64 *at, u64 value) {
    __asm__ volatile("xchgq %0, %1" : "+r"(value), "+m"(*at) : : "memory");
}
static void locked(void) { __asm__ volatile("lock orq $0, (%%rsp)" : : : "memory", "cc"); }

/** What processor "role" of a test does; what it has read goes to r. */
typedef void body(u64 role, struct instance *i, volatile u64 *r);

static void sb(u64 role, struct instance *i, volatile u64 *r) {
    put(role ? &i->y : &i->x, 1);
    r[0] = get(role ? &i->x : &i->y);
}
static void sb_fence(u64 role, struct instance *i, volatile u64 *r) {
    put(role ? &i->y : &i->x, 1);
    fence();
    r[0] = get(role ? &i->x : &i->y);
}
static void sb_locked(u64 role, struct instance *i, volatile u64 *r) {
    put(role ? &i->y : &i->x, 1);
    locked();
    r[0] = get(role ? &i->x : &i->y);
}
static void sb_exchange(u64 role, struct instance *i, volatile u64 *r) {
    exchange(role ? &i->y : &i->x, 1);
    r[0] = get(role ? &i->x : &i->y);
}
static void mp(u64 role, struct instance *i, volatile u64 *r) {
    if (role) {
        r[0] = get(&i->y);
        r[1] = get(&i->x);
    } else {
        put(&i->x, 1);
        put(&i->y, 1);
    }
}
static void lb(u64 role, struct instance *i, volatile u64 *r) {
    r[0] = get(role ? &i->y : &i->x);
    put(role ? &i->x : &i->y, 1);
}
static void two_writes(u64 role, struct instance *i, volatile u64 *r) {
    (void)r;
    put(role ? &i->y : &i->x, 1);
    put(role ? &i->x : &i->y, 2);
}
static void s_test(u64 role, struct instance *i, volatile u64 *r) {
    if (role) {
        r[0] = get(&i->y);
        put(&i->x, 1);
    } else {
        put(&i->x, 2);
        put(&i->y, 1);
    }
}
static void r_fence(u64 role, struct instance *i, volatile u64 *r) {
    if (role) {
        put(&i->y, 2);
        fence();
        r[0] = get(&i->x);
    } else {
        put(&i->x, 1);
        put(&i->y, 1);
    }
}
static void corr(u64 role, struct instance *i, volatile u64 *r) {
    if (role) {
        r[0] = get(&i->x);
        r[1] = get(&i->x);
    } else {
        put(&i->x, 1);
    }
}
static void wrc(u64 role, struct instance *i, volatile u64 *r) {
    if (role == 0) {
        put(&i->x, 1);
    } else if (role == 1) {
        r[0] = get(&i->x);
        put(&i->y, 1);
    } else if (role == 2) {
        r[0] = get(&i->y);
        r[1] = get(&i->x);
    }
}
static void iriw(u64 role, struct instance *i, volatile u64 *r) {
    if (role < 2) {
        put(role ? &i->y : &i->x, 1);
    } else {
        r[0] = get(role == 2 ? &i->x : &i->y);
        r[1] = get(role == 2 ? &i->y : &i->x);
    }
}

enum { SB, SB_FENCE, SB_LOCKED, SB_EXCHANGE, MP, LB, TWO_WRITES, S, R_FENCE, CORR, WRC, IRIW, TESTS };
static const struct {
    const char *name;
    body *run;
    u64 roles;
} tests[TESTS] = {
    {"sb", sb, 2},           {"sb+mfence", sb_fence, 2}, {"sb+lock", sb_locked, 2},
    {"sb+xchg", sb_exchange, 2}, {"mp", mp, 2},          {"lb", lb, 2},
    {"2+2w", two_writes, 2}, {"s", s_test, 2},           {"r+mfence", r_fence, 2},
    {"corr", corr, 2},       {"wrc", wrc, 4},            {"iriw", iriw, 4}};

static u64 test, turn;
static struct {
    volatile u64 at, left, unused[6];
} progress[MOST] __attribute__((aligned(64)));

/**
 * Waits for those of the same test: only what is done at once shows anything. Whose patience is at
 * its end, because the host does not run them at once, goes on alone.
 */
static void keep_together(u64 me, u64 roles, u64 at) {
    u64 first = me / roles * roles;
    u64 left = progress[me].left;
    progress[me].at = at;
    for (u64 p = first; p < first + roles; p++) {
        while (left && progress[p].at < at) {
            left--;
        }
    }
    progress[me].left = left;
}

/** Tests for two are done by two pairs, one on the even instances and one on the odd ones. */
static void litmus(u64 me) {
    u64 roles = tests[test].roles;
    u64 role = (me + turn) % roles;
    u64 step = processors / roles;
    body *run = tests[test].run;
    for (u64 i = me / roles; i < INSTANCES; i += step) {
        keep_together(me, roles, i + 1);
        run(role, instances + i, results[role][i]);
    }
}

/** Whether what came out is of the kind that is looked for. */
static int seen(u64 i) {
    u64 x = instances[i].x, y = instances[i].y;
    volatile u64 *a = results[0][i], *b = results[1][i], *c = results[2][i], *d = results[3][i];
    switch (test) {
    case SB: case SB_FENCE: case SB_LOCKED: case SB_EXCHANGE: return !a[0] && !b[0];
    case MP: case CORR: return b[0] && !b[1];
    case LB: return a[0] && b[0];
    case TWO_WRITES: return x == 1 && y == 1;
    case S: return b[0] && x == 2;
    case R_FENCE: return y == 2 && !b[0];
    case WRC: return b[0] && c[0] && !c[1];
    default: return c[0] && !c[1] && d[0] && !d[1];
    }
}

static void litmus_tests(void) {
    for (test = 0; test < TESTS; test++) {
        if (tests[test].roles > processors) {
            continue;
        }
        u64 count = 0;
        for (turn = 0; turn < rounds; turn++) {
            for (u64 p = 0; p < MOST; p++) {
                progress[p].at = 0;
                progress[p].left = patience * 1000000;
            }
            for (u64 i = 0; i < INSTANCES; i++) {
                instances[i].x = instances[i].y = 0;
                for (u64 p = 0; p < MOST; p++) {
                    results[p][i][0] = results[p][i][1] = 0;
                }
            }
            all(litmus);
            for (u64 i = 0; i < INSTANCES; i++) {
                count += seen(i);
            }
        }
        report(tests[test].name, test == SB || !count, "FORBIDDEN"); // without a fence it may be
        print_field("seen", count);
        print_field("of", rounds * INSTANCES);
        print("\n");
    }
}

// ---- locked instructions

static volatile u64 *place;

/** Four kinds of increment; the last one under a lock beside it. */
static void add(u64 me) {
    (void)me;
    for (u64 i = 0; i < rounds * 25; i++) {
        u64 one = 1, old, done;
        __asm__ volatile("lock incq %0" : "+m"(*place) : : "memory", "cc");
        __asm__ volatile("lock xaddq %1, %0" : "+m"(*place), "+r"(one) : : "memory", "cc");
        do {
            old = *place;
            __asm__ volatile("lock cmpxchgq %3, %1; setz %b2"
                             : "+a"(old), "+m"(*place), "=&q"(done)
                             : "r"(old + 1)
                             : "memory", "cc");
        } while (!(done & 1));
        __asm__ volatile("lock subq $-1, %0" : "+m"(*place) : : "memory", "cc");
    }
}

/** Both halves change together; nobody sees them differ. Half of the processors only look. */
static void halves(u64 me) {
    for (u64 i = 0; i < rounds * 25; i++) {
        u64 x = me & 1 ? 0 : 0x100000001UL;
        __asm__ volatile("lock xaddq %1, %0" : "+m"(*place), "+r"(x) : : "memory", "cc");
        if ((u32)x != x >> 32) {
            __atomic_add_fetch(&failures, 1, __ATOMIC_SEQ_CST);
        }
    }
}

/** The low eight bytes up by 2^32, the high ones by 1, at once. */
static void pair(u64 me) {
    (void)me;
    for (u64 i = 0; i < rounds * 25; i++) {
        u64 low = place[0], high = place[1];
        u8 done;
        do {
            __asm__ volatile("lock cmpxchg16b %1; setz %0"
                             : "=q"(done), "+m"(*(unsigned __int128 *)place), "+a"(low), "+d"(high)
                             : "b"(low + (1UL << 32)), "c"(high + 1)
                             : "memory", "cc");
        } while (!done);
    }
}

/** Bits of a row, each set by one processor; who finds one set has lost a race that none is in. */
static void bits(u64 me) {
    for (u64 i = me; i < 8 * 512; i += processors) {
        u8 before;
        __asm__ volatile("lock btsq %2, %1; setc %0"
                         : "=q"(before), "+m"(*place)
                         : "r"(i)
                         : "memory", "cc");
        if (before) {
            __atomic_add_fetch(&failures, 1, __ATOMIC_SEQ_CST);
        }
    }
}

static void total(const char *name, u64 got, u64 expected) {
    report(name, got == expected, "LOST");
    print_field("got", got);
    print_field("of", expected);
    print("\n");
}

static void locked_instructions(void) {
    static const struct {
        const char *name;
        u8 *at;
    } places[] = {{"aligned", data},
                  {"in a line", data + 65},
                  {"across half a line", data + 156},
                  {"across lines", data + 252},
                  {"across pages", data + 4092},
                  {"beside code", code + 2048},
                  {"beside code, across lines", code + 3005}};
    for (u64 i = 0; i < sizeof places / sizeof *places; i++) {
        place = (volatile u64 *)places[i].at;
        *place = 0;
        all(add);
        total(places[i].name, *place, processors * rounds * 100);
        *place = 0;
        u64 before = failures;
        all(halves);
        total("  halves", failures == before ? *place : 0, (processors / 2) * rounds * 25 * 0x100000001UL);
    }
    place = (volatile u64 *)(data + 512);
    place[0] = place[1] = 0;
    all(pair);
    total("16 bytes", place[0] >> 32 == place[1] ? place[1] : 0, processors * rounds * 25);
    fill_words(data, 0, 64);
    place = (volatile u64 *)data;
    u64 before = failures;
    all(bits);
    u64 set = 0;
    for (u64 i = 0; i < 512; i++) {
        for (u8 b = data[i]; b; b &= b - 1) {
            set++;
        }
    }
    total("bits", failures == before ? set : 0, 8 * 512);
}

// ---- code

/** nop; nop; nop; mov eax, n; ret: the number is aligned. */
static void function(u8 *at, u32 n) {
    static const u8 bytes[] = {0x90, 0x90, 0x90, 0xB8, 0, 0, 0, 0, 0xC3};
    for (u64 i = 0; i < sizeof bytes; i++) {
        ((volatile u8 *)at)[i] = bytes[i];
    }
    *(volatile u32 *)(at + 4) = n;
}

static u32 call(u8 *at) {
    u32 result;
    __asm__ volatile("call *%1" : "=a"(result) : "r"(at) : "memory", "cc");
    return result;
}

static volatile u64 stale, announced, published, calls;

/** Each its own function, all in one page. */
static void self_modifying(u64 me) {
    u8 *mine = code + 64 * me;
    for (u64 i = 0; i < rounds * 25; i++) {
        u32 n = (u32)(i << 8 | me);
        *(volatile u32 *)(mine + 4) = n;
        if (call(mine) != n) {
            __atomic_add_fetch(&stale, 1, __ATOMIC_SEQ_CST);
        }
    }
}

/** The first one changes what the others call: never an older number again, nor a future one. */
static void cross_modifying(u64 me) {
    u32 last = 0;
    if (!me) {
        for (u64 i = 1; i <= rounds * 25; i++) {
            announced = i;
            *(volatile u32 *)(code + 512 + 4) = (u32)i;
            published = i;
            while (calls < i && i % 16 == 0) {
                relax(); // so that others have their turn
            }
        }
        return;
    }
    do {
        u32 least = (u32)published, leaf = 0, other = 0;
        __asm__ volatile("cpuid" : "+a"(leaf), "+c"(other) : : "rbx", "rdx", "memory");
        u32 n = call(code + 512);
        if (n < least || n < last || n > announced) {
            __atomic_add_fetch(&stale, 1, __ATOMIC_SEQ_CST);
        }
        last = n;
        __atomic_add_fetch(&calls, 1, __ATOMIC_SEQ_CST);
    } while (last < rounds * 25);
}

/** Who is first writes another function for all to call, as SDM 3A has it: with a meeting. */
static void in_turns(u64 me) {
    for (u64 i = 0; i < rounds; i++) {
        u8 *at = code + 1024 + 64 * (i & 7);
        if (i % processors == me) {
            function(at, (u32)i + 1000);
        }
        meet();
        u32 leaf = 0, other = 0;
        __asm__ volatile("cpuid" : "+a"(leaf), "+c"(other) : : "rbx", "rdx", "memory");
        if (call(at) != i + 1000) {
            __atomic_add_fetch(&stale, 1, __ATOMIC_SEQ_CST);
        }
        meet();
    }
}

static void modified_code(void) {
    for (u64 p = 0; p < processors; p++) {
        function(code + 64 * p, 0);
    }
    function(code + 512, 0);
    all(self_modifying);
    total("self-modified, stale", stale, 0);
    all(cross_modifying);
    total("cross-modified, stale", stale, 0);
    all(in_turns);
    total("modified in turns, stale", stale, 0);
}

void guest_main(void) {
    char *at = command_line;
    char *word = next_word(&at);
    word = word ? next_word(&at) : 0; // after the image's name
    if (word && (!parse_number(word, &processors) || (processors != 2 && processors != 4))) {
        fail("not 2 or 4 processors", word);
    }
    word = word ? next_word(&at) : 0;
    if (word && !parse_number(word, &rounds)) {
        fail("not a number of rounds", word);
    }
    word = word ? next_word(&at) : 0;
    if (word && !parse_number(word, &patience)) {
        fail("not a number of looks", word);
    }
    u64 page = (u64)code;
    *entry(page) = page | 3; // the runtime lets nothing but its code be executed
    __asm__ volatile("invlpg (%0)" : : "r"(page) : "memory");
    for (u64 p = 1; p < processors; p++) {
        start_processor((u32)p, stacks[p] + sizeof stacks[p], further);
        while (running != p) {
            relax();
        }
    }
    litmus_tests();
    locked_instructions();
    modified_code();
    job = 0;
    meet();
    print(failures ? "LITMUS FAILED\n" : "LITMUS ok\n");
    guest_exit(failures ? 1 : EXIT_OK);
}
