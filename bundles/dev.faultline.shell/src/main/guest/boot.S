// SPDX-License-Identifier: Apache-2.0
// From the multiboot (version 1) entry state, 32-bit protected mode without paging, to guest_main
// in 64-bit mode; and the entry points of exceptions and interrupts.

#define MULTIBOOT_MAGIC 0x1BADB002
#define MULTIBOOT_FLAGS 0x00000003 /* page-align modules, give memory information */

#define CR0_PE 0x00000001
#define CR0_MP 0x00000002
#define CR0_ET 0x00000010
#define CR0_NE 0x00000020
#define CR0_WP 0x00010000
#define CR0_PG 0x80000000
#define CR4_PAE 0x020
#define CR4_PGE 0x080
#define CR4_OSFXSR 0x200
#define CR4_OSXMMEXCPT 0x400
#define MSR_EFER 0xC0000080
#define EFER_LME 0x100
#define EFER_NXE 0x800
#define CPUID_NX 20
#define CPUID_LONG_MODE 29

#define PAGE_PRESENT_WRITE 0x03
#define PAGE_LARGE_PRESENT_WRITE 0x83

    .section .multiboot, "a"
    .balign 4
    .long MULTIBOOT_MAGIC
    .long MULTIBOOT_FLAGS
    .long -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

    .section .text.boot, "ax"
    .code32
    .globl _start
_start:
    cli
    cld
    movl $boot_stack_top, %esp
    movl %eax, boot_magic
    movl %ebx, boot_info

    movl $0x80000000, %eax
    cpuid
    cmpl $0x80000001, %eax
    jb no_long_mode
    movl $0x80000001, %eax
    cpuid
    btl $CPUID_LONG_MODE, %edx
    jnc no_long_mode
    xorl %ebp, %ebp // ebp: the EFER bits to set
    btl $CPUID_NX, %edx
    jnc 1f
    movl $EFER_NXE, %ebp
1:  orl $EFER_LME, %ebp
    movl %ebp, boot_efer

    // 4 GiB identity-mapped: four page directories of 2 MiB pages, the first 2 MiB by 4 KiB pages.
    movl $page_map_level4, %edi
    movl $page_directory_pointers + PAGE_PRESENT_WRITE, (%edi)
    movl $page_directory_pointers, %edi
    movl $page_directories + PAGE_PRESENT_WRITE, %eax
    movl $4, %ecx
2:  movl %eax, (%edi)
    addl $4096, %eax
    addl $8, %edi
    loop 2b
    movl $page_directories, %edi
    movl $PAGE_LARGE_PRESENT_WRITE, %eax
    movl $2048, %ecx
3:  movl %eax, (%edi)
    addl $0x200000, %eax
    addl $8, %edi
    loop 3b
    movl $page_directories, %edi
    movl $low_page_table + PAGE_PRESENT_WRITE, (%edi)
    movl $low_page_table, %edi
    movl $PAGE_PRESENT_WRITE, %eax
    movl $512, %ecx
4:  movl %eax, (%edi)
    addl $4096, %eax
    addl $8, %edi
    loop 4b

    movl $CR4_PAE | CR4_PGE | CR4_OSFXSR | CR4_OSXMMEXCPT, %eax
    movl %eax, %cr4
    movl $page_map_level4, %eax
    movl %eax, %cr3
    movl $MSR_EFER, %ecx
    movl %ebp, %eax
    xorl %edx, %edx
    wrmsr
    movl $CR0_PG | CR0_WP | CR0_NE | CR0_ET | CR0_MP | CR0_PE, %eax
    movl %eax, %cr0
    lgdt gdt_pointer
    ljmp $0x08, $long_mode

no_long_mode:
    movl $no_long_mode_text, %esi
    movw $0x3f8, %dx
5:  lodsb
    testb %al, %al
    jz 6f
    outb %al, %dx
    jmp 5b
6:  movb $0x7e, %al
    outb %al, $0xf4
7:  cli
    hlt
    jmp 7b

    .code64
long_mode:
    movl $0x10, %eax
    movl %eax, %ds
    movl %eax, %es
    movl %eax, %ss
    xorl %eax, %eax
    movl %eax, %fs
    movl %eax, %gs
    movl $boot_stack_top, %esp
    xorl %ebp, %ebp
    fninit
    call runtime_start
8:  cli
    hlt
    jmp 8b

// One stub per vector. Each leaves an error code (0 where the CPU has none) and the vector on the
// stack. Vectors with an error code: SDM 3A, "Exceptions and Interrupts" table "Protected-Mode
// Exceptions and Interrupts".
    .text
    .altmacro
    .macro STUB vector
    .balign 16
    .if (\vector == 8) || (\vector >= 10 && \vector <= 14) || (\vector == 17) || (\vector == 21) || (\vector == 29) || (\vector == 30)
    .else
    pushq $0
    .endif
    pushq $\vector
    jmp stub_common
    .endm

    .balign 16
    .globl stubs
stubs:
    .set i, 0
    .rept 48
    STUB %i
    .set i, i + 1
    .endr

stub_common:
    pushq %rax
    pushq %rbx
    pushq %rcx
    pushq %rdx
    pushq %rsi
    pushq %rdi
    pushq %rbp
    pushq %r8
    pushq %r9
    pushq %r10
    pushq %r11
    pushq %r12
    pushq %r13
    pushq %r14
    pushq %r15
    cld
    movq %rsp, %rdi
    call runtime_interrupt
    popq %r15
    popq %r14
    popq %r13
    popq %r12
    popq %r11
    popq %r10
    popq %r9
    popq %r8
    popq %rbp
    popq %rdi
    popq %rsi
    popq %rdx
    popq %rcx
    popq %rbx
    popq %rax
    addq $16, %rsp
    iretq

    .section .rodata
no_long_mode_text:
    .asciz "error: this CPU has no 64-bit mode\n"

    .data
    .balign 8
    .globl gdt
gdt:
    .quad 0
    .quad 0x00af9b000000ffff // 0x08: code, 64-bit, ring 0
    .quad 0x00cf93000000ffff // 0x10: data, ring 0
    .quad 0, 0               // 0x18: task state segment, filled by runtime_start
gdt_end:
gdt_pointer:
    .word gdt_end - gdt - 1
    .quad gdt

    .bss
    .balign 4096
    .globl page_map_level4, page_directory_pointers, page_directories, low_page_table
page_map_level4:
    .skip 4096
page_directory_pointers:
    .skip 4096
page_directories:
    .skip 4 * 4096
low_page_table:
    .skip 4096
    .skip 8192
boot_stack_top:
    .globl boot_magic, boot_info, boot_efer
boot_magic:
    .skip 4
boot_info:
    .skip 4
boot_efer:
    .skip 4
