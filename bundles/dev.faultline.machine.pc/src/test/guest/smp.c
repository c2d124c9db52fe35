// SPDX-License-Identifier: Apache-2.0
// Two processors: the first starts the second by INIT and start-up messages through its local
// APIC; both count with locked instructions and under a spin lock; then the first exchanges a page
// table entry again and again, and tells the second by an inter-processor interrupt to forget its
// translation before it goes on. Ends with debug-exit value 0 if no count is lost and no
// translation outlives its interrupt. The command line may name the rounds.
#include "guest.h"

#define APIC 0xFEE00000UL
#define APIC_ID 0x20
#define APIC_EOI 0xB0
#define APIC_SPURIOUS 0xF0
#define APIC_ICR_LOW 0x300
#define APIC_ICR_HIGH 0x310
#define ICR_PENDING 0x1000
#define ICR_INIT 0x4500    /* assert */
#define ICR_STARTUP 0x4600
#define ICR_FIXED 0x4000
#define SPURIOUS_ENABLE 0x1FF

#define OTHER 1            /* APIC id of the second processor */
#define VECTOR 0x40
#define START 0x8000UL     /* of the second processor, in real mode */
#define SHARED 0x90000UL   /* the page whose translation changes */
#define FRAMES 0x91000UL   /* four pages that it is mapped to in turn */
#define DEFAULT_ROUNDS 20000

/** What the first instructions of the second processor need, at the end of their page. */
struct start {
    u64 cr3;
    u64 efer;
    u16 gdt_limit;
    u32 gdt_base;
    u16 unused;
    u64 stack;
    u64 entry;
} __attribute__((packed));

#define START_DATA (START + 0xF00)

extern u8 second_start[], second_end[];
__asm__("    .pushsection .rodata\n"
        "    .code16\n"
        "second_start:\n"
        "    cli\n"
        "    xorw %ax, %ax\n"
        "    movw %ax, %ds\n"
        "    lgdtl 0x8F10\n"
        "    movl $0x6A0, %eax\n" // PAE, PGE, SSE
        "    movl %eax, %cr4\n"
        "    movl 0x8F00, %eax\n"
        "    movl %eax, %cr3\n"
        "    movl $0xC0000080, %ecx\n"
        "    movl 0x8F08, %eax\n"
        "    xorl %edx, %edx\n"
        "    wrmsr\n"
        "    movl $0x80010033, %eax\n" // PG, WP, NE, ET, MP, PE
        "    movl %eax, %cr0\n"
        "    ljmpl $0x08, $0x8000 + (1f - second_start)\n"
        "    .code64\n"
        "1:  movl $0x10, %eax\n"
        "    movl %eax, %ds\n"
        "    movl %eax, %es\n"
        "    movl %eax, %ss\n"
        "    movq 0x8F18, %rsp\n"
        "    jmp *0x8F20\n"
        "second_end:\n"
        "    .popsection\n");

static u8 second_stack[PAGE_SIZE] __attribute__((aligned(16)));
static u64 rounds = DEFAULT_ROUNDS;
static volatile u64 running, added, exchanged, locked, lock, finished;
static volatile u64 forgotten, acknowledged, stale, reads, stop;

static struct {
    u16 offset0, selector, attributes, offset1;
    u32 offset2, zero;
} gates[256] __attribute__((aligned(16)));

static u32 apic(u32 at) { return *(volatile u32 *)(APIC + at); }
static void set_apic(u32 at, u32 value) { *(volatile u32 *)(APIC + at) = value; }
static void relax(void) { __asm__ volatile("pause" : : : "memory"); }

static void send(u32 message) {
    set_apic(APIC_ICR_HIGH, OTHER << 24);
    set_apic(APIC_ICR_LOW, message);
    while (apic(APIC_ICR_LOW) & ICR_PENDING) {
        relax();
    }
}

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

/** The entry that maps one of the first 512 pages. */
static volatile u64 *entry(u64 page) {
    u64 table;
    __asm__ volatile("mov %%cr3, %0" : "=r"(table));
    for (int level = 0; level < 3; level++) {
        table = *(u64 *)table & 0x000FFFFFFFFFF000UL;
    }
    return (volatile u64 *)table + (page >> 12);
}

static void start_second(void) {
    struct {
        u16 limit;
        u64 base;
    } __attribute__((packed)) gdt;
    struct start *s = (struct start *)START_DATA;
    u32 low, high;
    __asm__ volatile("sgdt %0" : "=m"(gdt));
    __asm__ volatile("mov %%cr3, %0" : "=r"(s->cr3));
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(0xC0000080));
    s->efer = low & ~0x400U; // LMA follows
    s->gdt_limit = gdt.limit;
    s->gdt_base = (u32)gdt.base;
    s->stack = (u64)(second_stack + sizeof second_stack - 8);
    s->entry = (u64)second;
    for (u64 i = 0; i < (u64)(second_end - second_start); i++) {
        ((volatile u8 *)START)[i] = second_start[i];
    }
    u64 handler = (u64)forget_stub;
    gates[VECTOR].offset0 = (u16)handler;
    gates[VECTOR].selector = 0x08;
    gates[VECTOR].attributes = 0x8E00;
    gates[VECTOR].offset1 = (u16)(handler >> 16);
    *entry(START) = START | 3; // the runtime lets nothing but its code be executed
    set_apic(APIC_SPURIOUS, SPURIOUS_ENABLE);
    send(ICR_INIT);
    send(ICR_STARTUP | START >> 12);
    send(ICR_STARTUP | START >> 12); // as systems do; the second one finds it running
}

static void shoot_down(void) {
    volatile u64 *map = entry(SHARED);
    for (u64 round = 1; round <= rounds / 100; round++) {
        u64 frame = FRAMES + (round & 3) * PAGE_SIZE;
        *(volatile u64 *)frame = round;
        *map = frame | 3;
        send(ICR_FIXED | VECTOR);
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
