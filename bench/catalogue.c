// SPDX-License-Identifier: Apache-2.0
// Runs the vectors of docs/instructions on the processor of a Linux x86-64 host: reads states from standard input, writes to
// standard output what one instruction made of each. bench/catalogue.sh builds and runs it, and compares.
// An instruction ends at a breakpoint: all of the code page but the instruction is INT3, so that flags that are pushed and repeated
// string instructions are as they are without single-stepping.
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

// As class State of the tests lays it out.
struct state {
    uint64_t gpr[16], flags, rip, fs_base, gs_base;
    uint16_t selectors[4], fcw, fsw, tags, pad; // ES DS FS GS; tags: abridged
    uint32_t mxcsr;
    int32_t exception; // -1: none
    uint64_t error_code;
    uint8_t code[16], st[8][16], xmm[16][16], data[4096], stack[4096];
};
_Static_assert(sizeof(struct state) == 8784, "state");

// What FXSAVE stores, with the header of XSAVE after it.
struct fpu {
    uint16_t fcw, fsw;
    uint8_t tags, pad;
    uint16_t opcode;
    uint64_t ip, dp;
    uint32_t mxcsr, mxcsr_mask;
    uint8_t st[8][16], xmm[16][16], rest[96];
    uint64_t components;
};

static uint8_t *const code = (uint8_t *)0x10000000, *const data = (uint8_t *)0x20000000, *const stack = (uint8_t *)0x30000000;
static const int registers[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                  REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};
static struct state vector;
static int running;
static gregset_t own;
static struct fpu own_fpu;
static uint64_t own_fs, own_gs;

static void load(greg_t *g, struct fpu *f) {
    memcpy(own, g, sizeof own);
    own_fpu = *f;
    for (int i = 0; i < 16; i++) {
        g[registers[i]] = vector.gpr[i];
    }
    g[REG_RIP] = vector.rip;
    g[REG_EFL] = vector.flags;
    f->fcw = vector.fcw;
    f->fsw = vector.fsw;
    f->tags = vector.tags;
    f->opcode = 0;
    f->ip = f->dp = 0;
    f->mxcsr = vector.mxcsr;
    memcpy(f->st, vector.st, sizeof f->st);
    memcpy(f->xmm, vector.xmm, sizeof f->xmm);
    f->components |= 3;
    memset(code, 0xCC, 4096);
    memcpy(code + 0x800, vector.code, sizeof vector.code);
    memcpy(data, vector.data, 4096);
    memcpy(stack, vector.stack, 4096);
    asm volatile("mov %0, %%es; mov %1, %%ds" ::"r"((uint32_t)vector.selectors[0]), "r"((uint32_t)vector.selectors[1]));
    asm volatile("wrfsbase %0; wrgsbase %1" ::"r"(vector.fs_base), "r"(vector.gs_base));
}

static void store(greg_t *g, struct fpu *f) {
    for (int i = 0; i < 16; i++) {
        vector.gpr[i] = g[registers[i]];
    }
    int trap = g[REG_TRAPNO];
    vector.exception = trap == 3 ? -1 : trap;
    vector.error_code = trap >= 10 && trap <= 14 ? g[REG_ERR] : 0;
    vector.rip = g[REG_RIP] - (trap == 3);
    vector.flags = g[REG_EFL];
    int x87 = f->components & 1, sse = f->components & 2;
    vector.fcw = x87 ? f->fcw : 0x37F;
    vector.fsw = x87 ? f->fsw : 0;
    vector.tags = x87 ? f->tags : 0;
    vector.mxcsr = f->mxcsr;
    memset(vector.st, 0, sizeof vector.st);
    memset(vector.xmm, 0, sizeof vector.xmm);
    for (int i = 0; x87 && i < 8; i++) {
        memcpy(vector.st[i], f->st[i], 10);
    }
    if (sse) {
        memcpy(vector.xmm, f->xmm, sizeof vector.xmm);
    }
    memcpy(vector.data, data, 4096);
    memcpy(vector.stack, stack, 4096);
    memcpy(g, own, sizeof own);
    *f = own_fpu;
}

// First from the breakpoint in main, then from where the vector ended.
static void handler(int signal, siginfo_t *info, void *context) {
    uint64_t fs, gs;
    uint16_t selectors[4];
    asm volatile("pushq $0x202; popfq" ::: "memory", "cc"); // no alignment checks here
    asm volatile("rdfsbase %0; rdgsbase %1" : "=r"(fs), "=r"(gs));
    asm volatile("mov %%es, %0; mov %%ds, %1; mov %%fs, %2; mov %%gs, %3"
                 : "=r"(selectors[0]), "=r"(selectors[1]), "=r"(selectors[2]), "=r"(selectors[3]));
    ucontext_t *u = context;
    if (running) {
        asm volatile("mov %0, %%es; mov %0, %%ds" ::"r"(0));
        asm volatile("wrfsbase %0; wrgsbase %1" ::"r"(own_fs), "r"(own_gs));
        memcpy(vector.selectors, selectors, sizeof selectors);
        vector.fs_base = fs;
        vector.gs_base = gs;
        store(u->uc_mcontext.gregs, (struct fpu *)u->uc_mcontext.fpregs);
    } else {
        own_fs = fs;
        own_gs = gs;
        load(u->uc_mcontext.gregs, (struct fpu *)u->uc_mcontext.fpregs);
    }
    running = !running;
}

static int map(uint8_t *at, int rights) {
    return mmap(at, 4096, rights, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) != at;
}

int main(void) {
    static uint8_t signal_stack[1 << 17];
    stack_t s = {.ss_sp = signal_stack, .ss_size = sizeof signal_stack};
    struct sigaction a = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    int signals[] = {SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    if (map(code, PROT_READ | PROT_WRITE | PROT_EXEC) || map(data, PROT_READ | PROT_WRITE) ||
        map(stack, PROT_READ | PROT_WRITE) || sigaltstack(&s, 0)) {
        perror("catalogue");
        return 1;
    }
    for (unsigned i = 0; i < sizeof signals / sizeof *signals; i++) {
        sigaction(signals[i], &a, 0);
    }
    while (fread(&vector, sizeof vector, 1, stdin) == 1) {
        struct state before = vector;
        do {
            vector = before;
            asm volatile("int3" ::: "memory");
        } while (vector.fs_base == own_fs); // kernels that are guests may lose what the handler has set
        fwrite(&vector, sizeof vector, 1, stdout);
    }
    return 0;
}
