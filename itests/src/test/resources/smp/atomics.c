// SPDX-License-Identifier: Apache-2.0
/*
 * Whether locked instructions of several processors lose updates: one thread on each, at every kind of place.
 * gcc -O1 -static -pthread -mcx16; atomics THREADS ROUNDS. Every line ends in "ok", or in "LOST".
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { INCREMENT, CALL, WIDE, SPIN, TEAR };

static char data[3 * 4096] __attribute__((aligned(4096)));
static int threads;
static long rounds;
static int mode;
static volatile int ready;
static volatile uint64_t *at;
static void (*counting)(volatile uint64_t *, long); /* in the page of its counter */
static volatile uint64_t counter;
static volatile uint64_t torn;

static void increment(volatile uint64_t *p, long n) {
    while (n--) {
        __asm__ volatile("lock; incq %0" : "+m"(*p));
    }
}

/* low += 2^32, high += 1, by CMPXCHG16B */
static void wide(volatile uint64_t *p, long n) {
    while (n--) {
        uint64_t low = p[0], high = p[1];
        unsigned char done;
        do {
            __asm__ volatile("lock; cmpxchg16b %1; sete %0"
                             : "=q"(done), "+m"(*(__int128 *)p), "+a"(low), "+d"(high)
                             : "b"(low + (1ull << 32)), "c"(high + 1)
                             : "memory");
        } while (!done);
    }
}

/* a lock by XCHG of a doubleword, around a plain counter */
static void spin(volatile uint64_t *p, long n) {
    volatile uint32_t *lock = (volatile uint32_t *)p;
    while (n--) {
        uint32_t v;
        for (;;) {
            v = 1;
            __asm__ volatile("xchgl %0,%1" : "+r"(v), "+m"(*lock));
            if (!v) {
                break;
            }
            sched_yield();
        }
        counter = counter + 1;
        __asm__ volatile("" ::: "memory");
        *lock = 0;
    }
}

/* aligned plain stores of 0 and -1: nothing else is ever read */
static void tear(int me, volatile uint64_t *p, long n) {
    while (n--) {
        if (me & 1) {
            uint64_t x = *p;
            if (x + 1 > 1) {
                torn++;
            }
        } else {
            *p = n & 1 ? -1ull : 0;
        }
    }
}

static void *work(void *arg) {
    int me = (int)(intptr_t)arg;
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(me, &one);
    sched_setaffinity(0, sizeof one, &one);
    __sync_fetch_and_add(&ready, 1);
    while (ready < threads) {
        sched_yield();
    }
    switch (mode) {
    case INCREMENT: increment(at, rounds); break;
    case CALL: counting(at, rounds); break;
    case WIDE: me & 1 ? wide(at, rounds) : increment(at, rounds); break;
    case SPIN: spin(at, rounds); break;
    case TEAR: tear(me, at, rounds); break;
    }
    return 0;
}

static void run(int m, void *where) {
    pthread_t t[64];
    mode = m;
    at = where;
    ready = 0;
    for (long i = 0; i < threads; i++) {
        pthread_create(t + i, 0, work, (void *)i);
    }
    for (int i = 0; i < threads; i++) {
        pthread_join(t[i], 0);
    }
}

static void say(const char *what, uint64_t got, uint64_t want) {
    printf("%-48s %lu of %lu %s\n", what, got, want, got == want ? "ok" : "LOST");
    fflush(stdout);
}

int main(int argc, char **argv) {
    static const struct {
        const char *what;
        int offset;
    } places[] = {{"aligned", 0},
                  {"in a line", 65},
                  {"at half a line", 132},
                  {"across lines", 252},
                  {"across pages", 4092}};
    /* 1: lock inc qword [rdi]; dec rsi; jnz 1b; ret */
    static const unsigned char code[] = {0xF0, 0x48, 0xFF, 7, 0x48, 0xFF, 0xCE, 0x75, 0xF7, 0xC3};
    threads = argc > 1 ? atoi(argv[1]) : 2;
    rounds = argc > 2 ? atol(argv[2]) : 1000;
    if (threads < 2 || threads > 64 || threads & 1 || rounds < 1) {
        fprintf(stderr, "atomics: THREADS is an even number from 2 to 64, ROUNDS positive\n");
        return 2;
    }
    long all = threads * rounds;
    for (int i = 0; i < 5; i++) {
        volatile uint64_t *p = (void *)(data + places[i].offset);
        *p = 0;
        run(INCREMENT, (void *)p);
        say(places[i].what, *p, all);
    }
    char *page = mmap(0, 4096, 7, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(page, code, sizeof code);
    counting = (void *)page;
    run(CALL, page + 2048);
    say("in a page that holds code", *(uint64_t *)(page + 2048), all);
    run(CALL, page + 3001);
    say("in a page that holds code, not aligned", *(uint64_t *)(page + 3001), all);
    uint64_t *w = (void *)(data + 512);
    w[0] = w[1] = 0;
    run(WIDE, w);
    say("16 bytes against 8: low", w[0] & 0xffffffff, all / 2);
    say("16 bytes against 8: high", w[0] >> 32, all / 2);
    memset(data + 1024, 0, 16);
    run(SPIN, data + 1026);
    say("a lock by XCHG", counter, all);
    memset(data + 2048, 0, 8);
    run(TEAR, data + 2048);
    say("torn plain accesses", torn, 0);
    return 0;
}
