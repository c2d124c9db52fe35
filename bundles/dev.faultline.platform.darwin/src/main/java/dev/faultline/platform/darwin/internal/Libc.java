// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.darwin.internal;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemoryLayout.PathElement;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.SymbolLookup;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;

/**
 * libSystem's memory calls. Each returns its result, or the negated errno if it failed. Stateless;
 * any thread.
 */
final class Libc {
    static final int PROT_READ_WRITE = 3;
    static final int MAP_SHARED = 1;
    static final int MAP_PRIVATE = 2;
    static final int MAP_FIXED = 0x10;
    static final int MAP_NORESERVE = 0x40;
    static final int MAP_ANON = 0x1000;

    private static final Linker LINKER = Linker.nativeLinker();
    private static final SymbolLookup SYMBOLS = LINKER.defaultLookup();
    private static final MemoryLayout STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO = STATE.varHandle(PathElement.groupElement("errno"));

    private static final MethodHandle MMAP =
            handle(
                    "mmap",
                    FunctionDescriptor.of(
                            JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT,
                            JAVA_LONG));
    private static final MethodHandle MUNMAP =
            handle("munmap", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG));
    private static final MethodHandle MINCORE =
            handle("mincore", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG));
    private static final MethodHandle GETPAGESIZE =
            handle("getpagesize", FunctionDescriptor.of(JAVA_INT));

    private static final MethodHandle FTRUNCATE =
            handle("ftruncate", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG));
    private static final MethodHandle CLOSE =
            handle("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));

    /** Takes more arguments only to create a file. */
    private static final MethodHandle OPEN =
            handle("open", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_INT));

    private static final MethodHandle REGION =
            handle(
                    "mach_vm_region",
                    FunctionDescriptor.of(
                            JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG,
                            JAVA_LONG, JAVA_LONG));

    private static final int O_RDWR = 2;
    private static final int O_CLOEXEC = 0x100_0000;
    private static final int VM_REGION_TOP_INFO = 12;

    /** Ints in struct vm_region_top_info. */
    static final int TOP_INFO_COUNT = 5;

    /** What the macro mach_task_self() reads. */
    private static final int SELF = self();

    private Libc() {}

    @SuppressWarnings("restricted") // a variable of the C library
    private static int self() {
        return SYMBOLS.find("mach_task_self_")
                .orElseThrow(() -> new UnsatisfiedLinkError("no mach_task_self_"))
                .reinterpret(Integer.BYTES)
                .get(JAVA_INT, 0);
    }

    @SuppressWarnings("restricted") // downcalls are what this class is for
    private static MethodHandle handle(String name, FunctionDescriptor type) {
        return LINKER.downcallHandle(
                SYMBOLS.find(name)
                        .orElseThrow(
                                () -> new UnsatisfiedLinkError("the C library has no " + name)),
                type,
                Linker.Option.captureCallState("errno"));
    }

    /** Address of an anonymous mapping, or -errno. */
    static long mmap(long address, long bytes, int protection, int flags) {
        return mmap(address, bytes, protection, flags, -1, 0);
    }

    /** Address of the mapping, or -errno. */
    static long mmap(long address, long bytes, int protection, int flags, int file, long offset) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(STATE);
            long r =
                    (long) MMAP.invokeExact(state, address, bytes, protection, flags, file, offset);
            return r == -1 ? -errno(state) : r;
        } catch (Throwable t) {
            throw impossible(t);
        }
    }

    /** Opens an existing file to read and write. @return its descriptor, or -errno */
    static int open(String path) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(STATE);
            int r =
                    (int)
                            OPEN.invokeExact(
                                    state, arena.allocateFrom(path).address(), O_RDWR | O_CLOEXEC);
            return r == -1 ? -errno(state) : r;
        } catch (Throwable t) {
            throw impossible(t);
        }
    }

    static int ftruncate(int file, long bytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(STATE);
            int r = (int) FTRUNCATE.invokeExact(state, file, bytes);
            return r == -1 ? -errno(state) : r;
        } catch (Throwable t) {
            throw impossible(t);
        }
    }

    static int close(int file) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(STATE);
            int r = (int) CLOSE.invokeExact(state, file);
            return r == -1 ? -errno(state) : r;
        } catch (Throwable t) {
            throw impossible(t);
        }
    }

    /**
     * Asks the kernel about the first mapping that ends after an address.
     *
     * @param at one long: the address; then the mapping's start
     * @param bytes one long: then the mapping's length
     * @param info {@link #TOP_INFO_COUNT} ints: struct vm_region_top_info
     * @return 0, or a kern_return_t
     */
    static int region(MemorySegment at, MemorySegment bytes, MemorySegment info) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment count = arena.allocate(JAVA_INT);
            MemorySegment name = arena.allocate(JAVA_INT);
            count.set(JAVA_INT, 0, TOP_INFO_COUNT);
            return (int)
                    REGION.invokeExact(
                            arena.allocate(STATE),
                            SELF,
                            at.address(),
                            bytes.address(),
                            VM_REGION_TOP_INFO,
                            info.address(),
                            count.address(),
                            name.address());
        } catch (Throwable t) {
            throw impossible(t);
        }
    }

    static int munmap(long address, long bytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(STATE);
            int r = (int) MUNMAP.invokeExact(state, address, bytes);
            return r == -1 ? -errno(state) : r;
        } catch (Throwable t) {
            throw impossible(t);
        }
    }

    /**
     * @param vector native memory, one byte per page; bit 0 is set for a page in core
     */
    static int mincore(long address, long bytes, MemorySegment vector) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(STATE);
            int r = (int) MINCORE.invokeExact(state, address, bytes, vector.address());
            return r == -1 ? -errno(state) : r;
        } catch (Throwable t) {
            throw impossible(t);
        }
    }

    static int pageSize() {
        try (Arena arena = Arena.ofConfined()) {
            return (int) GETPAGESIZE.invokeExact(arena.allocate(STATE));
        } catch (Throwable t) {
            throw impossible(t);
        }
    }

    private static int errno(MemorySegment state) {
        return (int) ERRNO.get(state, 0L);
    }

    /** The handles throw only what the JVM itself throws. */
    private static RuntimeException impossible(Throwable t) {
        if (t instanceof Error e) {
            throw e;
        }
        return new IllegalStateException("a call of the C library failed inside the JVM", t);
    }
}
