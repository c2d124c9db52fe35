// SPDX-License-Identifier: Apache-2.0
// Console, interrupts and memory information for the guest programs. See guest.h.
#include "guest.h"

#define COM1 0x3f8
#define COM1_IER (COM1 + 1)
#define COM1_FCR (COM1 + 2)
#define COM1_LCR (COM1 + 3)
#define COM1_MCR (COM1 + 4)
#define COM1_LSR (COM1 + 5)
#define IER_RECEIVED 0x01
#define LSR_DATA_READY 0x01
#define LSR_HOLDING_EMPTY 0x20
#define LSR_ALL_SENT 0x40

#define PIC1 0x20
#define PIC2 0xa0
#define PIC_EOI 0x20
#define PIC_READ_ISR 0x0b
#define VECTOR_IRQ0 0x20
#define IRQ_TIMER 0
#define IRQ_CASCADE 2
#define IRQ_COM1 4

#define PIT_CHANNEL0 0x40
#define PIT_COMMAND 0x43
#define PIT_HERTZ 1193182

#define DEBUG_EXIT 0xf4

#define IST_INTERRUPT 1
#define IST_EXCEPTION 2
#define GATE_INTERRUPT 0x8e

#define MULTIBOOT_BOOTED 0x2BADB002
#define INFO_MEMORY 0x01
#define INFO_COMMAND_LINE 0x04
#define INFO_MODULES 0x08
#define INFO_MEMORY_MAP 0x40

#define RING_SIZE 4096

struct multiboot_info {
    u32 flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4];
    u32 mmap_length, mmap_addr;
};

struct multiboot_module {
    u32 start, end, text, reserved;
};

struct multiboot_range {
    u32 size; // of what follows
    u64 base, length;
    u32 type; // 1 = RAM
} __attribute__((packed));

struct gate {
    u16 offset_low, selector;
    u8 ist, type;
    u16 offset_middle;
    u32 offset_high, reserved;
};

struct task_state {
    u32 reserved0;
    u64 rsp[3], reserved1, ist[7], reserved2;
    u16 reserved3, io_map;
} __attribute__((packed));

struct table_pointer {
    u16 limit;
    u64 base;
} __attribute__((packed));

extern u32 boot_magic, boot_info, boot_efer;
extern u64 gdt[], page_directory_pointers[], low_page_table[];
extern u8 stubs[], __rodata_start[], __data_start[], __end[];

struct volatile_page volatile_page __attribute__((section(".bss.volatile"), aligned(4096)));
struct region regions[MAX_REGIONS];
u32 region_count;
u64 ram_top;
char command_line[512];
int (*exception_hook)(struct frame *frame);
u64 page_no_execute;

static struct gate idt[48];
static struct task_state task_state;
static u8 exception_stack[8192] __attribute__((aligned(16)));
static int in_exception;

static u8 ring[RING_SIZE]; // index = bytes received (or taken) % RING_SIZE
static volatile u32 ring_received, ring_taken;
static volatile int ring_blocked; // the receive interrupt is off until there is room

// ---- text ----

void print_char(char c) {
    while (!(inb(COM1_LSR) & LSR_HOLDING_EMPTY)) {
    }
    outb(COM1, (u8)c);
}

void print(const char *text) {
    while (*text) {
        print_char(*text++);
    }
}

void print_dec(u64 value) {
    char digits[20];
    u32 n = 0;
    do {
        digits[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value);
    while (n) {
        print_char(digits[--n]);
    }
}

void print_hex(u64 value, u32 digits) {
    while (digits) {
        print_char("0123456789abcdef"[value >> (4 * --digits) & 15]);
    }
}

void print_field(const char *name, u64 value) {
    print_char(' ');
    print(name);
    print_char('=');
    print_dec(value);
}

int text_equal(const char *a, const char *b) {
    while (*a && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

const char *after_prefix(const char *text, const char *prefix) {
    while (*prefix) {
        if (*text++ != *prefix++) {
            return 0;
        }
    }
    return text;
}

int parse_number(const char *text, u64 *value) {
    u64 base = 10;
    u64 result = 0;
    if (text[0] == '0' && text[1] == 'x') {
        base = 16;
        text += 2;
    }
    if (!*text) {
        return 0;
    }
    for (; *text; text++) {
        u64 digit;
        if (*text >= '0' && *text <= '9') {
            digit = (u64)(*text - '0');
        } else if (base == 16 && *text >= 'a' && *text <= 'f') {
            digit = (u64)(*text - 'a' + 10);
        } else {
            return 0;
        }
        if (result > (~0UL - digit) / base) {
            return 0;
        }
        result = result * base + digit;
    }
    *value = result;
    return 1;
}

char *next_word(char **text) {
    char *p = *text;
    while (*p == ' ') {
        p++;
    }
    if (!*p) {
        *text = p;
        return 0;
    }
    char *word = p;
    while (*p && *p != ' ') {
        p++;
    }
    if (*p) {
        *p++ = 0;
    }
    *text = p;
    return word;
}

void guest_exit(u8 value) {
    while (!(inb(COM1_LSR) & LSR_ALL_SENT)) {
    }
    outb(DEBUG_EXIT, value);
    for (;;) {
        __asm__ volatile("cli; hlt");
    }
}

void fail(const char *what, const char *text) {
    print("error: ");
    print(what);
    print(" '");
    print(text);
    print("'\n");
    guest_exit(EXIT_BAD_OPTION);
}

// ---- interrupts ----

static void set_line(u32 irq, int open) {
    u16 port = irq < 8 ? PIC1 + 1 : PIC2 + 1;
    u8 bit = (u8)(1 << (irq & 7));
    u8 mask = inb(port);
    outb(port, open ? (u8)(mask & ~bit) : (u8)(mask | bit));
}

static void start_pics(void) {
    outb(PIC1, 0x11); // ICW1: edge-triggered, cascade, ICW4 follows
    outb(PIC2, 0x11);
    outb(PIC1 + 1, VECTOR_IRQ0);
    outb(PIC2 + 1, VECTOR_IRQ0 + 8);
    outb(PIC1 + 1, 1 << IRQ_CASCADE);
    outb(PIC2 + 1, IRQ_CASCADE);
    outb(PIC1 + 1, 0x01); // ICW4: 8086 mode
    outb(PIC2 + 1, 0x01);
    outb(PIC1 + 1, 0xff);
    outb(PIC2 + 1, 0xff);
}

void start_timer(u32 hertz) {
    u32 divisor = PIT_HERTZ / hertz;
    outb(PIT_COMMAND, 0x34); // channel 0, low then high byte, mode 2
    outb(PIT_CHANNEL0, (u8)divisor);
    outb(PIT_CHANNEL0, (u8)(divisor >> 8));
    set_line(IRQ_TIMER, 1);
}

static void start_serial(void) {
    outb(COM1_IER, 0);
    outb(COM1_LCR, 0x80); // divisor latch
    outb(COM1, 1);        // 115200 baud
    outb(COM1_IER, 0);
    outb(COM1_LCR, 0x03); // 8 data bits, no parity, 1 stop bit
    outb(COM1_FCR, 0x07); // FIFOs on and empty, interrupt from the first byte
    outb(COM1_MCR, 0x0b); // DTR, RTS, OUT2: the interrupt line is connected
}

static void serial_interrupt(void) {
    while (inb(COM1_LSR) & LSR_DATA_READY) {
        if (ring_received - ring_taken == RING_SIZE) {
            ring_blocked = 1;
            outb(COM1_IER, 0);
            return;
        }
        ring[ring_received % RING_SIZE] = inb(COM1);
        ring_received++;
    }
}

char read_char(void) {
    interrupts_off();
    while (ring_received == ring_taken) {
        // STI holds interrupts off for one more instruction: no wake-up can be lost before HLT.
        __asm__ volatile("sti; hlt; cli" : : : "memory");
    }
    char c = (char)ring[ring_taken % RING_SIZE];
    ring_taken++;
    if (ring_blocked) {
        ring_blocked = 0;
        outb(COM1_IER, IER_RECEIVED);
    }
    interrupts_on();
    return c;
}

static void irq(u32 line) {
    if ((line & 7) == 7) { // spurious unless in service
        u16 pic = line == 7 ? PIC1 : PIC2;
        outb(pic, PIC_READ_ISR);
        if (!(inb(pic) & 0x80)) {
            if (pic == PIC2) {
                outb(PIC1, PIC_EOI);
            }
            return;
        }
    }
    volatile_page.irqs[line]++;
    if (line == IRQ_TIMER) {
        volatile_page.ticks++;
    } else if (line == IRQ_COM1) {
        serial_interrupt();
    }
    if (line >= 8) {
        outb(PIC2, PIC_EOI);
    }
    outb(PIC1, PIC_EOI);
}

static void report_exception(const struct frame *frame) {
    u64 cr2;
    __asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
    print("\nEXCEPTION vector=");
    print_dec(frame->vector);
    print(" error=0x");
    print_hex(frame->error, 8);
    print(" rip=0x");
    print_hex(frame->rip, 16);
    print(" cr2=0x");
    print_hex(cr2, 16);
    print(" rsp=0x");
    print_hex(frame->rsp, 16);
    print_char('\n');
}

void runtime_interrupt(struct frame *frame) {
    if (frame->vector >= VECTOR_IRQ0) {
        irq((u32)frame->vector - VECTOR_IRQ0);
        return;
    }
    if (exception_hook && exception_hook(frame)) {
        return;
    }
    if (!in_exception) {
        in_exception = 1;
        report_exception(frame);
    }
    guest_exit(EXIT_EXCEPTION);
}

static void load_tables(void) {
    u64 base = (u64)&task_state;
    task_state.ist[IST_INTERRUPT - 1] = (u64)(&volatile_page + 1);
    task_state.ist[IST_EXCEPTION - 1] = (u64)(exception_stack + sizeof exception_stack);
    task_state.io_map = sizeof task_state;
    gdt[3] = (sizeof task_state - 1) | (base & 0xffffff) << 16 | 0x89UL << 40 | (base >> 24) << 56;
    gdt[4] = base >> 32;
    for (u32 i = 0; i < 48; i++) {
        u64 stub = (u64)stubs + 16 * i;
        idt[i].offset_low = (u16)stub;
        idt[i].selector = 0x08;
        idt[i].ist = i < VECTOR_IRQ0 ? IST_EXCEPTION : IST_INTERRUPT;
        idt[i].type = GATE_INTERRUPT;
        idt[i].offset_middle = (u16)(stub >> 16);
        idt[i].offset_high = (u32)(stub >> 32);
    }
    struct table_pointer pointer = {sizeof idt - 1, (u64)idt};
    __asm__ volatile("lidt %0; ltr %w1" : : "m"(pointer), "r"(0x18));
}

// ---- memory ----

static void add_region(u64 start, u64 end, u64 floor) {
    if (end > ram_top) {
        ram_top = end;
    }
    if (start < floor) {
        start = floor;
    }
    start = (start + PAGE_SIZE - 1) & -PAGE_SIZE;
    end &= -PAGE_SIZE;
    if (start >= end || region_count == MAX_REGIONS) {
        return;
    }
    regions[region_count].start = start;
    regions[region_count].pages = (end - start) / PAGE_SIZE;
    region_count++;
}

/** Copies all that is needed of the loader's information, which lies in memory soon to be used. */
static void read_boot_info(void) {
    if (boot_magic != MULTIBOOT_BOOTED) {
        fail("not started by a multiboot loader", "");
    }
    const struct multiboot_info *info = (const struct multiboot_info *)(u64)boot_info;
    if (info->flags & INFO_COMMAND_LINE) {
        const char *from = (const char *)(u64)info->cmdline;
        u32 n = 0;
        for (; from[n]; n++) {
            if (n == sizeof command_line - 1) {
                fail("command line longer than 511 bytes", "");
            }
            command_line[n] = from[n];
        }
    }
    u64 floor = (u64)__end;
    if (info->flags & INFO_MODULES) {
        const struct multiboot_module *modules = (const struct multiboot_module *)(u64)info->mods_addr;
        for (u32 i = 0; i < info->mods_count; i++) {
            if (modules[i].end > floor) {
                floor = modules[i].end;
            }
        }
    }
    if (info->flags & INFO_MEMORY_MAP) {
        u64 at = info->mmap_addr;
        while (at < (u64)info->mmap_addr + info->mmap_length) {
            const struct multiboot_range *range = (const struct multiboot_range *)at;
            if (range->type == 1) {
                add_region(range->base, range->base + range->length, floor);
            }
            at += range->size + 4;
        }
    } else if (info->flags & INFO_MEMORY) {
        add_region(0x100000, 0x100000 + (u64)info->mem_upper * 1024, floor);
    } else {
        fail("the loader gave no memory size", "");
    }
    if (!region_count) {
        fail("no free memory", "");
    }
}

/** Gives each section its rights, and page 0 none, so that a null pointer faults. */
static void protect_sections(void) {
    page_no_execute = boot_efer & 0x800 ? 1UL << 63 : 0;
    low_page_table[0] = 0;
    for (u32 i = 1; i < 512; i++) {
        u64 address = i * PAGE_SIZE;
        u64 rights = 0x03 | page_no_execute;
        if (address >= 0x100000 && address < (u64)__rodata_start) {
            rights = 0x01;
        } else if (address >= (u64)__rodata_start && address < (u64)__data_start) {
            rights = 0x01 | page_no_execute;
        }
        low_page_table[i] = address | rights;
    }
    flush_translations();
}

/** Maps RAM above the 4 GiB that boot.S has mapped; the tables come out of the first region. */
static void map_high_memory(void) {
    u64 gibibytes = (ram_top + (1UL << 30) - 1) >> 30;
    if (gibibytes > 512) {
        fail("more memory than 512 GiB", "");
    }
    for (u64 g = 4; g < gibibytes; g++) {
        if (!regions[0].pages) {
            fail("no room for page tables", "");
        }
        u64 *directory = (u64 *)regions[0].start;
        regions[0].start += PAGE_SIZE;
        regions[0].pages--;
        for (u64 i = 0; i < 512; i++) {
            directory[i] = (g << 30 | i << 21) | 0x83 | page_no_execute;
        }
        page_directory_pointers[g] = (u64)directory | 0x03;
    }
}

void runtime_start(void) {
    load_tables();
    start_serial();
    start_pics();
    read_boot_info();
    protect_sections();
    map_high_memory();
    set_line(IRQ_COM1, 1);
    outb(COM1_IER, IER_RECEIVED);
    interrupts_on();
    guest_main();
    guest_exit(EXIT_OK);
}
