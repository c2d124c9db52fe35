// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import static dev.faultline.cpu.translator.internal.Assembler.LOAD;
import static dev.faultline.cpu.translator.internal.Assembler.R13;
import static dev.faultline.cpu.translator.internal.Assembler.R14;
import static dev.faultline.cpu.translator.internal.Assembler.R15;
import static dev.faultline.cpu.translator.internal.Assembler.RAX;
import static dev.faultline.cpu.translator.internal.Assembler.RCX;
import static dev.faultline.cpu.translator.internal.Assembler.RDI;
import static dev.faultline.cpu.translator.internal.Assembler.STORE;

import dev.faultline.api.address.Hva;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.platform.CodeMemory;
import dev.faultline.api.platform.HostMemory;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * The generated code of one vCPU: its memory, the way in and the way out. On the vCPU's thread.
 *
 * <p>The calls are plain ones, never critical: while generated code runs, the thread counts as one
 * in native code, so collections, thread dumps and profilers go on. The host's stack pointer stays
 * where it was all the time; signal handlers find a valid stack.
 */
final class NativeCode implements AutoCloseable {
    /** Bytes of one translation, at most. */
    static final int LARGEST = 32 * 1024;

    private static final int ALIGNMENT = 16;

    /**
     * Bytes of memory for each translation, at least: what Java keeps of one, even of one whose
     * code has changed, is about as much as its code, and has to be bounded too.
     */
    private static final int SHARE = 1024;

    /** One for all: its first argument is where to call. */
    private static final MethodHandle ENTER =
            Linker.nativeLinker()
                    .downcallHandle(
                            FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.JAVA_LONG));

    private final CodeMemory memory;
    private final MemorySegment entrance;

    /** The same, for when code was written since the last call. */
    private final MemorySegment serializingEntrance;

    private boolean changed = true;
    private final int reserved;
    private int used;
    private long translations;

    /** hva of the common way out. */
    private final @Hva long exit;

    /** By class of code: of the way out of a jump that the first table does not know. */
    private final @Hva long[] secondLookups = new long[StateBlock.JUMP_CLASSES];

    /**
     * @param bytes of code, at least four times {@link #LARGEST}
     * @throws dev.faultline.api.platform.HostMemoryException if the host has no memory for code
     */
    NativeCode(HostMemory host, long bytes) {
        memory = host.code(bytes);
        Assembler a = new Assembler();
        a.begin(memory.executable());
        serializingEntrance = MemorySegment.ofAddress(a.here());
        serialize(a);
        entrance = MemorySegment.ofAddress(a.here());
        exit = wayIn(a);
        wayOut(a);
        for (int c = 0; c < secondLookups.length; c++) {
            secondLookups[c] = a.here();
            secondLookup(a, c, exit);
        }
        a.copyTo(memory.writable());
        reserved = a.length() + ALIGNMENT - 1 & -ALIGNMENT;
        used = reserved;
    }

    /**
     * Host register of each guest register; -1: in the state block. Five have to be there: those
     * that compilers use least.
     */
    static int host(int gpr) {
        return switch (gpr) {
            case 1 -> 11;
            case 4 -> 12;
            case 12 -> 8;
            case 13 -> 9;
            case 14 -> 10;
            case 8, 9, 10, 11, 15 -> -1;
            default -> gpr;
        };
    }

    /**
     * IRET to the next instruction: code that was written through another linear address is
     * executed only after a serializing instruction. SDM 3A, "Handling Self- and Cross-Modifying
     * Code", "Serializing Instructions".
     */
    private static void serialize(Assembler a) {
        a.b(0x8C, 0xD0, 0x50); // mov eax, ss; push rax
        a.b(0x48, 0x8D, 0x44, 0x24, 8, 0x50); // lea rax, [rsp + 8]; push rax
        a.b(0x9C, 0x8C, 0xC8, 0x50); // pushfq; mov eax, cs; push rax
        a.b(0x48, 0x8D, 0x05, 3, 0, 0, 0, 0x50); // lea rax, [rip + 3]; push rax
        a.b(0x48, 0xCF); // iretq
    }

    /** Saves what the ABI asks for, loads the guest's registers and goes; returns the way out. */
    private static @Hva long wayIn(Assembler a) {
        a.b(0x53, 0x55, 0x41, 0x54, 0x41, 0x55, 0x41, 0x56, 0x41, 0x57); // push rbx rbp r12..r15
        a.move(R15, RDI);
        a.b(0x48, 0x83, 0xEC, 8); // sub rsp, 8
        a.b(0xF3, 0x45, 0x0F, 0x7E); // movq xmm15, [count]
        a.slotOperand(15, StateBlock.COUNT);
        a.b(0x41, 0x0F, 0xAE); // ldmxcsr
        a.slotOperand(2, StateBlock.MXCSR);
        a.slot(false, LOAD, RAX, StateBlock.FLAGS);
        a.b(0x04, 0x7F, 0x9E); // add al, 0x7F: OF; sahf: the others
        for (int g = 0; g < 16; g++) {
            if (host(g) >= 0) {
                a.slot(true, LOAD, host(g), StateBlock.gpr(g));
            }
        }
        a.slot(false, 0xFF, 4, StateBlock.ENTRY); // jmp
        while (a.length() % ALIGNMENT != 0) {
            a.b(0x90);
        }
        return a.here();
    }

    /** The exit's number is at rsp, an address perhaps in r13. */
    private static void wayOut(Assembler a) {
        for (int g = 0; g < 16; g++) {
            if (host(g) >= 0) {
                a.slot(true, STORE, host(g), StateBlock.gpr(g));
            }
        }
        a.b(0x0F, 0x90, 0xC0, 0x9F); // seto al; lahf
        a.slot(false, STORE, RAX, StateBlock.FLAGS);
        a.slot(true, STORE, R13, StateBlock.LIN);
        // Its control bits are the host's, and the ABI lets its exception flags be anything.
        a.b(0x41, 0x0F, 0xAE); // stmxcsr
        a.slotOperand(3, StateBlock.MXCSR);
        a.b(0x66, 0x45, 0x0F, 0xD6); // movq [count], xmm15
        a.slotOperand(15, StateBlock.COUNT);
        a.b(0x8B, 0x04, 0x24, 0x48, 0x83, 0xC4, 8); // mov eax, [rsp]; add rsp, 8
        a.b(0x41, 0x5F, 0x41, 0x5E, 0x41, 0x5D, 0x41, 0x5C, 0x5D, 0x5B, 0xC3);
    }

    /**
     * Goes to the rip in r13 if the second table knows it, else out. Here, and not at each jump, as
     * it is rarely executed.
     */
    private static void secondLookup(Assembler a, int codeClass, @Hva long exit) {
        a.shiftRight(R14, R13, R15);
        a.lea(true, R14, R14, R13, 0, 0);
        a.low16ToIndex();
        a.table(LOAD, RCX, StateBlock.secondTags(codeClass));
        a.lea(true, RCX, RCX, R13, 0, 1);
        int miss = a.jumpUnlessZero();
        a.jumpByTable(StateBlock.secondTargets(codeClass));
        a.land(miss);
        a.jumpTo(exit);
    }

    /** hva where a way out goes that has stored its number. */
    @Hva
    long exit(Exit kind, int codeClass) {
        return kind == Exit.INDIRECT ? secondLookups[codeClass] : exit;
    }

    /**
     * Runs generated code from the entry in the state block until it leaves.
     *
     * @return the number of the exit
     */
    int enter(@Hva long state) {
        MemorySegment in = changed ? serializingEntrance : entrance;
        changed = false;
        try {
            return (int) ENTER.invokeExact(in, state);
        } catch (Throwable e) {
            throw new AssertionError("a call that throws nothing", e);
        }
    }

    /** Whether one more translation has room. */
    boolean hasRoom() {
        return memory.size() - used >= LARGEST && translations < memory.size() / SHARE;
    }

    /** Where the next translation will be executed. */
    @Hva
    long next() {
        return memory.executable() + used;
    }

    /** Adds what was written for {@link #next}. */
    void add(Assembler code) {
        if (code.length() > LARGEST) {
            throw new IllegalStateException(
                    "%d bytes for one block: at most %d were expected"
                            .formatted(code.length(), LARGEST));
        }
        code.copyTo(memory.writable() + used);
        used += code.length() + ALIGNMENT - 1 & -ALIGNMENT;
        translations++;
        changed = true;
    }

    /** Overwrites code at {@code hva}. */
    void replace(@Hva long hva, Assembler code) {
        code.copyTo(memory.writable() + (hva - memory.executable()));
        changed = true;
    }

    /** Makes the jump whose displacement ends at {@code end} go to {@code target}. */
    void patch(@Hva long end, @Hva long target) {
        HostBytes.put32(memory.writable() + (end - 4 - memory.executable()), (int) (target - end));
        changed = true;
    }

    /** Forgets all translations. */
    void clear() {
        used = reserved;
        translations = 0;
    }

    @Override
    public void close() {
        memory.close();
    }
}
