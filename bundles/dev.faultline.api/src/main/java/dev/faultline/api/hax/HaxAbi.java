// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.hax;

/** Numbers of the interface. */
public final class HaxAbi {
    public static final int CUR_VERSION = 4;
    public static final int COMPAT_VERSION = 1;
    public static final int MAX_VCPUS = 16;
    public static final int PAGE = 4096;

    /** Bytes of the shared area for port data and {@link HaxLayout#FASTMMIO}. */
    public static final int IO_BUFFER = 64;

    /** Most entries of a {@link HaxLayout#MSR_DATA}. */
    public static final int MAX_MSRS = 0x20;

    /** Most entries behind a {@link HaxLayout#CPUID}. */
    public static final int MAX_CPUID_ENTRIES = 0x40;

    // Capability, wstatus.
    public static final int CAP_WORKING = 1;
    public static final int CAP_MEMQUOTA = 1 << 1;

    // Capability, winfo of a module that works.
    public static final int CAP_EPT = 1;
    public static final int CAP_FASTMMIO = 1 << 1;
    public static final int CAP_UG = 1 << 2;
    public static final int CAP_64BIT_RAMBLOCK = 1 << 3;
    public static final int CAP_64BIT_SETRAM = 1 << 4;
    public static final int CAP_TUNNEL_PAGE = 1 << 5;
    public static final int CAP_RAM_PROTECTION = 1 << 6;
    public static final int CAP_DEBUG = 1 << 7;
    public static final int CAP_IMPLICIT_RAMBLOCK = 1 << 8;
    public static final int CAP_CPUID = 1 << 9;

    // Exit statuses.
    public static final int EXIT_IO = 1;
    public static final int EXIT_MMIO = 2;
    public static final int EXIT_REALMODE = 3;
    public static final int EXIT_INTERRUPT = 4;
    public static final int EXIT_UNKNOWN = 5;
    public static final int EXIT_HLT = 6;
    public static final int EXIT_STATECHANGE = 7;
    public static final int EXIT_PAUSED = 8;
    public static final int EXIT_FAST_MMIO = 9;
    public static final int EXIT_PAGEFAULT = 10;
    public static final int EXIT_DEBUG = 11;

    /** Exit reason that a client writes to the tunnel before RUN to get {@link #EXIT_PAUSED}. */
    public static final int REASON_PAUSED = 8;

    // Exit reasons: SDM 3C, "VMX Basic Exit Reasons".
    public static final int REASON_EXCEPTION_OR_NMI = 0;
    public static final int REASON_EXTERNAL_INTERRUPT = 1;
    public static final int REASON_TRIPLE_FAULT = 2;
    public static final int REASON_INTERRUPT_WINDOW = 7;
    public static final int REASON_HLT = 12;
    public static final int REASON_IO = 30;
    public static final int REASON_EPT_VIOLATION = 48;

    /** {@code io._direction}. */
    public static final int IO_OUT = 0;

    public static final int IO_IN = 1;

    /** {@code fastmmio.direction}. */
    public static final int MMIO_READ = 0;

    public static final int MMIO_WRITE = 1;

    // pagefault.flags. The header's positions; strict mode has the rights one bit lower, as the
    // reference writes them.
    public static final int PAGEFAULT_ACC_R = 1;
    public static final int PAGEFAULT_ACC_W = 1 << 1;
    public static final int PAGEFAULT_ACC_X = 1 << 2;
    public static final int PAGEFAULT_PERM_SHIFT = 4;
    public static final int PAGEFAULT_PERM_SHIFT_STRICT = 3;

    // Flags of a slot.
    public static final int RAM_ROM = 1;
    public static final int RAM_STANDALONE = 1 << 6;
    public static final int RAM_INVALID = 1 << 7;

    // Flags of PROTECT_RAM.
    public static final int PERM_NONE = 0;
    public static final int PERM_RWX = 7;
    public static final int PERM_MASK = 7;

    // Control of DEBUG.
    public static final int DEBUG_ENABLE = 1;
    public static final int DEBUG_STEP = 1 << 1;
    public static final int DEBUG_USE_SW_BP = 1 << 2;
    public static final int DEBUG_USE_HW_BP = 1 << 3;

    // Errors of the core.
    public static final int EPERM = -1;
    public static final int E2BIG = -7;
    public static final int ENOMEM = -12;
    public static final int EACCES = -13;
    public static final int EFAULT = -14;
    public static final int EBUSY = -16;
    public static final int EEXIST = -17;
    public static final int ENODEV = -19;
    public static final int EINVAL = -22;

    // NTSTATUS values.
    public static final int STATUS_UNSUCCESSFUL = 0xC000_0001;
    public static final int STATUS_INVALID_HANDLE = 0xC000_0008;
    public static final int STATUS_INVALID_PARAMETER = 0xC000_000D;
    public static final int STATUS_BUFFER_TOO_SMALL = 0xC000_0023;

    private HaxAbi() {}
}
