// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.apic;

import dev.faultline.api.address.Page;
import dev.faultline.api.device.Board;
import dev.faultline.api.device.ChipsetHost;
import dev.faultline.api.device.MmioDevice;
import dev.faultline.device.pc.internal.ferr.CoprocessorError;
import java.util.function.BooleanSupplier;
import java.util.function.IntConsumer;
import java.util.function.IntSupplier;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;

/**
 * The local APICs of a machine, the messages between them, and their register page: each vCPU sees
 * its own APIC at the same address.
 */
public final class ApicBus implements MmioDevice {

    /** What a read gives when the vCPU's APIC is switched off and so leaves it to the bus. */
    private static final long NOBODY = -1;

    /** Shared by all interrupt controllers; innermost but for the timer queue's. */
    final Object lock;

    private final ChipsetHost host;
    private final LocalApic[] apics;
    private BooleanSupplier picOutput = () -> false;
    private IntSupplier picAcknowledge = () -> -1;
    private IntConsumer endOfInterrupt = vector -> {};
    private Runnable ready = () -> {};
    private @Nullable CoprocessorError errors;

    public ApicBus(Board board, ChipsetHost host, Object lock, int vcpus) {
        this.lock = lock;
        this.host = host;
        apics = new LocalApic[vcpus];
        for (int i = 0; i < vcpus; i++) {
            apics[i] = new LocalApic(i, this, board, host);
        }
        board.claimMmio(this, 0, LocalApic.BASE_GPA, Page.SIZE);
    }

    /** Wires the 8259 behind LINT0 of APIC 0. Before the machine runs. */
    public void connectPic(BooleanSupplier output, IntSupplier acknowledge) {
        picOutput = output;
        picAcknowledge = acknowledge;
    }

    /** Wires the receiver of EOI messages for level-triggered vectors. Before the machine runs. */
    public void connectEndOfInterrupt(IntConsumer receiver) {
        endOfInterrupt = receiver;
    }

    /**
     * Wires whoever holds messages that nobody took: told when an APIC may take what it refused.
     * Before the machine runs.
     */
    public void connectReady(Runnable receiver) {
        ready = receiver;
    }

    /** Wires FERR# and IGNNE#, which come by a vCPU's port. Before the machine runs. */
    public void connectErrors(CoprocessorError receiver) {
        errors = receiver;
    }

    /** Null: the pins are not wired. */
    @Nullable CoprocessorError errors() {
        return errors;
    }

    /** Lock held. */
    void ready() {
        ready.run();
    }

    @Override
    public String id() {
        return "lapic-bus";
    }

    public LocalApic apic(int index) {
        return apics[index];
    }

    boolean picOutput() {
        return picOutput.getAsBoolean();
    }

    int acknowledgePic() {
        return picAcknowledge.getAsInt();
    }

    void endOfInterrupt(int vector) {
        endOfInterrupt.accept(vector);
    }

    /**
     * INTR of the 8259 changed. Lock held.
     *
     * @param edge false: it only became known
     */
    public void picChanged(boolean edge) {
        if (edge && picOutput()) {
            apics[0].lint0Rises();
        }
        apics[0].update();
    }

    @Override
    public long mmioRead(int range, long offset, int size) {
        // SDM 3A, "Local APIC Register Address Map": aligned 32-bit accesses; others are undefined.
        if (size != 4 || (offset & 0xF) != 0) {
            return (offset & 0xF) < 4 && size <= 4 ? read(offset) >>> 8 * (offset & 3) : 0;
        }
        return read(offset);
    }

    private long read(long offset) {
        synchronized (lock) {
            LocalApic a = apics[host.currentVcpu()];
            return a.hardwareEnabled()
                    ? Integer.toUnsignedLong(a.read((int) offset & 0xFF0))
                    : NOBODY;
        }
    }

    @Override
    public void mmioWrite(int range, long offset, int size, long value) {
        if (size == 4 && (offset & 0xF) == 0) {
            synchronized (lock) {
                LocalApic a = apics[host.currentVcpu()];
                if (a.hardwareEnabled()) {
                    a.write((int) offset & 0xFF0, (int) value);
                }
            }
        }
    }

    // ---- messages; lock held

    /** An inter-processor interrupt (SDM 3A, "Interrupt Command Register (ICR)"). */
    void send(LocalApic from, int icrLow, int destination) {
        int delivery = icrLow >> 8 & 7;
        boolean logical = (icrLow & 0x800) != 0;
        boolean level = (icrLow & 0x8000) != 0;
        boolean assertion = (icrLow & 0x4000) != 0;
        if (delivery == LocalApic.DELIVERY_INIT && level && !assertion) {
            return; // INIT level de-assert: nothing on these processors
        }
        int vector = icrLow & 0xFF;
        if (vector < 16
                && (delivery == LocalApic.DELIVERY_FIXED
                        || delivery == LocalApic.DELIVERY_LOWEST)) {
            from.error(LocalApic.ESR_SEND_ILLEGAL); // who receives it logs that too
        }
        switch (icrLow >> 18 & 3) {
            case 0 -> message(a -> a.matches(destination, logical), delivery, vector, false);
            case 1 -> message(a -> a == from, delivery, vector, false);
            case 2 -> message(a -> true, delivery, vector, false);
            default -> message(a -> a != from, delivery, vector, false);
        }
    }

    /**
     * A message from the IOAPIC or another APIC.
     *
     * @param delivery delivery mode as in the redirection table
     * @return true if an APIC took it
     */
    public boolean message(
            int destination, boolean logical, int delivery, int vector, boolean level) {
        return message(a -> a.matches(destination, logical), delivery, vector, level);
    }

    private boolean message(
            Predicate<LocalApic> destination, int delivery, int vector, boolean level) {
        if (delivery == LocalApic.DELIVERY_LOWEST) {
            LocalApic best = null;
            for (LocalApic a : apics) {
                if (destination.test(a)
                        && a.accepts(delivery)
                        && (best == null || a.arbitration() < best.arbitration())) {
                    best = a;
                }
            }
            if (best != null) {
                best.raise(vector, level);
            }
            return best != null;
        }
        boolean taken = false;
        for (LocalApic a : apics) {
            if (destination.test(a) && a.accepts(delivery)) {
                deliver(a, delivery, vector, level);
                taken = true;
            }
        }
        return taken;
    }

    private static void deliver(LocalApic to, int delivery, int vector, boolean level) {
        switch (delivery) {
            case LocalApic.DELIVERY_FIXED, LocalApic.DELIVERY_LOWEST -> to.raise(vector, level);
            case LocalApic.DELIVERY_NMI -> to.raiseNmi();
            case LocalApic.DELIVERY_INIT -> to.init();
            case LocalApic.DELIVERY_STARTUP -> to.startup(vector);
            default -> {} // SMI: there is no SMM. ExtINT messages: the 8259 is wired to LINT0.
        }
    }
}
