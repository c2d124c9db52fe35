// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.unix;

import dev.faultline.api.platform.HostError;
import java.util.Locale;
import java.util.Map;

/**
 * Where Unix systems differ: numbers of their C libraries, and what each promises beyond POSIX.
 *
 * @param system its name, for messages
 * @param mapNoReserve flag of {@code mmap}: no reservation of swap
 * @param mapAnonymous flag of {@code mmap}: no file
 * @param openCloseOnExec flag of {@code open}: not inherited by programs that are started
 * @param errors meaning of its error numbers, of those that have one
 * @param dontNeedGivesZeroes {@code madvise(MADV_DONTNEED)} makes anonymous memory read as zero
 * @param viewsFollow until its own first write a private mapping shows the file as it is
 * @param touched which pages a process has touched is told
 * @param memoryFile how shared memory is made
 * @param privatePages how the pages that are a mapping's own are counted
 */
public record Abi(
        String system,
        int mapNoReserve,
        int mapAnonymous,
        int openCloseOnExec,
        Map<Integer, HostError> errors,
        boolean dontNeedGivesZeroes,
        boolean viewsFollow,
        boolean touched,
        MemoryFile memoryFile,
        PrivatePages privatePages) {

    /** A file without a name that is mapped for shared memory. */
    public enum MemoryFile {
        /** {@code memfd_create}. */
        IN_MEMORY,

        /**
         * In the directory for temporary files: Darwin's shared memory objects are not documented
         * to have private mappings.
         */
        TEMPORARY
    }

    /** Who tells a mapping's own pages from those that it shares. */
    public enum PrivatePages {
        /** {@code /proc/self/pagemap}. */
        PAGEMAP,

        /** {@code mach_vm_region}. */
        MACH,

        /** Nobody. */
        UNKNOWN
    }

    // The same everywhere.
    private static final int EPERM = 1;
    private static final int ENOMEM = 12;
    private static final int EACCES = 13;
    private static final int ENODEV = 19;
    static final int EINVAL = 22;

    public static final Abi LINUX =
            new Abi(
                    "Linux",
                    0x4000,
                    0x20,
                    0x8_0000,
                    errors(11, 75, 38, 95),
                    true,
                    true,
                    true,
                    MemoryFile.IN_MEMORY,
                    PrivatePages.PAGEMAP);

    public static final Abi FREEBSD =
            new Abi(
                    "FreeBSD",
                    0x40,
                    0x1000,
                    0x10_0000,
                    errors(35, 84, 78, 45),
                    false,
                    false,
                    false,
                    MemoryFile.IN_MEMORY,
                    PrivatePages.UNKNOWN);

    public static final Abi DARWIN =
            new Abi(
                    "Darwin",
                    0x40,
                    0x1000,
                    0x100_0000,
                    errors(35, 84, 78, 45),
                    false,
                    false,
                    false,
                    MemoryFile.TEMPORARY,
                    PrivatePages.MACH);

    public Abi {
        errors = Map.copyOf(errors);
    }

    private static Map<Integer, HostError> errors(
            int again, int overflow, int noSystemCall, int notSupported) {
        return Map.of(
                EINVAL, HostError.INVALID,
                ENOMEM, HostError.NO_MEMORY,
                again, HostError.NO_MEMORY,
                overflow, HostError.NO_MEMORY,
                EPERM, HostError.DENIED,
                EACCES, HostError.DENIED,
                ENODEV, HostError.UNSUPPORTED,
                noSystemCall, HostError.UNSUPPORTED,
                notSupported, HostError.UNSUPPORTED);
    }

    /** This host's: Linux's or FreeBSD's. */
    public static Abi ofHost() {
        return System.getProperty("os.name").toLowerCase(Locale.ROOT).contains("linux")
                ? LINUX
                : FREEBSD;
    }

    /**
     * For tests: the numbers of this system without its promises, which is what others get.
     *
     * @param file how shared memory is made
     */
    public Abi withoutPromises(MemoryFile file) {
        return new Abi(
                system,
                mapNoReserve,
                mapAnonymous,
                openCloseOnExec,
                errors,
                false,
                false,
                false,
                file,
                PrivatePages.UNKNOWN);
    }

    /** Of a view of a file. */
    int viewFlags() {
        return Libc.MAP_PRIVATE | mapNoReserve;
    }

    /** Of anonymous memory. */
    int mapFlags() {
        return viewFlags() | mapAnonymous;
    }

    /** What an error number means. */
    public HostError meaning(int errno) {
        return errors.getOrDefault(errno, HostError.OTHER);
    }
}
