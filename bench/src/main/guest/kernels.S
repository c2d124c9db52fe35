// SPDX-License-Identifier: Apache-2.0
// The hot loops, in assembly so that the number of executed instructions is known. The comment of
// each gives it; hotloop.c computes the totals from these numbers. System V calling convention.
    .text

// u64 kernel_xorshift(u64 n): 4 + 11 n
    .globl kernel_xorshift
    .balign 64
kernel_xorshift:
    movabsq $0x9e3779b97f4a7c15, %rax
    xorl %edx, %edx
1:  movq %rax, %rcx
    shlq $13, %rcx
    xorq %rcx, %rax
    movq %rax, %rcx
    shrq $7, %rcx
    xorq %rcx, %rax
    movq %rax, %rcx
    shlq $17, %rcx
    xorq %rcx, %rax
    decq %rdi
    jnz 1b
    addq %rdx, %rax
    ret

// u32 kernel_crc(u32 crc, const u8 *data, u64 n, const u32 *table): 2 + 7 n
    .globl kernel_crc
    .balign 64
kernel_crc:
    movl %edi, %eax
1:  movzbl (%rsi), %r8d
    xorb %al, %r8b
    shrl $8, %eax
    xorl (%rcx,%r8,4), %eax
    incq %rsi
    decq %rdx
    jnz 1b
    ret

// void kernel_copy(u64 *to, const u64 *from, u64 n): 1 + 6 n
    .globl kernel_copy
    .balign 64
kernel_copy:
1:  movq (%rsi), %rax
    movq %rax, (%rdi)
    addq $8, %rsi
    addq $8, %rdi
    decq %rdx
    jnz 1b
    ret

// void kernel_repcopy(u64 *to, const u64 *from, u64 n): 2 + n, each repetition counted as one
    .globl kernel_repcopy
    .balign 64
kernel_repcopy:
    movq %rdx, %rcx
    rep movsq
    ret

// void kernel_strike(u8 *flags, u64 from, u64 step, u64 limit): 1 + 4 per flag set
    .globl kernel_strike
    .balign 64
kernel_strike:
1:  movb $1, (%rdi,%rsi)
    addq %rdx, %rsi
    cmpq %rcx, %rsi
    jb 1b
    ret

// u64 kernel_fib(u64 n): 4 for n < 2, else 11 and the two calls
    .globl kernel_fib
    .balign 64
kernel_fib:
    movq %rdi, %rax
    cmpq $2, %rdi
    jb 2f
    pushq %rdi
    decq %rdi
    call kernel_fib
    popq %rdi
    pushq %rax
    subq $2, %rdi
    call kernel_fib
    popq %rdx
    addq %rdx, %rax
2:  ret

// u64 kernel_branch(u64 n): about 8.5 n: a branch that no predictor learns, taken half of the time
    .globl kernel_branch
    .balign 64
kernel_branch:
    movl $1, %eax
    xorl %edx, %edx
    movabsq $6364136223846793005, %r8
    movabsq $1442695040888963407, %r9
1:  imulq %r8, %rax
    addq %r9, %rax
    testq %rax, %rax
    jns 2f
    addq %rax, %rdx
    rorq $3, %rdx
    decq %rdi
    jnz 1b
    movq %rdx, %rax
    ret
2:  subq %rax, %rdx
    notq %rdx
    addq $7, %rdx
    decq %rdi
    jnz 1b
    movq %rdx, %rax
    ret
