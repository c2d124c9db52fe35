// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.ferr;

import dev.faultline.api.device.Board;
import dev.faultline.api.device.InterruptLine;
import dev.faultline.api.device.Resettable;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.device.Stateful;
import dev.faultline.device.pc.internal.chip.BytePorts;

/**
 * What stands between FERR# and IGNNE# of the processors and IRQ 13 on a PC (SDM 1, "Guidelines for
 * Writing x87 FPU Exception Handlers", section "MS-DOS Compatibility Sub-mode"): FERR# requests IRQ
 * 13; a write to port 0xf0 takes the request back and asserts IGNNE# until FERR# goes.
 *
 * <p>Guarded by the lock of the interrupt controllers, under which a processor's pin is read.
 */
public final class CoprocessorError implements BytePorts, Stateful, Resettable {
    static final int PORT = 0xF0;

    private final Object lock;
    private final InterruptLine irq13;

    /** Bit n: FERR# of vCPU n. Read without the lock where 0 means that there is nothing to do. */
    private volatile int errors;

    private volatile boolean ignore;

    public CoprocessorError(Board board, Object lock, InterruptLine irq13) {
        this.lock = lock;
        this.irq13 = irq13;
        board.claimPorts(this, 0, PORT, 1);
    }

    @Override
    public String id() {
        return "coprocessor-error";
    }

    @Override
    public void reset() {
        synchronized (lock) {
            errors = 0;
            ignore = false;
            irq13.set(false);
        }
    }

    /** FERR# of a vCPU. */
    public void error(int vcpu, boolean asserted) {
        int bit = 1 << vcpu;
        if ((errors & bit) != 0 == asserted) {
            return;
        }
        synchronized (lock) {
            errors ^= bit;
            ignore &= errors != 0;
            irq13.set(errors != 0 && !ignore);
        }
    }

    /** IGNNE# of all vCPUs. */
    public boolean ignored() {
        return ignore;
    }

    @Override
    public int readByte(int range, int offset) {
        return 0xFF;
    }

    @Override
    public void writeByte(int range, int offset, int value) {
        synchronized (lock) {
            ignore = errors != 0;
            irq13.set(false);
        }
    }

    @Override
    public int stateVersion() {
        return 1;
    }

    /** Machines that were saved before there was one had no such error pending. */
    @Override
    public boolean stateOptional() {
        return true;
    }

    @Override
    public void save(StateSection to) {
        synchronized (lock) {
            to.put("errors", errors);
            to.put("ignore", ignore);
        }
    }

    @Override
    public void load(StateSection from) {
        synchronized (lock) {
            errors = from.getInt("errors", 0, 0xFFFF);
            ignore = from.getBoolean("ignore");
        }
    }
}
