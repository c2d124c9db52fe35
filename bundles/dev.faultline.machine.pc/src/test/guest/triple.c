// SPDX-License-Identifier: Apache-2.0
// Triple-faults on purpose. The command line after the image's name chooses how:
//   idt (default)  an invalid opcode with an empty interrupt descriptor table
//   cr3            page tables full of zeroes: the next fetch cannot be translated
//   stack          a stack pointer that is not canonical, on a descriptor table without IST
#include "guest.h"

static u64 empty_tables[512] __attribute__((aligned(4096)));

static void load_empty_idt(void) {
    struct {
        u16 limit;
        u64 base;
    } __attribute__((packed)) pointer = {0, 0};
    __asm__ volatile("lidt %0" : : "m"(pointer));
}

void guest_main(void) {
    char *rest = command_line;
    next_word(&rest);
    const char *how = next_word(&rest);
    interrupts_off();
    if (!how || text_equal(how, "idt")) {
        print("triple fault by an empty IDT\n");
        load_empty_idt();
        __asm__ volatile("ud2");
    } else if (text_equal(how, "cr3")) {
        print("triple fault by empty page tables\n");
        __asm__ volatile("mov %0, %%cr3" : : "r"(empty_tables) : "memory");
    } else if (text_equal(how, "stack")) {
        print("triple fault by a bad stack\n");
        load_empty_idt();
        __asm__ volatile("movabs $0x8000000000000000, %%rsp; push %%rax" : : : "memory");
    } else {
        fail("unknown option", how);
    }
    fail("still alive after", how ? how : "idt");
}
