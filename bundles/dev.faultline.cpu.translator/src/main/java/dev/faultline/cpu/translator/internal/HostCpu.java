// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import dev.faultline.api.platform.CodeMemory;
import dev.faultline.api.platform.HostMemory;
import dev.faultline.cpu.x86.isa.CpuFeature;
import dev.faultline.cpu.x86.isa.CpuFeature.Register;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.util.EnumMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/** What the host's processor can do. SDM 2A, "CPUID-CPU Identification". Immutable. */
final class HostCpu {
    private static final int BMI2 = 1 << 8;
    private static final int PAGE = 4096;

    private final Map<Register, Integer> bits;

    private HostCpu(Map<Register, Integer> bits) {
        this.bits = bits;
    }

    /**
     * Asks the processor, with code written into memory for code.
     *
     * @throws dev.faultline.api.platform.HostMemoryException if the host has no such memory
     */
    static HostCpu ask(HostMemory host) {
        try (CodeMemory memory = host.code(PAGE);
                Arena arena = Arena.ofConfined()) {
            Assembler a = new Assembler();
            a.begin(memory.executable());
            a.b(
                    0x53, 0x89, 0xF8, 0x89, 0xF1, 0x49, 0x89,
                    0xD0); // push rbx; eax, ecx, r8 = edi, esi, rdx
            a.b(0x0F, 0xA2); // cpuid
            a.b(0x41, 0x89, 0x00, 0x41, 0x89, 0x58, 4); // [r8] = eax, ebx, ecx, edx
            a.b(0x41, 0x89, 0x48, 8, 0x41, 0x89, 0x50, 12);
            a.b(0x5B, 0xC3);
            a.copyTo(memory.writable());
            MethodHandle cpuid =
                    Linker.nativeLinker()
                            .downcallHandle(
                                    MemorySegment.ofAddress(memory.executable()),
                                    FunctionDescriptor.ofVoid(
                                            ValueLayout.JAVA_INT,
                                            ValueLayout.JAVA_INT,
                                            ValueLayout.JAVA_LONG));
            MemorySegment out = arena.allocate(16, 4);
            Map<Register, Integer> bits = new EnumMap<>(Register.class);
            for (Register r : Register.values()) {
                bits.put(r, ask(cpuid, out, r));
            }
            return new HostCpu(bits);
        }
    }

    private static int ask(MethodHandle cpuid, MemorySegment out, Register r) {
        int leaf =
                switch (r) {
                    case LEAF1_ECX, LEAF1_EDX -> 1;
                    case LEAF7_EBX, LEAF7_ECX, LEAF7_EDX, LEAF7_1_EAX, LEAF7_2_EDX -> 7;
                    case EXTENDED1_ECX, EXTENDED1_EDX -> 0x8000_0001;
                };
        int subleaf = r == Register.LEAF7_1_EAX ? 1 : r == Register.LEAF7_2_EDX ? 2 : 0;
        int word =
                switch (r) {
                    case LEAF7_1_EAX -> 0;
                    case LEAF7_EBX -> 1;
                    case LEAF1_ECX, LEAF7_ECX, EXTENDED1_ECX -> 2;
                    case LEAF1_EDX, LEAF7_EDX, LEAF7_2_EDX, EXTENDED1_EDX -> 3;
                };
        try {
            cpuid.invokeExact(leaf & 0x8000_0000, 0, out.address());
            int highest = out.get(ValueLayout.JAVA_INT, 0);
            if (Integer.compareUnsigned(highest, leaf) < 0) {
                return 0;
            }
            cpuid.invokeExact(7, 0, out.address());
            if (subleaf > out.get(ValueLayout.JAVA_INT, 0) && leaf == 7) {
                return 0;
            }
            cpuid.invokeExact(leaf, subleaf, out.address());
            return out.get(ValueLayout.JAVA_INT, 4L * word);
        } catch (Throwable e) {
            throw new AssertionError("a call that throws nothing", e);
        }
    }

    /** Whether it has all of these. */
    boolean has(Set<CpuFeature> features) {
        for (CpuFeature f : features) {
            Integer have = bits.get(f.register);
            if (have == null || (have >>> f.bit & 1) == 0) {
                return false;
            }
        }
        return true;
    }

    /** Why generated code cannot run on it; null: it can. */
    @Nullable String refusal() {
        Integer leaf7 = bits.get(Register.LEAF7_EBX);
        return leaf7 == null || (leaf7 & BMI2) == 0
                ? "the host's processor has no BMI2 (SHRX, SHLX, RORX)"
                : null;
    }
}
