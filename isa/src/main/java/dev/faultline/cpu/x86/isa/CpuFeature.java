// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.x86.isa;

/**
 * The features that CPUID can claim here: what is listed is claimed, and nothing else ({@code
 * StandardCpuid}). The instruction table names the feature of every encoding that is younger than
 * CPUID's first bits, so that what executes is claimed and what is claimed executes. Names as in
 * SDM 2A, "CPUID-CPU Identification".
 */
public enum CpuFeature {
    SSE3(Register.LEAF1_ECX, 0, true),
    PCLMULQDQ(Register.LEAF1_ECX, 1, true),
    SSSE3(Register.LEAF1_ECX, 9, true),
    /** CMPXCHG16B. */
    CX16(Register.LEAF1_ECX, 13, true),
    SSE4_1(Register.LEAF1_ECX, 19, true),
    SSE4_2(Register.LEAF1_ECX, 20, true),
    MOVBE(Register.LEAF1_ECX, 22, true),
    POPCNT(Register.LEAF1_ECX, 23, true),
    TSC_DEADLINE(Register.LEAF1_ECX, 24, false),
    /** Always 0 in processors: software below us. */
    HYPERVISOR(Register.LEAF1_ECX, 31, false),

    FPU(Register.LEAF1_EDX, 0, true),
    DE(Register.LEAF1_EDX, 2, false),
    PSE(Register.LEAF1_EDX, 3, false),
    TSC(Register.LEAF1_EDX, 4, true),
    MSR(Register.LEAF1_EDX, 5, true),
    PAE(Register.LEAF1_EDX, 6, false),
    MCE(Register.LEAF1_EDX, 7, false),
    /** CMPXCHG8B. */
    CX8(Register.LEAF1_EDX, 8, true),
    APIC(Register.LEAF1_EDX, 9, false),
    /** SYSENTER and SYSEXIT. */
    SEP(Register.LEAF1_EDX, 11, true),
    MTRR(Register.LEAF1_EDX, 12, false),
    PGE(Register.LEAF1_EDX, 13, false),
    MCA(Register.LEAF1_EDX, 14, false),
    /** CMOVcc, and with FPU, FCMOVcc and FCOMI. */
    CMOV(Register.LEAF1_EDX, 15, true),
    PAT(Register.LEAF1_EDX, 16, false),
    PSE36(Register.LEAF1_EDX, 17, false),
    /** CLFLUSH. */
    CLFSH(Register.LEAF1_EDX, 19, true),
    MMX(Register.LEAF1_EDX, 23, true),
    FXSR(Register.LEAF1_EDX, 24, true),
    SSE(Register.LEAF1_EDX, 25, true),
    SSE2(Register.LEAF1_EDX, 26, true),

    FSGSBASE(Register.LEAF7_EBX, 0, true),
    TSC_ADJUST(Register.LEAF7_EBX, 1, false),
    SMEP(Register.LEAF7_EBX, 7, false),
    /** REP MOVSB and REP STOSB are the fast way to copy and fill. */
    ERMS(Register.LEAF7_EBX, 9, false),
    ADX(Register.LEAF7_EBX, 19, true),
    SMAP(Register.LEAF7_EBX, 20, true),
    UMIP(Register.LEAF7_ECX, 2, false),
    RDPID(Register.LEAF7_ECX, 22, true),
    /** REP MOVSB is so for short copies too. */
    FSRM(Register.LEAF7_EDX, 4, false),
    /** IA32_SPEC_CTRL and IA32_PRED_CMD (IBRS and IBPB). */
    SPEC_CTRL(Register.LEAF7_EDX, 26, false),
    /** IA32_ARCH_CAPABILITIES. */
    ARCH_CAPABILITIES(Register.LEAF7_EDX, 29, false),
    /** REP MOVSB of nothing costs nothing. */
    FZRM(Register.LEAF7_1_EAX, 10, false),
    /** REP STOSB is fast for short fills too. */
    FSRS(Register.LEAF7_1_EAX, 11, false),

    /** BHI_DIS_S of IA32_SPEC_CTRL: systems then need no loops against branch history. */
    BHI_CTRL(Register.LEAF7_2_EDX, 4, false),

    /** LAHF and SAHF in 64-bit mode. */
    LAHF_LM(Register.EXTENDED1_ECX, 0, true),
    LZCNT(Register.EXTENDED1_ECX, 5, true),
    PREFETCHW(Register.EXTENDED1_ECX, 8, true),
    /** SYSCALL and SYSRET; claimed in 64-bit mode only. */
    SYSCALL(Register.EXTENDED1_EDX, 11, true),
    NX(Register.EXTENDED1_EDX, 20, false),
    /** Pages of 1 GiB. */
    PDPE1GB(Register.EXTENDED1_EDX, 26, false),
    RDTSCP(Register.EXTENDED1_EDX, 27, true),
    /** IA-32e mode. */
    LM(Register.EXTENDED1_EDX, 29, true);

    /** Output of a leaf (and subleaf) of CPUID that consists of such bits. */
    public enum Register {
        LEAF1_ECX,
        LEAF1_EDX,
        LEAF7_EBX,
        LEAF7_ECX,
        LEAF7_EDX,
        LEAF7_1_EAX,
        LEAF7_2_EDX,
        EXTENDED1_ECX,
        EXTENDED1_EDX
    }

    public final Register register;

    /** 0..31. */
    public final int bit;

    /** Whether there are encodings that exist only with it; else it says how the processor acts. */
    public final boolean encodings;

    CpuFeature(Register register, int bit, boolean encodings) {
        this.register = register;
        this.bit = bit;
        this.encodings = encodings;
    }

    /** All bits that are claimed in one register. */
    public static int claimed(Register register) {
        int bits = 0;
        for (CpuFeature f : values()) {
            if (f.register == register) {
                bits |= 1 << f.bit;
            }
        }
        return bits;
    }
}
