// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.hax;

import java.util.OptionalInt;
import org.jspecify.annotations.Nullable;

/**
 * The operations. On POSIX hosts a code is direction, size and number packed as {@code _IOW} and
 * its like do it there (Linux and BSD disagree on the direction bits); on Windows it is {@code
 * CTL_CODE(0x4000, function, METHOD_BUFFERED, FILE_ANY_ACCESS)}.
 */
public enum HaxOp {
    VERSION(On.MODULE, Dir.BOTH, 0x20, 8, 0x900),
    CREATE_VM(On.MODULE, Dir.BOTH, 0x21, 4, 0x901),
    DESTROY_VM(On.MODULE, Dir.IN, 0x22, 4, 0),
    CAPABILITY(On.MODULE, Dir.OUT, 0x23, 16, 0x910),
    SET_MEMLIMIT(On.MODULE, Dir.BOTH, 0x24, 16, 0x911),
    VCPU_CREATE(On.VM, Dir.BOTH, 0x80, 4, 0x902),
    /** What clients of the first API version send. */
    VCPU_CREATE_OLD(On.VM, Dir.OUT, 0x80, 4, 0),
    ALLOC_RAM(On.VM, Dir.BOTH, 0x81, 16, 0x903),
    SET_RAM(On.VM, Dir.BOTH, 0x82, 24, 0x904),
    VCPU_DESTROY(On.VM, Dir.OUT, 0x83, 4, 0x905),
    NOTIFY_QEMU_VERSION(On.VM, Dir.IN, 0x84, 8, 0x910),
    ADD_RAMBLOCK(On.VM, Dir.IN, 0x85, 24, 0x913),
    SET_RAM2(On.VM, Dir.BOTH, 0x86, 40, 0x914),
    PROTECT_RAM(On.VM, Dir.BOTH, 0x87, 24, 0x915),
    RUN(On.VCPU, Dir.NONE, 0xC0, 0, 0x906),
    SET_MSRS(On.VCPU, Dir.BOTH, 0xC1, 520, 0x907),
    GET_MSRS(On.VCPU, Dir.BOTH, 0xC2, 520, 0x908),
    SET_FPU(On.VCPU, Dir.IN, 0xC3, 512, 0x909),
    GET_FPU(On.VCPU, Dir.OUT, 0xC4, 512, 0x90A),
    SETUP_TUNNEL(On.VCPU, Dir.BOTH, 0xC5, 24, 0x90B),
    INTERRUPT(On.VCPU, Dir.BOTH, 0xC6, 4, 0x90C),
    SET_REGS(On.VCPU, Dir.BOTH, 0xC7, 512, 0x90D),
    GET_REGS(On.VCPU, Dir.BOTH, 0xC8, 512, 0x90E),
    /**
     * Makes a RUN in progress, or else the next one, return. Windows only; elsewhere a signal does
     * it, or the tunnel's {@code user_event_pending}.
     */
    KICKOFF(On.VCPU, Dir.NONE, 0, 0, 0x90F),
    DEBUG(On.VCPU, Dir.IN, 0xC9, 72, 0x916),
    /**
     * The argument is a {@link HaxLayout#CPUID} followed by its entries on Windows; elsewhere eight
     * bytes with its address.
     */
    SET_CPUID(On.VCPU, Dir.IN, 0xCA, 8, 0x917),
    /** The argument is that of {@link #SET_CPUID}. */
    GET_CPUID(On.VCPU, Dir.BOTH, 0xCB, 8, 0x918);

    /** What an operation is issued on. */
    public enum On {
        MODULE,
        VM,
        VCPU
    }

    /** Which way the structure goes, seen from the module: in from the client, out to it. */
    public enum Dir {
        NONE,
        IN,
        OUT,
        BOTH
    }

    private final On on;
    private final Dir dir;
    private final int number;
    private final int size;
    private final int function;

    HaxOp(On on, Dir dir, int number, int size, int function) {
        this.on = on;
        this.dir = dir;
        this.number = number;
        this.size = size;
        this.function = function;
    }

    public On on() {
        return on;
    }

    public Dir dir() {
        return dir;
    }

    /** Bytes of the structure; 0: none. Of one with a table behind it: of its head. */
    public int size() {
        return size;
    }

    /** The code on {@code platform}; empty if the operation does not exist there. */
    public OptionalInt code(HaxPlatform platform) {
        if (platform == HaxPlatform.WINDOWS) {
            return function == 0
                    ? OptionalInt.empty()
                    : OptionalInt.of(0x4000 << 16 | function << 2);
        }
        return number == 0
                ? OptionalInt.empty()
                : OptionalInt.of(direction(platform) | size << 16 | number);
    }

    private int direction(HaxPlatform platform) {
        boolean linux = platform == HaxPlatform.LINUX;
        return switch (dir) {
            case NONE -> linux ? 0 : 0x2000_0000;
            case IN -> linux ? 0x4000_0000 : 0x8000_0000;
            case OUT -> linux ? 0x8000_0000 : 0x4000_0000;
            case BOTH -> 0xC000_0000;
        };
    }

    /** The operation that {@code code} means on such an object of {@code platform}, or null. */
    public static @Nullable HaxOp of(HaxPlatform platform, On on, int code) {
        for (HaxOp op : values()) {
            OptionalInt c = op.code(platform);
            if (op.on == on && c.isPresent() && c.getAsInt() == code) {
                return op;
            }
        }
        return null;
    }
}
