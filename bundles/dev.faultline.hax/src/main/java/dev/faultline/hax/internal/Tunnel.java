// SPDX-License-Identifier: Apache-2.0
package dev.faultline.hax.internal;

import static dev.faultline.api.hax.HaxAbi.*;
import static dev.faultline.api.hax.HaxLayout.offset;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.hax.HaxLayout;
import dev.faultline.api.memory.HostBytes;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * The two areas that a vCPU shares with its client. Nothing that decides what is executed is read
 * from here, but for what the client is meant to ask.
 */
final class Tunnel {
    private static final int EXIT_REASON = offset(HaxLayout.TUNNEL, "_exit_reason");
    private static final int EXIT_STATUS = offset(HaxLayout.TUNNEL, "_exit_status");
    private static final int USER_EVENT = offset(HaxLayout.TUNNEL, "user_event_pending");
    private static final int READY = offset(HaxLayout.TUNNEL, "ready_for_interrupt_injection");
    private static final int WINDOW = offset(HaxLayout.TUNNEL, "request_interrupt_window");
    private static final int APIC_BASE = offset(HaxLayout.TUNNEL, "apic_base");
    private static final int IO = offset(HaxLayout.TUNNEL, "exit", "io");
    private static final int IO_DF = offset(HaxLayout.TUNNEL, "exit", "io", "_df");
    private static final int IO_SIZE = offset(HaxLayout.TUNNEL, "exit", "io", "_size");
    private static final int IO_PORT = offset(HaxLayout.TUNNEL, "exit", "io", "_port");
    private static final int IO_COUNT = offset(HaxLayout.TUNNEL, "exit", "io", "_count");
    private static final int IO_FLAGS = offset(HaxLayout.TUNNEL, "exit", "io", "_flags");
    private static final int IO_VADDR = offset(HaxLayout.TUNNEL, "exit", "io", "_vaddr");
    private static final int FAULT_GPA = offset(HaxLayout.TUNNEL, "exit", "pagefault", "gpa");
    private static final int FAULT_FLAGS = offset(HaxLayout.TUNNEL, "exit", "pagefault", "flags");
    private static final int FAULT_RESERVED1 =
            offset(HaxLayout.TUNNEL, "exit", "pagefault", "reserved1");
    private static final int FAULT_RESERVED2 =
            offset(HaxLayout.TUNNEL, "exit", "pagefault", "reserved2");
    private static final int DEBUG_RIP = offset(HaxLayout.TUNNEL, "exit", "debug", "rip");
    private static final int DEBUG_DR6 = offset(HaxLayout.TUNNEL, "exit", "debug", "dr6");
    private static final int DEBUG_DR7 = offset(HaxLayout.TUNNEL, "exit", "debug", "dr7");
    private static final int MMIO_VALUE = offset(HaxLayout.FASTMMIO, "value");
    private static final int MMIO_SIZE = offset(HaxLayout.FASTMMIO, "size");
    private static final int MMIO_DIRECTION = offset(HaxLayout.FASTMMIO, "direction");
    private static final int MMIO_REG = offset(HaxLayout.FASTMMIO, "reg_index");
    private static final int MMIO_CR0 = offset(HaxLayout.FASTMMIO, "_cr0");
    private static final int MMIO_CR2 = offset(HaxLayout.FASTMMIO, "_cr2");
    private static final int MMIO_CR3 = offset(HaxLayout.FASTMMIO, "_cr3");
    private static final int MMIO_CR4 = offset(HaxLayout.FASTMMIO, "_cr4");

    private final MemorySegment memory = Arena.ofAuto().allocate(2 * PAGE, PAGE);

    /** hva of the tunnel's page, and of the shared buffer. */
    final long at = memory.address();

    final long io = at + PAGE;

    // ---- what the client asks

    boolean pauseAsked() {
        return HostBytes.get32(at + EXIT_REASON) == REASON_PAUSED;
    }

    boolean userEvent() {
        return HostBytes.get32(at + USER_EVENT) != 0;
    }

    boolean windowAsked() {
        return HostBytes.get32(at + WINDOW) != 0;
    }

    // ---- what it is told

    /** Leaves the reason alone, as the reference does when it did not enter the guest. */
    void status(int status) {
        HostBytes.put32(at + EXIT_STATUS, status);
    }

    void exit(int status, int reason) {
        HostBytes.put32(at + EXIT_REASON, reason);
        HostBytes.put32(at + EXIT_STATUS, status);
    }

    void common(boolean ready, long apicBase) {
        HostBytes.put32(at + READY, ready ? 1 : 0);
        HostBytes.put64(at + APIC_BASE, apicBase);
    }

    void pageFault(long gpa, int flags) {
        HostBytes.put64(at + FAULT_GPA, gpa);
        HostBytes.put32(at + FAULT_FLAGS, flags);
        HostBytes.put32(at + FAULT_RESERVED1, 0);
        HostBytes.put64(at + FAULT_RESERVED2, 0);
        exit(EXIT_PAGEFAULT, REASON_EPT_VIOLATION);
    }

    void debug(long rip, long dr6, long dr7) {
        HostBytes.put64(at + DEBUG_RIP, rip);
        HostBytes.put64(at + DEBUG_DR6, dr6);
        HostBytes.put64(at + DEBUG_DR7, dr7);
        exit(EXIT_DEBUG, REASON_EXCEPTION_OR_NMI);
    }

    /** One element, never a string: a repeated instruction exits once for each. */
    void access(DeviceExits.Access a, VcpuContext v) {
        if (a.port()) {
            HostBytes.put8(at + IO, (byte) (a.write() ? IO_OUT : IO_IN));
            HostBytes.put8(at + IO_DF, (byte) ((v.eflags & VcpuContext.DF) != 0 ? 1 : 0));
            HostBytes.put16(at + IO_SIZE, (short) a.size());
            HostBytes.put16(at + IO_PORT, (short) a.address());
            HostBytes.put16(at + IO_COUNT, (short) 1);
            HostBytes.put64(at + IO_FLAGS, 0);
            HostBytes.put64(at + IO_VADDR, 0);
            HostBytes.put64(io, a.value());
            exit(EXIT_IO, REASON_IO);
            return;
        }
        HostBytes.put64(io, a.address());
        HostBytes.put64(io + MMIO_VALUE, a.value());
        HostBytes.put8(io + MMIO_SIZE, (byte) a.size());
        HostBytes.put8(io + MMIO_DIRECTION, (byte) (a.write() ? MMIO_WRITE : MMIO_READ));
        HostBytes.put16(io + MMIO_REG, (short) 0);
        HostBytes.put64(io + MMIO_CR0, v.cr0);
        HostBytes.put64(io + MMIO_CR2, v.cr2);
        HostBytes.put64(io + MMIO_CR3, v.cr3);
        HostBytes.put64(io + MMIO_CR4, v.cr4);
        exit(EXIT_FAST_MMIO, REASON_EPT_VIOLATION);
    }

    /** The client's answer to a read: the low bytes of the shared buffer, or of its value field. */
    long answer(DeviceExits.Access a) {
        long x = HostBytes.get64(a.port() ? io : io + MMIO_VALUE);
        return a.size() == 8 ? x : x & (1L << 8 * a.size()) - 1;
    }
}
