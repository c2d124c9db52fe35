// SPDX-License-Identifier: Apache-2.0
// A guest that does what its serial line says, to try extensions with. One request per line, numbers
// decimal or 0x hexadecimal:
//   peek A        the 8 bytes at A          poke A V      stores 8 bytes at A
//   sum A N       adds N 8-byte words from A
//   fill A N V    stores V in N 8-byte words from A
//   in P          a byte from port P        out P V       a byte to port P
//   crc TEXT      has the checksum device compute: buffer, command, HLT until its interrupt, result
//   exit V        debug-exit
// While it waits it sleeps. Anything else is answered by "?".
#include "guest.h"

#define LINE_SIZE 128

// The device, as its driver knows it (ChecksumDevice).
#define PORT 0x500
#define PORT_COMMAND (PORT + 0)
#define PORT_STATUS (PORT + 0)
#define PORT_LENGTH_LOW (PORT + 2)
#define PORT_LENGTH_HIGH (PORT + 3)
#define COMMAND_START 1
#define COMMAND_ACKNOWLEDGE 2
#define STATUS_DONE 2
#define BUFFER 0xd0000000UL
#define RESULT (BUFFER + 0xff8)
#define IRQ 5
#define PIC1_MASK 0x21

static char line[LINE_SIZE];

static void read_line(void) {
    u32 n = 0;
    for (;;) {
        char c = read_char();
        if (c == '\n') {
            break;
        }
        if (c != '\r' && n < LINE_SIZE - 1) {
            line[n++] = c;
        }
    }
    line[n] = 0;
}

static volatile u64 *at(u64 address) { return (volatile u64 *)address; }

static void checksum(const char *text) {
    if (inb(PORT_STATUS) == 0xff) {
        print("no device\n");
        return;
    }
    outb(PIC1_MASK, (u8)(inb(PIC1_MASK) & ~(1 << IRQ)));
    u32 length = 0;
    for (; text[length]; length++) {
        *(volatile u8 *)(BUFFER + length) = (u8)text[length];
    }
    outb(PORT_LENGTH_LOW, (u8)length);
    outb(PORT_LENGTH_HIGH, (u8)(length >> 8));
    u64 before = volatile_page.irqs[IRQ];
    interrupts_off();
    outb(PORT_COMMAND, COMMAND_START);
    while (volatile_page.irqs[IRQ] == before) {
        __asm__ volatile("sti; hlt; cli" : : : "memory");
    }
    interrupts_on();
    print("crc ");
    print_hex(*at(RESULT), 8);
    print_field("interrupts", volatile_page.irqs[IRQ]);
    print(inb(PORT_STATUS) & STATUS_DONE ? " done\n" : " not done\n");
    outb(PORT_COMMAND, COMMAND_ACKNOWLEDGE);
}

static void print_value(u64 value, u32 digits) {
    print_hex(value, digits);
    print_char('\n');
}

static void memory_request(const char *word, u64 a, u64 b, u64 c) {
    u64 total = 0;
    if (text_equal(word, "peek")) {
        total = *at(a);
    } else if (text_equal(word, "poke")) {
        *at(a) = b;
    } else if (text_equal(word, "sum")) {
        for (u64 i = 0; i < b; i++) {
            total += at(a)[i];
        }
    } else {
        fill_words((void *)a, c, b);
    }
    print(word);
    print_char(' ');
    print_value(total, 16);
}

static void answer(void) {
    char *rest = line;
    char *word = next_word(&rest);
    if (!word) {
        return;
    }
    if (text_equal(word, "crc")) {
        checksum(rest);
        return;
    }
    u64 v[3] = {0, 0, 0};
    u32 n = 0;
    for (char *number; n < 3 && (number = next_word(&rest)) != 0; n++) {
        if (!parse_number(number, &v[n])) {
            print("? not a number\n");
            return;
        }
    }
    if (text_equal(word, "in") && n == 1) {
        print("in ");
        print_value(inb((u16)v[0]), 2);
    } else if (text_equal(word, "out") && n == 2) {
        outb((u16)v[0], (u8)v[1]);
        print("out\n");
    } else if (text_equal(word, "exit") && n == 1) {
        guest_exit((u8)v[0]);
    } else if ((text_equal(word, "peek") && n == 1) || (text_equal(word, "poke") && n == 2)
            || (text_equal(word, "sum") && n == 2) || (text_equal(word, "fill") && n == 3)) {
        memory_request(word, v[0], v[1], v[2]);
    } else {
        print("?\n");
    }
}

void guest_main(void) {
    print("probe ready\n");
    for (;;) {
        read_line();
        answer();
    }
}
