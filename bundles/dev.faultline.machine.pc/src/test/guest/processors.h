// SPDX-License-Identifier: Apache-2.0
// Local APICs, and the way of a further processor into 64-bit mode.
#ifndef FAULTLINE_PROCESSORS_H
#define FAULTLINE_PROCESSORS_H

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
#define START 0x8000UL     /* of further processors, in real mode */

/** What the first instructions of a further processor need, at the end of their page. */
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

static inline u32 apic(u32 at) { return *(volatile u32 *)(APIC + at); }
static inline void set_apic(u32 at, u32 value) { *(volatile u32 *)(APIC + at) = value; }
static inline void relax(void) { __asm__ volatile("pause" : : : "memory"); }

static inline void send(u32 to, u32 message) {
    set_apic(APIC_ICR_HIGH, to << 24);
    set_apic(APIC_ICR_LOW, message);
    while (apic(APIC_ICR_LOW) & ICR_PENDING) {
        relax();
    }
}

/** The entry that maps one of the first 512 pages. */
static inline volatile u64 *entry(u64 page) {
    u64 table;
    __asm__ volatile("mov %%cr3, %0" : "=r"(table));
    for (int level = 0; level < 3; level++) {
        table = *(u64 *)table & 0x000FFFFFFFFFF000UL;
    }
    return (volatile u64 *)table + (page >> 12);
}

/** Has a processor go to a function, on the tables of this one; one at a time. */
static inline void start_processor(u32 id, u8 *stack_end, void (*to)(void)) {
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
    s->stack = (u64)(stack_end - 8);
    s->entry = (u64)to;
    for (u64 i = 0; i < (u64)(second_end - second_start); i++) {
        ((volatile u8 *)START)[i] = second_start[i];
    }
    *entry(START) = START | 3; // the runtime lets nothing but its code be executed
    set_apic(APIC_SPURIOUS, SPURIOUS_ENABLE);
    send(id, ICR_INIT);
    send(id, ICR_STARTUP | START >> 12);
    send(id, ICR_STARTUP | START >> 12); // as systems do; the second one finds it running
}

#endif
