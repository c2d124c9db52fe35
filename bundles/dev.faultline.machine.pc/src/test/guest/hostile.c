// SPDX-License-Identifier: Apache-2.0
// Does what a malicious guest would do; none of it may reach memory outside the guest's RAM, hang
// the host past a stop request or make it allocate without bound. The command line after the
// image's name chooses; without a choice, every check that comes to an end is run in turn.
//   Checks that end by themselves, each with "NAME ok" (debug-exit value 0, or 1 after "FAILED"):
//     beyond   reads and writes at physical addresses above and between RAM
//     wild     non-canonical and unmapped addresses: data, stack, jump
//     tables   page-table entries that point outside RAM
//     reserved page-table entries with reserved bits
//     ports    reads of every I/O port in three widths, writes to unused ones
//     msr      reads and writes of model-specific registers that do not exist
//     touch    writes every free page
//   Those that never end; the host must stop them at once:
//     hang     jmp $ with interrupts off
//     halt     hlt with interrupts off
//     rep      rep stosq over 256 GiB of addresses that all map to one page
//     repin    rep insb from an unused port, 2^40 times
//     storm    faults for ever: each fault handler returns to the same faulting instruction
//   Those that crash:
//     cr3      page tables outside RAM
//     idt      descriptor table outside RAM
// QEMU's own CPU differs from the silicon in some checks: wild (edge, push), reserved, msr; and
// ports aborts it.
#include "guest.h"

#define VECTOR_GP 13
#define VECTOR_PF 14
#define VECTOR_SS 12
#define NONE (~0UL)
#define CANARY 0x5afe5afe5afe5afeUL

// ---- running something that may fault ----

u64 guard_rsp; // 0 = nothing is guarded
static struct {
    u64 vector, error, address;
} caught;

/** Calls body(argument); returns 1 when it came back, 0 when an exception ended it. */
u64 guarded(void (*body)(u64), u64 argument);
void guarded_out(void);
__asm__("guarded:\n"
        "    push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15\n"
        "    mov %rsp, guard_rsp\n"
        "    mov %rdi, %rax\n"
        "    mov %rsi, %rdi\n"
        "    call *%rax\n"
        "    mov $1, %eax\n"
        "    jmp 1f\n"
        "guarded_out:\n"
        "    xor %eax, %eax\n"
        "1:  movq $0, guard_rsp\n"
        "    pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx\n"
        "    ret\n");

static int hook(struct frame *frame) {
    if (!guard_rsp) {
        return 0;
    }
    __asm__ volatile("mov %%cr2, %0" : "=r"(caught.address));
    caught.vector = frame->vector;
    caught.error = frame->error;
    frame->rip = (u64)guarded_out;
    frame->rsp = guard_rsp;
    return 1;
}

static void read_at(u64 address) { *(volatile u64 *)address; }
static void write_at(u64 address) { *(volatile u64 *)address = 0x0bad0bad0bad0badUL; }
static void jump_to(u64 address) { ((void (*)(void))address)(); }

static void push_at(u64 address) {
    __asm__ volatile("mov %%rsp, %%rbx; mov %0, %%rsp; push %%rax; mov %%rbx, %%rsp"
                     :
                     : "r"(address)
                     : "rbx", "memory");
}

static void read_msr(u64 number) {
    u32 low;
    u32 high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"((u32)number));
}

static void write_msr(u64 number) {
    __asm__ volatile("wrmsr" : : "a"(~0U), "d"(~0U), "c"((u32)number));
}

static u32 failures;

static void check(int right, const char *what, u64 address) {
    if (!right) {
        failures++;
        print("FAILED ");
        print(what);
        print(" at 0x");
        print_hex(address, 16);
        print_field("vector", caught.vector);
        print_field("error", caught.error);
        print(" cr2=0x");
        print_hex(caught.address, 16);
        print_char('\n');
    }
}

/** The body must fault with this vector; a page fault at exactly this address. */
static void must_fault(void (*body)(u64), u64 address, u64 vector, u64 error, const char *what) {
    caught.vector = caught.error = caught.address = NONE;
    u64 came_back = guarded(body, address);
    check(!came_back && caught.vector == vector
                  && (error == NONE || caught.error == error)
                  && (vector != VECTOR_PF || caught.address == address),
          what, address);
}

// ---- a window of page tables for experiments, at 511 GiB ----

#define WINDOW (511UL << 30)
#define PRESENT_WRITE 3UL
#define LARGE 0x80UL

extern u64 page_map_level4[], page_directory_pointers[];
static u64 directory[512] __attribute__((aligned(4096)));
static u64 table[512] __attribute__((aligned(4096)));
static u64 second_pointers[512] __attribute__((aligned(4096)));

/** Maps the first page of the window by these entries and drops old translations. */
static void set_window(u64 pointer_entry, u64 directory_entry, u64 table_entry) {
    page_directory_pointers[511] = pointer_entry;
    directory[0] = directory_entry;
    table[0] = table_entry;
    u64 cr4;
    // Clearing CR4.PGE drops everything, paging-structure caches included.
    __asm__ volatile("mov %%cr4, %0" : "=r"(cr4));
    __asm__ volatile("mov %0, %%cr4" : : "r"(cr4 & ~0x80UL) : "memory");
    __asm__ volatile("mov %0, %%cr4" : : "r"(cr4) : "memory");
    flush_translations();
}

static u64 canary_page(void) { return regions[0].start; }

// ---- the checks ----

static void beyond(void) {
    volatile u64 *canary = (volatile u64 *)canary_page();
    *canary = CANARY;
    u64 top = (ram_top + 0x1fffff) & -0x200000UL;
    static const u64 above[] = {0, 8, 0xff8, 0x1000, 0x200000, 0x10000000, 0x7ffffff8};
    for (u32 i = 0; i < sizeof above / sizeof above[0]; i++) {
        u64 address = top + above[i];
        if (address < 0xc0000000UL) { // above lie the chips of the board
            guarded(read_at, address);
            guarded(write_at, address);
        }
    }
    guarded(write_at, ram_top - 4); // half in RAM, half beyond
    // Physical addresses up to 2^36 - 1, which every 64-bit CPU has, through the window.
    static const u64 far[] = {0x800000000UL, 0xffffff000UL, 0xabcdef000UL};
    for (u32 i = 0; i < sizeof far / sizeof far[0]; i++) {
        set_window((u64)directory | PRESENT_WRITE, (u64)table | PRESENT_WRITE,
                   far[i] | PRESENT_WRITE);
        guarded(read_at, WINDOW);
        guarded(write_at, WINDOW + 0xff8);
        guarded(jump_to, WINDOW + 0x10); // an instruction from a hole: any exception, or none
    }
    check(*canary == CANARY, "beyond: canary", canary_page());
}

static void wild(void) {
    must_fault(read_at, 0x0000800000000000UL, VECTOR_GP, 0, "wild: read");
    must_fault(write_at, 0xffff7fffffffffffUL, VECTOR_GP, 0, "wild: write");
    must_fault(read_at, 0x00007ffffffffffcUL, VECTOR_GP, 0, "wild: read across the edge");
    must_fault(push_at, 0x0000800000000000UL + 8, VECTOR_SS, 0, "wild: push");
    must_fault(read_at, 0xffffffff80000000UL, VECTOR_PF, 0, "wild: read unmapped");
    must_fault(write_at, 0x0000700000000000UL, VECTOR_PF, 2, "wild: write unmapped");
    must_fault(read_at, 0x10, VECTOR_PF, 0, "wild: null");
    must_fault(jump_to, 0x0000600000000000UL, VECTOR_PF, page_no_execute ? 0x10 : 0, "wild: jump");
    must_fault(write_at, 0x100000, VECTOR_PF, 3, "wild: write to code");
    if (page_no_execute) {
        must_fault(jump_to, (u64)table, VECTOR_PF, 0x11, "wild: jump to data");
    }
}

static void tables(void) {
    u64 outside = 0x800000000UL; // 32 GiB: no RAM in the tests
    if (ram_top > outside) {
        fail("more than 32 GiB of memory", "tables");
    }
    // A hole reads as zeroes (not present) or ones (reserved bits): a page fault in either case.
    set_window(outside | PRESENT_WRITE, 0, 0);
    must_fault(read_at, WINDOW, VECTOR_PF, NONE, "tables: directory outside");
    must_fault(write_at, WINDOW, VECTOR_PF, NONE, "tables: directory outside");
    set_window((u64)directory | PRESENT_WRITE, outside | PRESENT_WRITE, 0);
    must_fault(read_at, WINDOW, VECTOR_PF, NONE, "tables: table outside");
    must_fault(jump_to, WINDOW, VECTOR_PF, NONE, "tables: table outside");
    set_window((u64)directory | PRESENT_WRITE, (u64)table | PRESENT_WRITE, 0);
    must_fault(read_at, WINDOW, VECTOR_PF, 0, "tables: page not present");
    // A page table that is its own page: the guest reads and changes its own entries.
    set_window((u64)directory | PRESENT_WRITE, (u64)table | PRESENT_WRITE,
               (u64)table | PRESENT_WRITE);
    check(guarded(read_at, WINDOW) && (*(volatile u64 *)WINDOW & ~0x60UL) == ((u64)table | 3),
          "tables: own entry", WINDOW);
}

static u32 physical_address_bits(void) {
    u32 eax = 0x80000008;
    u32 ebx;
    u32 ecx;
    u32 edx;
    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "=c"(ecx), "=d"(edx));
    return eax & 0xff;
}

static void reserved(void) {
    set_window((u64)directory | PRESENT_WRITE, (u64)table | PRESENT_WRITE,
               canary_page() | PRESENT_WRITE | 1UL << 51);
    if (physical_address_bits() < 52) {
        must_fault(read_at, WINDOW, VECTOR_PF, 9, "reserved: address bit 51");
    }
    set_window((u64)directory | PRESENT_WRITE, 0x200000UL | PRESENT_WRITE | LARGE | 1UL << 14, 0);
    must_fault(write_at, WINDOW, VECTOR_PF, 0xb, "reserved: large page, bit 14");
}

static int used_port(u32 port) {
    return port < 0x100 || (port >= 0x1f0 && port < 0x1f8) || (port >= 0x2f8 && port < 0x300)
            || (port >= 0x3b0 && port < 0x400) || (port >= 0x4d0 && port < 0x800)
            || (port >= 0xae00 && port < 0xb100) || (port >= 0xc00 && port < 0xe00)
            || port == 0x510;
}

static void ports(void) {
    interrupts_off();
    for (u32 port = 0; port < 0x10000; port++) {
        u32 value;
        __asm__ volatile("inb %w1, %b0" : "=a"(value) : "d"(port));
        __asm__ volatile("inw %w1, %w0" : "=a"(value) : "d"(port));
        __asm__ volatile("inl %w1, %0" : "=a"(value) : "d"(port));
        if (!used_port(port) && !used_port((port + 3) & 0xffff)) {
            __asm__ volatile("outb %b0, %w1" : : "a"(0xa5), "d"(port));
            __asm__ volatile("outw %w0, %w1" : : "a"(0xa5a5), "d"(port));
            __asm__ volatile("outl %0, %w1" : : "a"(0xa5a5a5a5), "d"(port));
        }
    }
    interrupts_on();
}

static void msr(void) {
    for (u64 number = 0x40010000; number < 0x40010100; number++) {
        must_fault(read_msr, number, VECTOR_GP, 0, "msr: read");
        must_fault(write_msr, number, VECTOR_GP, 0, "msr: write");
    }
    must_fault(write_msr, 0xc0000080, VECTOR_GP, 0, "msr: reserved bits of EFER");
    must_fault(write_msr, 0xffffffff, VECTOR_GP, 0, "msr: write");
}

static void touch(void) {
    for (u32 i = 0; i < region_count; i++) {
        for (u64 page = 0; page < regions[i].pages; page++) {
            u64 address = regions[i].start + page * PAGE_SIZE;
            *(volatile u64 *)address = address ^ CANARY;
        }
    }
    for (u32 i = 0; i < region_count; i++) {
        for (u64 page = 0; page < regions[i].pages; page++) {
            u64 address = regions[i].start + page * PAGE_SIZE;
            if (*(volatile u64 *)address != (address ^ CANARY)) {
                check(0, "touch", address);
                return;
            }
        }
    }
}

/** 256 GiB at address 2^46: every entry of every level leads to the same 2 MiB of RAM. */
static u64 endless_window(void) {
    u64 page = (regions[0].start + 0x1fffff) & -0x200000UL;
    for (u32 i = 0; i < 512; i++) {
        directory[i] = page | PRESENT_WRITE | LARGE;
        second_pointers[i] = (u64)directory | PRESENT_WRITE;
    }
    page_map_level4[128] = (u64)second_pointers | PRESENT_WRITE;
    flush_translations();
    return 128UL << 39;
}

static void rep(void) {
    interrupts_off();
    fill_words((void *)endless_window(), CANARY, 1UL << 35);
}

static void repin(void) {
    interrupts_off();
    u64 to = endless_window();
    u64 count = 1UL << 40;
    __asm__ volatile("rep insb" : "+D"(to), "+c"(count) : "d"(0xe0) : "memory");
}

static void hang(void) {
    interrupts_off();
    for (;;) {
        __asm__ volatile("1: jmp 1b");
    }
}

static void halt(void) {
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}

static int again(struct frame *frame) {
    (void)frame;
    return 1;
}

static void storm(void) {
    interrupts_off();
    exception_hook = again;
    write_at(0x0000700000000000UL);
}

static void bad_cr3(void) {
    interrupts_off();
    __asm__ volatile("mov %0, %%cr3" : : "r"(0x800000000UL) : "memory");
}

static void bad_idt(void) {
    struct {
        u16 limit;
        u64 base;
    } __attribute__((packed)) pointer = {0xfff, 0xb0000000UL};
    __asm__ volatile("lidt %0; ud2" : : "m"(pointer));
}

static const struct {
    const char *name;
    void (*run)(void);
    int ends;
} checks[] = {
    {"beyond", beyond, 1}, {"wild", wild, 1},     {"tables", tables, 1}, {"reserved", reserved, 1},
    {"ports", ports, 1},   {"msr", msr, 1},       {"touch", touch, 1},   {"hang", hang, 0},
    {"halt", halt, 0},     {"rep", rep, 0},       {"repin", repin, 0},   {"storm", storm, 0},
    {"cr3", bad_cr3, 0},   {"idt", bad_idt, 0},
};

void guest_main(void) {
    char *rest = command_line;
    next_word(&rest);
    const char *choice = next_word(&rest);
    u32 run = 0;
    exception_hook = hook;
    for (u32 i = 0; i < sizeof checks / sizeof checks[0]; i++) {
        if (choice ? text_equal(choice, checks[i].name) : checks[i].ends) {
            u32 before = failures;
            run++;
            print(checks[i].name);
            print(checks[i].ends ? " " : " begins\n");
            checks[i].run();
            if (failures == before) {
                print("ok\n");
            }
        }
    }
    if (!run) {
        fail("unknown option", choice);
    }
    guest_exit(failures ? 1 : EXIT_OK);
}
