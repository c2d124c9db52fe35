// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.apic;

import dev.faultline.api.cpu.InterruptPort;
import dev.faultline.api.device.Board;
import dev.faultline.api.device.ChipsetHost;
import dev.faultline.api.device.Device;
import dev.faultline.api.device.Resettable;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.device.Stateful;
import dev.faultline.device.pc.internal.ferr.CoprocessorError;
import java.util.Arrays;

/**
 * One vCPU's local APIC (SDM 3A, "Advanced Programmable Interrupt Controller"), xAPIC mode only, at
 * its default address. After reset LINT0 passes the 8259's interrupts through on vCPU 0, as
 * firmware leaves it.
 *
 * <p>All state is guarded by the bus's lock; {@link #pending()} and {@link #nmiPending()} read a
 * volatile summary.
 */
public final class LocalApic implements Device, Stateful, Resettable, InterruptPort {
    static final int ID = 0x20;
    static final int VERSION = 0x30;
    static final int TPR = 0x80;
    static final int APR = 0x90;
    static final int PPR = 0xA0;
    static final int EOI = 0xB0;
    static final int LDR = 0xD0;
    static final int DFR = 0xE0;
    static final int SVR = 0xF0;
    static final int ISR = 0x100;
    static final int TMR = 0x180;
    static final int IRR = 0x200;
    static final int ESR = 0x280;
    static final int ICR_LOW = 0x300;
    static final int ICR_HIGH = 0x310;
    static final int LVT_TIMER = 0x320;
    static final int LVT_LINT0 = 0x350;
    static final int LVT_ERROR = 0x370;
    static final int INITIAL_COUNT = 0x380;
    static final int CURRENT_COUNT = 0x390;
    static final int DIVIDE = 0x3E0;

    /** Integrated APIC, version 0x14, highest LVT entry 5. */
    static final int VERSION_VALUE = 0x5_0014;

    static final int SVR_ENABLE = 0x100;
    static final int DELIVERY_FIXED = 0;
    static final int DELIVERY_LOWEST = 1;
    static final int DELIVERY_NMI = 4;
    static final int DELIVERY_INIT = 5;
    static final int DELIVERY_STARTUP = 6;
    static final int DELIVERY_EXTINT = 7;
    static final int ESR_SEND_ILLEGAL = 0x20;
    static final int ESR_RECEIVED_ILLEGAL = 0x40;
    static final int ESR_ILLEGAL_REGISTER = 0x80;
    static final long BASE_GPA = 0xFEE0_0000L;
    static final long BASE_BSP = 0x100;
    static final long BASE_ENABLE = 0x800;

    private final int index;
    private final ApicBus bus;
    private final ChipsetHost host;
    private final ApicTimer timer;

    private long base;
    private int id;
    private int tpr;
    private int ldr;
    private int dfr;
    private int svr;
    private int esr;
    private int esrLatched;
    private int icrLow;
    private int icrHigh;
    private final long[] isr = Vectors.none();
    private final long[] tmr = Vectors.none();
    private final long[] irr = Vectors.none();
    private final Lvt lvt = new Lvt();
    private boolean nmi;
    private volatile boolean pending;
    private volatile boolean nmiPending;

    LocalApic(int index, ApicBus bus, Board board, ChipsetHost host) {
        this.index = index;
        this.bus = bus;
        this.host = host;
        timer =
                new ApicTimer(
                        board.clock(),
                        board.timer(this, this::timerExpired),
                        () -> host.tscOffset(index),
                        this::timerInterrupt);
        reset();
    }

    @Override
    public String id() {
        return "lapic" + index;
    }

    @Override
    public void reset() {
        synchronized (bus.lock) {
            base = BASE_GPA | BASE_ENABLE | (index == 0 ? BASE_BSP : 0);
            initRegisters();
            id = index;
            nmi = false;
            update();
        }
    }

    /**
     * State after INIT: everything but the id and the base (SDM 3A, "Local APIC State After an INIT
     * Reset"). Lock held.
     */
    private void initRegisters() {
        tpr = 0;
        ldr = 0;
        dfr = -1;
        svr = 0xFF;
        esr = 0;
        esrLatched = 0;
        icrLow = 0;
        icrHigh = 0;
        Arrays.fill(isr, 0);
        Arrays.fill(tmr, 0);
        Arrays.fill(irr, 0);
        lvt.reset(index == 0);
        timer.reset();
    }

    // ---- registers; lock held

    /** False: IA32_APIC_BASE has switched it off. Lock held. */
    boolean hardwareEnabled() {
        return (base & BASE_ENABLE) != 0;
    }

    private boolean enabled() {
        return hardwareEnabled() && softwareEnabled();
    }

    private boolean softwareEnabled() {
        return (svr & SVR_ENABLE) != 0;
    }

    int read(int offset) {
        return switch (offset) {
            case ID -> id << 24;
            case VERSION -> VERSION_VALUE;
            case TPR -> tpr;
            case APR, EOI -> 0; // arbitration priority: not on this bus
            case PPR -> processorPriority();
            case LDR -> ldr;
            case DFR -> dfr;
            case SVR -> svr;
            case ESR -> esr;
            case ICR_LOW -> icrLow;
            case ICR_HIGH -> icrHigh;
            case INITIAL_COUNT -> timer.initialCount();
            case CURRENT_COUNT -> {
                long now = timer.now();
                timer.catchUp(now);
                yield timer.currentCount(now);
            }
            case DIVIDE -> timer.divide();
            default -> readBanked(offset);
        };
    }

    private int readBanked(int offset) {
        if (offset >= ISR && offset < ESR) {
            timer.catchUp(timer.now());
            long[] bits = offset < TMR ? isr : offset < IRR ? tmr : irr;
            return Vectors.register(bits, offset >> 4 & 7);
        }
        if (offset >= LVT_TIMER && offset <= LVT_ERROR) {
            return lvt.read(offset - LVT_TIMER >> 4);
        }
        error(ESR_ILLEGAL_REGISTER);
        return 0;
    }

    void write(int offset, int value) {
        switch (offset) {
            case ID -> {
                id = value >>> 24;
                bus.ready();
            }
            case TPR -> tpr = value & 0xFF;
            case EOI -> endOfInterrupt();
            case LDR -> {
                ldr = value & 0xFF00_0000;
                bus.ready();
            }
            case DFR -> {
                dfr = value | 0x0FFF_FFFF;
                bus.ready();
            }
            case SVR -> writeSpurious(value);
            case ESR -> {
                esr = esrLatched;
                esrLatched = 0;
            }
            case ICR_LOW -> {
                icrLow = value & 0xC_CFFF;
                bus.send(this, icrLow, icrHigh >>> 24);
            }
            case ICR_HIGH -> icrHigh = value & 0xFF00_0000;
            case INITIAL_COUNT -> {
                long now = timer.now();
                timer.catchUp(now);
                timer.initialCount(value, now);
            }
            case DIVIDE -> {
                long now = timer.now();
                timer.catchUp(now);
                timer.divide(value, now);
            }
            default -> {
                if (offset >= LVT_TIMER && offset <= LVT_ERROR) {
                    writeLvt(offset - LVT_TIMER >> 4, value);
                } else if (!readOnly(offset)) {
                    error(ESR_ILLEGAL_REGISTER);
                }
            }
        }
        update();
    }

    private static boolean readOnly(int offset) {
        return offset == VERSION
                || offset == APR
                || offset == PPR
                || offset == CURRENT_COUNT
                || offset >= ISR && offset < ESR;
    }

    private void writeSpurious(int value) {
        timer.catchUp(timer.now()); // under the mask that was
        boolean was = enabled();
        svr = value & 0x3FF;
        if (!softwareEnabled()) {
            lvt.maskAll();
        }
        if (!was && enabled()) {
            bus.ready();
        }
    }

    private void writeLvt(int entry, int value) {
        if (entry == Lvt.TIMER) {
            long now = timer.now();
            timer.catchUp(now); // by the entry that was
            timer.mode(lvt.write(entry, value, softwareEnabled()) >> 17 & 3, now);
        } else {
            lvt.write(entry, value, softwareEnabled());
        }
    }

    /**
     * Logs an error (SDM 3A, "Error Handling"). The first since software wrote the ESR interrupts:
     * that write "rearms the APIC error interrupt triggering mechanism". Lock held.
     */
    void error(int bit) {
        boolean first = esrLatched == 0;
        esrLatched |= bit;
        if (first && !lvt.isMasked(Lvt.ERROR) && enabled()) {
            raise(lvt.vector(Lvt.ERROR), false);
        }
    }

    // ---- delivery; lock held

    private int processorPriority() {
        int serving = Math.max(Vectors.highest(isr), 0);
        return (tpr & 0xF0) >= (serving & 0xF0) ? tpr : serving & 0xF0;
    }

    /** Accepts a fixed interrupt. Lock held. */
    void raise(int vector, boolean level) {
        if (!enabled()) {
            return;
        }
        if (vector < 16) {
            error(ESR_RECEIVED_ILLEGAL);
            return;
        }
        Vectors.set(irr, vector, true);
        Vectors.set(tmr, vector, level);
        update();
    }

    /** Lock held. */
    void raiseNmi() {
        nmi = true;
        update();
    }

    /** Lock held. */
    void init() {
        initRegisters();
        nmi = false;
        update();
        host.init(index);
    }

    /** Lock held. */
    void startup(int vector) {
        host.startup(index, vector);
    }

    /**
     * True if a message to {@code destination} in {@code logical} mode is for this APIC. Lock held.
     */
    boolean matches(int destination, boolean logical) {
        if (!logical) {
            return destination == 0xFF || destination == id;
        }
        if (destination == 0xFF) {
            return true;
        }
        int mine = ldr >>> 24;
        if (dfr >>> 28 == 0xF) {
            return (mine & destination) != 0;
        }
        boolean cluster = mine >> 4 == destination >> 4 || destination >> 4 == 0xF;
        return cluster && (mine & destination & 0xF) != 0;
    }

    /** Key of the lowest-priority arbitration. Lock held. */
    int arbitration() {
        return processorPriority();
    }

    /**
     * Whether it takes messages of a delivery mode: one that software has switched off takes NMI,
     * INIT, start-up and SMI only (SDM 3A, "Local APIC State After It Has Been Software Disabled").
     * Lock held.
     */
    boolean accepts(int delivery) {
        return delivery == DELIVERY_FIXED || delivery == DELIVERY_LOWEST
                ? enabled()
                : hardwareEnabled();
    }

    /** The 8259's output, on LINT0, has risen. Lock held. */
    void lint0Rises() {
        if (hardwareEnabled() && !lvt.isMasked(Lvt.LINT0)) {
            switch (lvt.delivery(Lvt.LINT0)) {
                case DELIVERY_FIXED -> raise(lvt.vector(Lvt.LINT0), false);
                case DELIVERY_NMI -> raiseNmi();
                default -> {} // ExtINT is taken while the output is high
            }
        }
    }

    private boolean acceptsExtInt() {
        return !hardwareEnabled()
                || !lvt.isMasked(Lvt.LINT0) && lvt.delivery(Lvt.LINT0) == DELIVERY_EXTINT;
    }

    private int deliverable() {
        if (!enabled()) {
            return -1;
        }
        int vector = Vectors.highest(irr);
        return vector >= 0 && vector >> 4 > processorPriority() >> 4 ? vector : -1;
    }

    /** Recomputes the summary after any change. Lock held. */
    void update() {
        boolean now = deliverable() >= 0 || index == 0 && bus.picOutput() && acceptsExtInt();
        pending = now;
        nmiPending = nmi;
        if (now || nmi) {
            host.interruptPending(index);
        }
    }

    private void endOfInterrupt() {
        int vector = Vectors.highest(isr);
        if (vector < 0) {
            return;
        }
        Vectors.set(isr, vector, false);
        if (Vectors.test(tmr, vector)) {
            bus.endOfInterrupt(vector);
        }
    }

    private void timerExpired() {
        synchronized (bus.lock) {
            timer.expired();
        }
    }

    /** Lock held. */
    private void timerInterrupt() {
        if (!lvt.isMasked(Lvt.TIMER)) {
            raise(lvt.vector(Lvt.TIMER), false);
        }
    }

    // ---- the vCPU's side

    @Override
    public boolean pending() {
        return pending;
    }

    @Override
    public int acknowledge() {
        synchronized (bus.lock) {
            if (index == 0 && bus.picOutput() && acceptsExtInt()) {
                int vector = bus.acknowledgePic();
                update();
                return vector;
            }
            int vector = deliverable();
            if (vector >= 0) {
                Vectors.set(irr, vector, false);
                Vectors.set(isr, vector, true);
            }
            update();
            return vector;
        }
    }

    @Override
    public boolean nmiPending() {
        return nmiPending;
    }

    @Override
    public void takeNmi() {
        synchronized (bus.lock) {
            nmi = false;
            update();
        }
    }

    @Override
    public int taskPriority() {
        return tpr >> 4;
    }

    @Override
    public void taskPriority(int value) {
        synchronized (bus.lock) {
            tpr = value << 4 & 0xF0;
            update();
        }
    }

    @Override
    public long apicBase() {
        return base;
    }

    /** Moving the registers and x2APIC mode are not offered: both raise #GP. */
    @Override
    public boolean apicBase(long value) {
        synchronized (bus.lock) {
            if ((value & ~(BASE_ENABLE | BASE_BSP)) != BASE_GPA) {
                return false;
            }
            boolean was = hardwareEnabled();
            base = value;
            if (was && !hardwareEnabled()) {
                initRegisters();
            }
            update();
            return true;
        }
    }

    @Override
    public long tscDeadline() {
        synchronized (bus.lock) {
            timer.catchUp(timer.now());
            return timer.deadline();
        }
    }

    @Override
    public void tscDeadline(long value) {
        synchronized (bus.lock) {
            timer.deadline(value, timer.now());
        }
    }

    @Override
    public boolean floatingPointError(boolean asserted) {
        CoprocessorError errors = bus.errors();
        if (errors != null) {
            errors.error(index, asserted);
        }
        return errors != null;
    }

    @Override
    public boolean ignoresFloatingPointErrors() {
        CoprocessorError errors = bus.errors();
        return errors != null && errors.ignored();
    }

    // ---- state

    @Override
    public int stateVersion() {
        return 1;
    }

    @Override
    public void save(StateSection to) {
        synchronized (bus.lock) {
            to.put("base", base);
            to.put(
                    "registers",
                    new int[] {id, tpr, ldr, dfr, svr, esr, esrLatched, icrLow, icrHigh});
            to.put("isr", isr);
            to.put("tmr", tmr);
            to.put("irr", irr);
            lvt.save(to);
            timer.save(to);
            to.put("nmi", nmi);
        }
    }

    @Override
    public void load(StateSection from) {
        synchronized (bus.lock) {
            int[] r = new int[9];
            from.getInto("registers", r);
            base = from.getLong("base");
            if ((base & ~(BASE_ENABLE | BASE_BSP)) != BASE_GPA
                    || (r[0] & ~0xFF) != 0
                    || (r[1] & ~0xFF) != 0
                    || (r[2] & 0xFF_FFFF) != 0
                    || (r[3] | 0xF000_0000) != -1
                    || (r[4] & ~0x3FF) != 0) {
                throw new IllegalArgumentException(
                        id() + ": keys base and registers hold no local APIC");
            }
            id = r[0];
            tpr = r[1];
            ldr = r[2];
            dfr = r[3];
            svr = r[4];
            esr = r[5];
            esrLatched = r[6];
            icrLow = r[7];
            icrHigh = r[8];
            from.getInto("isr", isr);
            from.getInto("tmr", tmr);
            from.getInto("irr", irr);
            lvt.load(from, id());
            timer.load(from);
            nmi = from.getBoolean("nmi");
            update();
        }
    }
}
