// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.windows.internal;

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

/** kernel32.dll through java.lang.foreign; 64-bit Windows. */
@SuppressWarnings("restricted") // downcalls are what this class is for
final class NativeKernel32 implements Kernel32 {
    /** The first argument of every call: where GetLastError is captured. */
    private static final MemoryLayout STATE = Linker.Option.captureStateLayout();

    private static final VarHandle LAST_ERROR =
            STATE.varHandle(PathElement.groupElement("GetLastError"));

    /** PSAPI_WORKING_SET_EX_INFORMATION: an address and its attributes. */
    private static final long ENTRY_BYTES = 16;

    /** Attribute: the page is in the working set. */
    private static final long VALID = 1;

    /** Attribute: it belongs to a section, and not to this mapping alone. */
    private static final long SHARED = 1 << 15;

    private static final long INVALID_HANDLE_VALUE = -1;
    private static final int FILE_MAP_COPY = 1;
    private static final int FILE_MAP_WRITE = 2; // and read

    /** SYSTEM_INFO of 64-bit Windows: 48 bytes, dwPageSize at 4. */
    private static final long SYSTEM_INFO_BYTES = 48;

    private final Linker linker = Linker.nativeLinker();
    private final SymbolLookup symbols = SymbolLookup.libraryLookup("kernel32", Arena.global());
    private final MethodHandle alloc =
            handle(
                    "VirtualAlloc",
                    FunctionDescriptor.of(JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT));
    private final MethodHandle free =
            handle("VirtualFree", FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT));
    private final MethodHandle query =
            handle(
                    "K32QueryWorkingSetEx",
                    FunctionDescriptor.of(JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT));
    private final MethodHandle createFileMapping =
            handle(
                    "CreateFileMappingW",
                    FunctionDescriptor.of(
                            JAVA_LONG, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT,
                            JAVA_LONG));
    private final MethodHandle mapViewOfFile =
            handle(
                    "MapViewOfFile",
                    FunctionDescriptor.of(
                            JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_INT, JAVA_INT, JAVA_LONG));
    private final MethodHandle unmapViewOfFile =
            handle("UnmapViewOfFile", FunctionDescriptor.of(JAVA_INT, JAVA_LONG));
    private final MethodHandle close =
            handle("CloseHandle", FunctionDescriptor.of(JAVA_INT, JAVA_LONG));
    private final MethodHandle systemInfo =
            handle("GetSystemInfo", FunctionDescriptor.ofVoid(JAVA_LONG));

    private MethodHandle handle(String name, FunctionDescriptor type) {
        return linker.downcallHandle(
                symbols.find(name)
                        .orElseThrow(() -> new UnsatisfiedLinkError("kernel32 has no " + name)),
                type,
                Linker.Option.captureCallState("GetLastError"));
    }

    @Override
    public long virtualAlloc(long address, long bytes, int type, int protection) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(STATE);
            long r = (long) alloc.invokeExact(state, address, bytes, type, protection);
            return r == 0 ? -(long) lastError(state) : r;
        } catch (Throwable t) {
            throw impossible(t);
        }
    }

    @Override
    public int virtualFree(long address, long bytes, int type) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(STATE);
            int done = (int) free.invokeExact(state, address, bytes, type);
            return done != 0 ? 0 : lastError(state);
        } catch (Throwable t) {
            throw impossible(t);
        }
    }

    @Override
    public long workingSetPages(long address, int pages, int pageSize, boolean own) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(STATE);
            MemorySegment entries = arena.allocate(pages * ENTRY_BYTES, 8);
            for (int i = 0; i < pages; i++) {
                entries.set(JAVA_LONG, i * ENTRY_BYTES, address + (long) i * pageSize);
            }
            int done =
                    (int)
                            query.invokeExact(
                                    state,
                                    -1L /* this process */,
                                    entries.address(),
                                    (int) entries.byteSize());
            if (done == 0) {
                return -(long) lastError(state);
            }
            long counted = 0;
            for (int i = 0; i < pages; i++) {
                long attributes = entries.get(JAVA_LONG, i * ENTRY_BYTES + 8);
                if ((attributes & (own ? VALID | SHARED : VALID)) == VALID) {
                    counted++;
                }
            }
            return counted;
        } catch (Throwable t) {
            throw impossible(t);
        }
    }

    @Override
    public long createSection(long bytes) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(STATE);
            long r =
                    (long)
                            createFileMapping.invokeExact(
                                    state,
                                    INVALID_HANDLE_VALUE,
                                    0L,
                                    PAGE_READWRITE,
                                    (int) (bytes >>> 32),
                                    (int) bytes,
                                    0L);
            return r == 0 ? -(long) lastError(state) : r;
        } catch (Throwable t) {
            throw impossible(t);
        }
    }

    @Override
    public long mapView(long section, long bytes, boolean copyOnWrite) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(STATE);
            int access = copyOnWrite ? FILE_MAP_COPY : FILE_MAP_WRITE;
            long r = (long) mapViewOfFile.invokeExact(state, section, access, 0, 0, bytes);
            return r == 0 ? -(long) lastError(state) : r;
        } catch (Throwable t) {
            throw impossible(t);
        }
    }

    @Override
    public int unmapView(long address) {
        return done(unmapViewOfFile, address);
    }

    @Override
    public int closeHandle(long handle) {
        return done(close, handle);
    }

    /** A call of one argument that answers with a BOOL. */
    private static int done(MethodHandle call, long argument) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(STATE);
            int done = (int) call.invokeExact(state, argument);
            return done != 0 ? 0 : lastError(state);
        } catch (Throwable t) {
            throw impossible(t);
        }
    }

    @Override
    public int pageSize() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment state = arena.allocate(STATE);
            MemorySegment info = arena.allocate(SYSTEM_INFO_BYTES, 8);
            systemInfo.invokeExact(state, info.address());
            return info.get(JAVA_INT, 4);
        } catch (Throwable t) {
            throw impossible(t);
        }
    }

    /** Never 0: a failed call that set no error is still a failure. */
    private static int lastError(MemorySegment state) {
        int e = (int) LAST_ERROR.get(state, 0L);
        return e == 0 ? WindowsErrors.ERROR_GEN_FAILURE : e;
    }

    /** The handles throw only what the JVM itself throws. */
    private static RuntimeException impossible(Throwable t) {
        if (t instanceof Error e) {
            throw e;
        }
        return new IllegalStateException("a call of kernel32 failed inside the JVM", t);
    }
}
