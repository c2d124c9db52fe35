// SPDX-License-Identifier: Apache-2.0
// Two processors: the first starts the second by INIT and start-up messages through its local
// APIC; both count with locked instructions and under a spin lock; then the first exchanges a page
// table entry again and again, and tells the second by an inter-processor interrupt to forget its
// translation before it goes on. Ends with debug-exit value 0 if no count is lost and no
// translation outlives its interrupt. The command line may name the rounds.
#include "processors.h"

#define OTHER 1            /* APIC id of the second processor */
#define VECTOR 0x40
#define SHARED 0x90000UL   /* the page whose translation changes */
#define FRAMES 0x91000UL   /* four pages that it is mapped to in turn */
#define DEFAULT_ROUNDS 20000

static u8 second_stack[PAGE_SIZE] __attribute__((aligned(16)));
static u64 rounds = DEFAULT_ROUNDS;
static volatile u64 running, added, exchanged, locked, lock, finished;
static volatile u64 forgotten, acknowledged, stale, reads, stop;

static struct {
    u16 offset0, selector, attributes, offset1;
    u32 offset2, zero;
} gates[256] __attribute__((aligned(16)));

/** Counts with everything that two processors may count with. */
static void count(void) {
    for (u64 i = 0; i < rounds; i++) {
        __asm__ volatile("lock incq %0" : "+m"(added) : : "memory");
        u64 old = exchanged;
        while (!__atomic_compare_exchange_n(&exchanged, &old, old + 1, 0, __ATOMIC_SEQ_CST,
                                            __ATOMIC_SEQ_CST)) {
            relax();
        }
        u64 taken;
        do {
            taken = 1;
            __asm__ volatile("xchgq %0, %1" : "+r"(taken), "+m"(lock) : : "memory");
        } while (taken && (relax(), 1));
        locked = locked + 1; // not atomic by itself
        __atomic_store_n(&lock, 0, __ATOMIC_RELEASE);
    }
    __atomic_add_fetch(&finished, 1, __ATOMIC_SEQ_CST);
}

/** The interrupt of the second processor; called with all registers saved. */
__attribute__((used)) static void forget(void) {
    u64 round = acknowledged + 1;
    __asm__ volatile("invlpg (%0)" : : "r"(SHARED) : "memory");
    forgotten = round;
    set_apic(APIC_EOI, 0);
    acknowledged = round;
}

void forget_stub(void);
__asm__("forget_stub:\n"
        "    push %rax; push %rcx; push %rdx; push %rsi; push %rdi\n"
        "    push %r8; push %r9; push %r10; push %r11\n"
        "    cld\n"
        "    call forget\n"
        "    pop %r11; pop %r10; pop %r9; pop %r8\n"
        "    pop %rdi; pop %rsi; pop %rdx; pop %rcx; pop %rax\n"
        "    iretq\n");

/** Where the second processor arrives. */
__attribute__((used)) static void second(void) {
    struct {
        u16 limit;
        u64 base;
    } __attribute__((packed)) idt = {sizeof gates - 1, (u64)gates};
    __asm__ volatile("lidt %0" : : "m"(idt));
    set_apic(APIC_SPURIOUS, SPURIOUS_ENABLE);
    running = apic(APIC_ID) >> 24;
    count();
    interrupts_on();
    while (!stop) {
        u64 least = forgotten; // what is read now is of this round or a later one
        u64 value = *(volatile u64 *)SHARED;
        if (value < least) {
            stale = stale + 1;
        }
        reads = reads + 1;
    }
    interrupts_off();
    __atomic_add_fetch(&finished, 1, __ATOMIC_SEQ_CST);
    for (;;) {
        __asm__ volatile("hlt");
    }
}

static void start_second(void) {
    u64 handler = (u64)forget_stub;
    gates[VECTOR].offset0 = (u16)handler;
    gates[VECTOR].selector = 0x08;
    gates[VECTOR].attributes = 0x8E00;
    gates[VECTOR].offset1 = (u16)(handler >> 16);
    start_processor(OTHER, second_stack + sizeof second_stack, second);
}

static void shoot_down(void) {
    volatile u64 *map = entry(SHARED);
    for (u64 round = 1; round <= rounds / 100; round++) {
        u64 frame = FRAMES + (round & 3) * PAGE_SIZE;
        *(volatile u64 *)frame = round;
        *map = frame | 3;
        send(OTHER, ICR_FIXED | VECTOR);
        while (acknowledged != round) {
            relax();
        }
    }
}

void guest_main(void) {
    if (command_line[0]) {
        char *at = command_line;
        char *word = next_word(&at);
        word = next_word(&at); // after the image's name
        if (word && !parse_number(word, &rounds)) {
            fail("not a number of rounds", word);
        }
    }
    *(volatile u64 *)SHARED = 0;
    start_second();
    while (!running) {
        relax();
    }
    print("second processor");
    print_field("id", running);
    count();
    while (finished != 2) {
        relax();
    }
    print_field("added", added);
    print_field("exchanged", exchanged);
    print_field("locked", locked);
    print("\n");
    shoot_down();
    stop = 1;
    while (finished != 3) {
        relax();
    }
    print("shot down");
    print_field("rounds", acknowledged);
    print_field("stale", stale);
    print("\n");
    u64 expected = 2 * rounds;
    int ok = added == expected && exchanged == expected && locked == expected && !stale && reads;
    print(ok ? "SMP ok\n" : "SMP FAILED\n");
    guest_exit(ok ? EXIT_OK : 1);
}
