// SPDX-License-Identifier: Apache-2.0
package dev.faultline.itests;

import static java.lang.foreign.ValueLayout.ADDRESS;
import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;

/**
 * Becomes another program that a seccomp filter keeps from memory for code, as hardened hosts do.
 * On Linux on x86-64.
 *
 * <pre>
 * Confined file|mapping COMMAND ARGUMENT...
 * </pre>
 *
 * {@code file}: memfd_create of what may be executed gives EACCES; {@code mapping}: shared mappings
 * may not be executable. The JVM's own code is in private ones. Ends with {@link #IMPOSSIBLE} if
 * there can be no filter here.
 */
final class Confined {
    /** Exit code: the host has no such filters. */
    static final int IMPOSSIBLE = 77;

    private static final int PR_SET_NO_NEW_PRIVS = 38;
    private static final int PR_SET_SECCOMP = 22;
    private static final int SECCOMP_MODE_FILTER = 2;

    private static final int ARCHITECTURE = 0xC000_003E;
    private static final int NR_MMAP = 9;
    private static final int NR_MEMFD_CREATE = 319;
    private static final int MFD_EXEC = 0x10;
    private static final int PROT_EXEC = 4;
    private static final int MAP_TYPE = 3;
    private static final int MAP_SHARED = 1;
    private static final int EACCES = 13;

    // struct seccomp_data
    private static final int NR = 0;
    private static final int ARCH = 4;
    private static final int ARGUMENTS = 16;

    // Classic BPF
    private static final int LOAD = 0x20;
    private static final int JUMP_IF_EQUAL = 0x15;
    private static final int JUMP_IF_ANY_BIT = 0x45;
    private static final int AND = 0x54;
    private static final int RETURN = 6;
    private static final int ALLOW = 0x7FFF_0000;
    private static final int REFUSE = 0x0005_0000 | EACCES;

    private static final Linker LINKER = Linker.nativeLinker();

    private Confined() {}

    public static void main(String[] args) throws Throwable {
        long[] program =
                switch (args[0]) {
                    case "file" -> fileFilter();
                    case "mapping" -> mappingFilter();
                    default -> throw new IllegalArgumentException(args[0]);
                };
        try (Arena arena = Arena.ofConfined()) {
            if (!filter(arena, program)) {
                System.exit(IMPOSSIBLE);
            }
            MemorySegment argv = arena.allocate(ADDRESS, args.length);
            for (int i = 1; i < args.length; i++) {
                argv.setAtIndex(ADDRESS, i - 1, arena.allocateFrom(args[i]));
            }
            MethodHandle execvp =
                    LINKER.downcallHandle(
                            LINKER.defaultLookup().findOrThrow("execvp"),
                            FunctionDescriptor.of(JAVA_INT, ADDRESS, ADDRESS));
            int failed = (int) execvp.invokeExact(arena.allocateFrom(args[1]), argv);
            throw new IllegalStateException("execvp " + args[1] + ": " + failed);
        }
    }

    private static long[] fileFilter() {
        return new long[] {
            op(LOAD, 0, 0, ARCH),
            op(JUMP_IF_EQUAL, 0, 4, ARCHITECTURE),
            op(LOAD, 0, 0, NR),
            op(JUMP_IF_EQUAL, 0, 2, NR_MEMFD_CREATE),
            op(LOAD, 0, 0, ARGUMENTS + 8),
            op(JUMP_IF_ANY_BIT, 1, 0, MFD_EXEC),
            op(RETURN, 0, 0, ALLOW),
            op(RETURN, 0, 0, REFUSE)
        };
    }

    private static long[] mappingFilter() {
        return new long[] {
            op(LOAD, 0, 0, ARCH),
            op(JUMP_IF_EQUAL, 0, 7, ARCHITECTURE),
            op(LOAD, 0, 0, NR),
            op(JUMP_IF_EQUAL, 0, 5, NR_MMAP),
            op(LOAD, 0, 0, ARGUMENTS + 2 * 8),
            op(JUMP_IF_ANY_BIT, 0, 3, PROT_EXEC),
            op(LOAD, 0, 0, ARGUMENTS + 3 * 8),
            op(AND, 0, 0, MAP_TYPE),
            op(JUMP_IF_EQUAL, 1, 0, MAP_SHARED),
            op(RETURN, 0, 0, ALLOW),
            op(RETURN, 0, 0, REFUSE)
        };
    }

    /** struct sock_filter. */
    private static long op(int code, int ifTrue, int ifFalse, int k) {
        return code | (long) ifTrue << 16 | (long) ifFalse << 24 | (long) k << 32;
    }

    private static boolean filter(Arena arena, long[] program) throws Throwable {
        MethodHandle prctl =
                LINKER.downcallHandle(
                        LINKER.defaultLookup().findOrThrow("prctl"),
                        FunctionDescriptor.of(
                                JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_LONG));
        MemorySegment filter = arena.allocateFrom(ValueLayout.JAVA_LONG, program);
        MemorySegment header = arena.allocate(16, 8); // struct sock_fprog
        header.set(ValueLayout.JAVA_SHORT, 0, (short) program.length);
        header.set(ADDRESS, 8, filter);
        return (int) prctl.invokeExact(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L) == 0
                && (int)
                                prctl.invokeExact(
                                        PR_SET_SECCOMP,
                                        (long) SECCOMP_MODE_FILTER,
                                        header.address(),
                                        0L,
                                        0L)
                        == 0;
    }
}
