// SPDX-License-Identifier: Apache-2.0
package dev.faultline.platform.unix;

import static java.lang.foreign.ValueLayout.JAVA_INT;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.faultline.api.platform.HostError;
import dev.faultline.api.platform.HostMemoryException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandle;

/** What Darwin's kernel says of mappings ({@code mach/mach_vm.h}); only there. Any thread. */
final class MachVm {
    private static final int VM_REGION_TOP_INFO = 12;

    /** Ints in struct vm_region_top_info. */
    private static final int TOP_INFO_COUNT = 5;

    /** Of struct vm_region_top_info. */
    private static final int PRIVATE_PAGES_RESIDENT = 2 * Integer.BYTES;

    private static final int KERN_INVALID_ADDRESS = 1;

    private static final MethodHandle REGION =
            Libc.handle(
                    "mach_vm_region",
                    FunctionDescriptor.of(
                            JAVA_INT, JAVA_INT, JAVA_LONG, JAVA_LONG, JAVA_INT, JAVA_LONG,
                            JAVA_LONG, JAVA_LONG));

    /** What the macro mach_task_self() reads. */
    private static final int SELF = self();

    private MachVm() {}

    @SuppressWarnings("restricted") // a variable of the C library
    private static int self() {
        return Libc.SYMBOLS
                .find("mach_task_self_")
                .orElseThrow(() -> new UnsatisfiedLinkError("no mach_task_self_"))
                .reinterpret(Integer.BYTES)
                .get(JAVA_INT, 0);
    }

    /** Pages that are private and in core, of all mappings that the range consists of by now. */
    static long privatePages(long address, long size) {
        long pages = 0;
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment at = arena.allocate(JAVA_LONG);
            MemorySegment bytes = arena.allocate(JAVA_LONG);
            MemorySegment info = arena.allocate(JAVA_INT, TOP_INFO_COUNT);
            for (long next = address; next < address + size; ) {
                at.set(JAVA_LONG, 0, next);
                int r = region(at, bytes, info);
                if (r == KERN_INVALID_ADDRESS) { // nothing is mapped from here on
                    break;
                }
                if (r != 0) {
                    throw new HostMemoryException(
                            HostError.OTHER,
                            "count private pages at 0x%x: kern_return_t %d".formatted(next, r));
                }
                next = at.get(JAVA_LONG, 0) + bytes.get(JAVA_LONG, 0);
                if (at.get(JAVA_LONG, 0) < address + size) {
                    pages += info.get(JAVA_INT, PRIVATE_PAGES_RESIDENT) & 0xFFFF_FFFFL;
                }
            }
        }
        return pages;
    }

    /**
     * Asks the kernel about the first mapping that ends after an address.
     *
     * @param at one long: the address; then the mapping's start
     * @param bytes one long: then the mapping's length
     * @param info {@link #TOP_INFO_COUNT} ints: struct vm_region_top_info
     * @return 0, or a kern_return_t
     */
    private static int region(MemorySegment at, MemorySegment bytes, MemorySegment info) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment count = arena.allocate(JAVA_INT);
            MemorySegment name = arena.allocate(JAVA_INT);
            count.set(JAVA_INT, 0, TOP_INFO_COUNT);
            return (int)
                    REGION.invokeExact(
                            arena.allocate(Libc.STATE),
                            SELF,
                            at.address(),
                            bytes.address(),
                            VM_REGION_TOP_INFO,
                            info.address(),
                            count.address(),
                            name.address());
        } catch (Throwable t) {
            throw Libc.impossible(t);
        }
    }
}
