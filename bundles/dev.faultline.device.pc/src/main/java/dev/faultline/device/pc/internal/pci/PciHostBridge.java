// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.pci;

import dev.faultline.api.device.Board;
import dev.faultline.api.device.PortDevice;
import dev.faultline.api.device.Resettable;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.device.Stateful;

/**
 * PCI configuration mechanism #1 (PCI Local Bus Specification 3.0, 3.2.2.3.2) over an empty bus:
 * the host bridge at 00:00.0 answers, everything else reads as all ones. Between its ports lies the
 * reset control register 0xcf9.
 */
public final class PciHostBridge implements PortDevice, Stateful, Resettable {
    static final int FIRST_PORT = 0xCF8;

    /** RW, 32 bits only. */
    static final int CONFIG_ADDRESS = 0;

    /** RW, 8 bits: bit 1 system reset kind, bit 2 a rising edge resets. */
    static final int RESET_CONTROL = 1;

    /** RW, 8 to 32 bits. */
    static final int CONFIG_DATA = 4;

    static final int ENABLE = 0x8000_0000;
    static final int RESET_CPU = 4;

    /** Vendor 0x8086, device 0x0d57: a host bridge that guests have no quirks for. */
    private static final int VENDOR_DEVICE = 0x0D57_8086;

    /** Class 06 (bridge), subclass 00 (host). */
    private static final int CLASS_REVISION = 0x0600_0000;

    private final Board board;
    private int address;
    private int resetControl;

    public PciHostBridge(Board board) {
        this.board = board;
        board.claimPorts(this, 0, FIRST_PORT, 8);
    }

    @Override
    public String id() {
        return "pci";
    }

    @Override
    public void reset() {
        address = 0;
        resetControl = 0;
    }

    @Override
    public int portRead(int range, int offset, int size) {
        if (offset == CONFIG_ADDRESS && size == 4) {
            return address;
        }
        if (offset == RESET_CONTROL && size == 1) {
            return resetControl;
        }
        if (offset >= CONFIG_DATA && (address & ENABLE) != 0) {
            return config() >>> 8 * (offset - CONFIG_DATA);
        }
        return -1;
    }

    private int config() {
        if ((address & 0x00FF_FF00) != 0) {
            return -1; // no such bus, device or function
        }
        return switch (address & 0xFC) {
            case 0x00 -> VENDOR_DEVICE;
            case 0x08 -> CLASS_REVISION;
            default -> 0;
        };
    }

    @Override
    public void portWrite(int range, int offset, int size, int value) {
        if (offset == CONFIG_ADDRESS && size == 4) {
            address = value & 0x80FF_FFFC;
        } else if (offset == RESET_CONTROL && size == 1) {
            boolean rising = (value & ~resetControl & RESET_CPU) != 0;
            resetControl = value & 0xE;
            if (rising) {
                board.requestReset("reset control register (0xcf9)");
            }
        }
        // Configuration space is read-only.
    }

    @Override
    public int stateVersion() {
        return 1;
    }

    @Override
    public void save(StateSection to) {
        to.put("address", Integer.toUnsignedLong(address));
        to.put("resetControl", resetControl);
    }

    @Override
    public void load(StateSection from) {
        address = (int) from.getLong("address", 0, 0xFFFF_FFFFL) & 0x80FF_FFFC;
        resetControl = from.getInt("resetControl", 0, 0xE) & 0xE;
    }
}
