// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.unix;

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
import org.jspecify.annotations.Nullable;

/**
 * The C library's memory calls. Each returns its result, or the negated errno if it failed.
 * Stateless; any thread.
 */
final class Libc {
    static final int PROT_READ_WRITE = 3;
    static final int PROT_READ_EXECUTE = 5;
    static final int MAP_SHARED = 1;
    static final int MAP_PRIVATE = 2;
    static final int MAP_FIXED = 0x10;

    private static final Linker LINKER = Linker.nativeLinker();
    static final SymbolLookup SYMBOLS = LINKER.defaultLookup();
    static final MemoryLayout STATE = Linker.Option.captureStateLayout();
    private static final VarHandle ERRNO = STATE.varHandle(PathElement.groupElement("errno"));

    private static final MethodHandle MMAP =
            handle(
                    "mmap",
                    FunctionDescriptor.of(
                            JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT,
                            JAVA_LONG));
    private static final MethodHandle MUNMAP =
            handle("munmap", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG));
    private static final MethodHandle MADVISE =
            handle("madvise", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT));
    private static final MethodHandle MINCORE =
            handle("mincore", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_LONG));
    private static final MethodHandle GETPAGESIZE =
            handle("getpagesize", FunctionDescriptor.of(JAVA_INT));

    private static final MethodHandle FTRUNCATE =
            handle("ftruncate", FunctionDescriptor.of(JAVA_INT, JAVA_INT, JAVA_LONG));
    private static final MethodHandle CLOSE =
            handle("close", FunctionDescriptor.of(JAVA_INT, JAVA_INT));

    /** Null on hosts older than Linux 3.17 with glibc 2.27, or FreeBSD 13. */
    private static final @Nullable MethodHandle MEMFD_CREATE =
            SYMBOLS.find("memfd_create").isEmpty()
                    ? null
                    : handle("memfd_create", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_INT));

    /** FreeBSD has the same number. */
    private static final int MFD_CLOEXEC = 1;

    /**
     * The file may be executed. Needed where {@code vm.memfd_noexec} is not 0; unknown, and an
     * invalid argument, before Linux 6.3 and on FreeBSD.
     */
    static final int MFD_EXEC = 0x10;

    /** Takes more arguments only to create a file. */
    private static final MethodHandle OPEN =
            handle("open", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_INT));

    private static final int O_RDWR = 2;

    /** The C library has no such call: no error number of any system. */
    static final int NO_SUCH_CALL = Integer.MIN_VALUE;

    private Libc() {}

    @SuppressWarnings("restricted") // downcalls are what this class is for
    static MethodHandle handle(String name, FunctionDescriptor type) {
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

    /**
     * A file in memory that has no name in the file system.
     *
     * @param flags further ones
     * @return its descriptor, or -errno, or {@link #NO_SUCH_CALL}
     */
    static int memoryFile(String name, int flags) {
        if (MEMFD_CREATE == null) {
            return NO_SUCH_CALL;
        }
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(STATE);
            int r =
                    (int)
                            MEMFD_CREATE.invokeExact(
                                    state, arena.allocateFrom(name).address(), MFD_CLOEXEC | flags);
            return r == -1 ? -errno(state) : r;
        } catch (Throwable t) {
            throw impossible(t);
        }
    }

    /**
     * Opens an existing file to read and write.
     *
     * @param flags further ones
     * @return its descriptor, or -errno
     */
    static int open(String path, int flags) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(STATE);
            int r =
                    (int)
                            OPEN.invokeExact(
                                    state, arena.allocateFrom(path).address(), O_RDWR | flags);
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

    static int munmap(long address, long bytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(STATE);
            int r = (int) MUNMAP.invokeExact(state, address, bytes);
            return r == -1 ? -errno(state) : r;
        } catch (Throwable t) {
            throw impossible(t);
        }
    }

    static int madvise(long address, long bytes, int advice) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(STATE);
            int r = (int) MADVISE.invokeExact(state, address, bytes, advice);
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
    static RuntimeException impossible(Throwable t) {
        if (t instanceof Error e) {
            throw e;
        }
        return new IllegalStateException("a call of the C library failed inside the JVM", t);
    }
}
