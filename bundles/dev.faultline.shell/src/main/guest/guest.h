// SPDX-License-Identifier: Apache-2.0
// What every guest program finds: types, ports, the serial console, the memory that the loader
// reported. runtime.c implements it; a program supplies guest_main.
#ifndef FAULTLINE_GUEST_H
#define FAULTLINE_GUEST_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;

#define PAGE_SIZE 4096UL
#define MAX_REGIONS 16

// Values for the debug-exit port 0xf4; the process of the host ends with (value << 1) | 1.
#define EXIT_OK 0x00
#define EXIT_BAD_OPTION 0x7e
#define EXIT_EXCEPTION 0x7f

/** A run of free RAM, page-aligned, above the program and its modules. */
struct region {
    u64 start; // guest-physical address, bytes
    u64 pages; // 4 KiB each
};

/** What the stubs of boot.S leave on the stack, lowest address first. */
struct frame {
    u64 r15, r14, r13, r12, r11, r10, r9, r8, rbp, rdi, rsi, rdx, rcx, rbx, rax;
    u64 vector, error;
    u64 rip, cs, rflags, rsp, ss;
};

/**
 * All that interrupts write by themselves, and the stack they run on: the only page whose content
 * depends on when an interrupt came. A comparison of two runs leaves it out.
 */
struct volatile_page {
    volatile u64 ticks;    // timer interrupts taken
    volatile u64 irqs[16]; // interrupts taken, by PIC line
    u8 stack[PAGE_SIZE - 17 * 8];
};

extern struct volatile_page volatile_page;
extern struct region regions[MAX_REGIONS];
extern u32 region_count;
extern u64 ram_top;        // end of the highest RAM that the loader reported
extern char command_line[512];

/** Asked first when an exception comes; returns 1 when it has changed the frame to go on with. */
extern int (*exception_hook)(struct frame *frame);

/** Bits to put into a page-table entry that must not be executed: 0 on a CPU without NX. */
extern u64 page_no_execute;

void guest_main(void);

/** Ends the run through the debug-exit port; halts for ever where there is none. */
__attribute__((noreturn)) void guest_exit(u8 value);

/** Prints "error: what 'text'" and ends the run with EXIT_BAD_OPTION. */
__attribute__((noreturn)) void fail(const char *what, const char *text);

void print_char(char c);
void print(const char *text);
void print_dec(u64 value);
void print_hex(u64 value, u32 digits);

/** Prints name and value, as in " pages=12". */
void print_field(const char *name, u64 value);

/** Next byte from the serial port; sleeps with HLT until one comes. */
char read_char(void);

/** Starts the timer interrupt; 19 to 1000 per second. */
void start_timer(u32 hertz);

int text_equal(const char *a, const char *b);

/** The rest of text after prefix, or 0 when text does not start with it. */
const char *after_prefix(const char *text, const char *prefix);

/** Parses a decimal or 0x-hexadecimal number that fills text; 0 when it is none or above 2^64-1. */
int parse_number(const char *text, u64 *value);

/** Cuts the next word out of *text (blanks become ends) and advances; 0 at the end. */
char *next_word(char **text);

static inline void outb(u16 port, u8 value) {
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port) : "memory");
}

static inline u8 inb(u16 port) {
    u8 value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port) : "memory");
    return value;
}

static inline void fill_words(void *to, u64 word, u64 words) {
    __asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(word) : "memory");
}

static inline void interrupts_off(void) { __asm__ volatile("cli" : : : "memory"); }
static inline void interrupts_on(void) { __asm__ volatile("sti" : : : "memory"); }

static inline void flush_translations(void) {
    u64 cr3;
    __asm__ volatile("mov %%cr3, %0; mov %0, %%cr3" : "=r"(cr3) : : "memory");
}

#endif
