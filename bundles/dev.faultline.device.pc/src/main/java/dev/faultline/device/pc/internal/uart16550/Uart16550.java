// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal.uart16550;

import dev.faultline.api.device.Board;
import dev.faultline.api.device.InterruptLine;
import dev.faultline.api.device.PortDevice;
import dev.faultline.api.device.Resettable;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.device.Stateful;
import dev.faultline.api.device.TimerHandle;
import dev.faultline.api.service.Others;
import dev.faultline.api.vm.SerialConsole;
import java.util.ArrayDeque;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;

/**
 * 16550A UART (National Semiconductor PC16550D). Transmission takes no time: the transmitter is
 * always empty. A character waiting below the trigger level is reported as a time-out at once.
 *
 * <p>Host input queues outside the chip, under its own lock, and enters the FIFO on the machine's
 * timer thread or as the guest makes room, so that {@link #send} never waits for a vCPU.
 */
public final class Uart16550 implements PortDevice, Stateful, Resettable, SerialConsole {
    /** RO receiver buffer, WO transmitter holding; with DLAB: RW divisor latch, low. */
    static final int RBR_THR_DLL = 0;

    /** RW interrupt enable; with DLAB: RW divisor latch, high. */
    static final int IER_DLM = 1;

    /** RO interrupt identification, WO FIFO control. */
    static final int IIR_FCR = 2;

    /** RW line control. */
    static final int LCR = 3;

    /** RW modem control. */
    static final int MCR = 4;

    /** RO line status. */
    static final int LSR = 5;

    /** RO modem status. */
    static final int MSR = 6;

    /** RW scratch. */
    static final int SCR = 7;

    static final int IER_ERBFI = 1;
    static final int IER_ETBEI = 2;
    static final int IER_ELSI = 4;
    static final int IER_EDSSI = 8;
    static final int IIR_NONE = 1;
    static final int IIR_MODEM_STATUS = 0;
    static final int IIR_THR_EMPTY = 2;
    static final int IIR_DATA = 4;
    static final int IIR_LINE_STATUS = 6;
    static final int IIR_TIMEOUT = 0xC;
    static final int IIR_FIFOS_ENABLED = 0xC0;
    static final int FCR_ENABLE = 1;
    static final int FCR_RESET_RX = 2;
    static final int FCR_RESET_TX = 4;
    static final int LCR_DLAB = 0x80;
    static final int MCR_DTR = 1;
    static final int MCR_RTS = 2;
    static final int MCR_OUT1 = 4;
    static final int MCR_OUT2 = 8;
    static final int MCR_LOOP = 0x10;
    static final int LSR_DR = 1;
    static final int LSR_OE = 2;
    static final int LSR_ERRORS = 0x1E;
    static final int LSR_THRE = 0x20;
    static final int LSR_TEMT = 0x40;
    static final int MSR_TERI = 4;
    static final int MSR_CTS = 0x10;
    static final int MSR_DSR = 0x20;
    static final int MSR_RI = 0x40;
    static final int MSR_DCD = 0x80;
    static final int FIFO_BYTES = 16;

    /** Host input that a snapshot holds at most. */
    static final int MOST_INPUT = 1 << 20;

    /**
     * Looks at the empty receiver in a row that make a guest one that polls. A driver that looks
     * whether it may send looks once for each byte, one that probes the chip a few times.
     */
    static final int POLLS = 1000;

    private static final String LISTENING = "listening";
    static final int STATE_VERSION = 2;
    static final String INPUT = "input";
    private static final int[] TRIGGER = {1, 4, 8, 14};
    private static final int PORTS = 8;
    private static final System.Logger LOG = System.getLogger(Uart16550.class.getName());

    private final String id;
    private final InterruptLine line;
    private final TimerHandle inputArrived;
    private final CopyOnWriteArrayList<Consumer<byte[]>> listeners = new CopyOnWriteArrayList<>();

    private final byte[] fifo = new byte[FIFO_BYTES];
    private int fifoHead;
    private int fifoCount;
    private int ier;
    private int fcr;
    private int lcr;
    private int mcr;
    private int lsrErrors;
    private int msr;
    private int scr;
    private int divisor;
    private boolean thrEmptyPending;
    private volatile long bytesSent;

    /**
     * Looks at the empty receiver since the guest last sent or got a byte, {@link #POLLS} at most.
     */
    private int looks;

    private volatile InputWait inputWait = InputWait.NONE;

    /**
     * Host input the guest has not read. Guarded by itself; taken inside the board's lock, never
     * the other way round.
     */
    private final ArrayDeque<Byte> input = new ArrayDeque<>();

    /** Whether the guest has looked at the port since its reset. */
    private boolean listening;

    /**
     * @param line the interrupt, asserted while a cause is enabled and MCR.OUT2 is set
     */
    public Uart16550(String id, Board board, InterruptLine line, int firstPort) {
        this.id = id;
        this.line = line;
        this.inputArrived = board.timer(this, this::receive);
        reset();
        board.claimPorts(this, 0, firstPort, PORTS);
    }

    @Override
    public String id() {
        return id;
    }

    @Override
    public void reset() {
        fifoHead = 0;
        fifoCount = 0;
        ier = 0;
        fcr = 0;
        lcr = 0;
        mcr = 0;
        lsrErrors = 0;
        msr = MSR_CTS | MSR_DSR | MSR_DCD;
        scr = 0;
        divisor = 12; // 9600 baud
        thrEmptyPending = false;
        listening = false;
        looks = 0;
        inputWait = InputWait.NONE;
        line.set(false);
        synchronized (input) {
            if (!input.isEmpty()) {
                inputArrived.at(0); // the host sends on
            }
        }
    }

    // ---- guest side

    @Override
    public int portRead(int range, int offset, int size) {
        int value = 0;
        for (int i = 0; i < size; i++) {
            value |= (offset + i < PORTS ? read(offset + i) : 0xFF) << 8 * i;
        }
        return value;
    }

    @Override
    public void portWrite(int range, int offset, int size, int value) {
        for (int i = 0; i < size && offset + i < PORTS; i++) {
            write(offset + i, value >>> 8 * i & 0xFF);
        }
    }

    private int read(int register) {
        boolean dlab = (lcr & LCR_DLAB) != 0;
        if (register == LSR || register == IIR_FCR || register == RBR_THR_DLL && !dlab) {
            listen();
        }
        switch (register) {
            case RBR_THR_DLL:
                return dlab ? divisor & 0xFF : readReceiver();
            case IER_DLM:
                return dlab ? divisor >> 8 : ier;
            case IIR_FCR:
                int iir = identify();
                if (iir == IIR_THR_EMPTY) {
                    thrEmptyPending = false;
                    update();
                }
                return iir | ((fcr & FCR_ENABLE) != 0 ? IIR_FIFOS_ENABLED : 0);
            case LCR:
                return lcr;
            case MCR:
                return mcr;
            case LSR:
                looked();
                int lsr = LSR_THRE | LSR_TEMT | lsrErrors | (fifoCount > 0 ? LSR_DR : 0);
                lsrErrors = 0;
                update();
                return lsr;
            case MSR:
                int was = msr;
                msr &= 0xF0;
                update();
                return was;
            default:
                return scr;
        }
    }

    private void write(int register, int value) {
        boolean dlab = (lcr & LCR_DLAB) != 0;
        switch (register) {
            case RBR_THR_DLL -> {
                if (dlab) {
                    divisor = divisor & 0xFF00 | value;
                } else {
                    transmit(value);
                }
            }
            case IER_DLM -> {
                if (dlab) {
                    divisor = divisor & 0xFF | value << 8;
                } else {
                    boolean newlyEnabled = (value & ~ier & IER_ETBEI) != 0;
                    ier = value & 0xF;
                    thrEmptyPending |= newlyEnabled;
                    if (ier != 0) {
                        listen();
                    }
                }
            }
            case IIR_FCR -> writeFifoControl(value);
            case LCR -> lcr = value;
            case MCR -> {
                mcr = value & 0x1F;
                updateModemStatus();
                receive(); // what came while it was looped back
            }
            case SCR -> scr = value;
            default -> {} // LSR and MSR: factory test only
        }
        update();
    }

    private int readReceiver() {
        if (fifoCount == 0) {
            looked();
            update();
            return 0;
        }
        int value = fifo[fifoHead] & 0xFF;
        fifoHead = (fifoHead + 1) % FIFO_BYTES;
        fifoCount--;
        if (fifoCount == 0) {
            receive();
        }
        update();
        return value;
    }

    /** The guest looks whether input is there. */
    private void looked() {
        if (fifoCount == 0 && looks < POLLS) {
            looks++;
        }
    }

    private void transmit(int value) {
        looks = 0;
        if ((mcr & MCR_LOOP) != 0) {
            if (fifoCount < capacity()) {
                push((byte) value);
            } else {
                lsrErrors |= LSR_OE;
                if ((fcr & FCR_ENABLE) == 0) {
                    fifo[fifoHead] = (byte) value; // the register is overwritten, FIFOs are not
                }
            }
        } else {
            bytesSent++;
            byte[] sent = {(byte) value};
            for (Consumer<byte[]> l : listeners) {
                tell(l, sent);
            }
        }
        thrEmptyPending = true;
    }

    private void tell(Consumer<byte[]> listener, byte[] sent) {
        try {
            listener.accept(sent);
        } catch (Throwable e) { // others' code
            listeners.remove(listener);
            Others.report(LOG, "serial listener " + Others.name(listener) + ", now removed,", e);
        }
    }

    private void writeFifoControl(int value) {
        if (((value ^ fcr) & FCR_ENABLE) != 0 || (value & FCR_RESET_RX) != 0) {
            fifoHead = 0;
            fifoCount = 0;
        }
        if ((value & FCR_RESET_TX) != 0) {
            thrEmptyPending = true;
        }
        fcr = (value & FCR_ENABLE) != 0 ? value & 0xC9 : 0;
        receive();
    }

    private void updateModemStatus() {
        int now;
        if ((mcr & MCR_LOOP) != 0) {
            now =
                    ((mcr & MCR_RTS) != 0 ? MSR_CTS : 0)
                            | ((mcr & MCR_DTR) != 0 ? MSR_DSR : 0)
                            | ((mcr & MCR_OUT1) != 0 ? MSR_RI : 0)
                            | ((mcr & MCR_OUT2) != 0 ? MSR_DCD : 0);
        } else {
            now = MSR_CTS | MSR_DSR | MSR_DCD;
        }
        int changed = (msr ^ now) & 0xF0;
        int delta = changed >> 4 & ~MSR_TERI;
        if ((msr & ~now & MSR_RI) != 0) {
            delta |= MSR_TERI; // trailing edge only
        }
        msr = now | msr & 0xF | delta;
    }

    /** The highest-priority enabled cause (data sheet, "Interrupt Control Functions"). */
    private int identify() {
        if ((ier & IER_ELSI) != 0 && (lsrErrors & LSR_ERRORS) != 0) {
            return IIR_LINE_STATUS;
        }
        if ((ier & IER_ERBFI) != 0 && fifoCount > 0) {
            boolean fifos = (fcr & FCR_ENABLE) != 0;
            return fifos && fifoCount < TRIGGER[fcr >> 6] ? IIR_TIMEOUT : IIR_DATA;
        }
        if ((ier & IER_ETBEI) != 0 && thrEmptyPending) {
            return IIR_THR_EMPTY;
        }
        if ((ier & IER_EDSSI) != 0 && (msr & 0xF) != 0) {
            return IIR_MODEM_STATUS;
        }
        return IIR_NONE;
    }

    private void update() {
        // In loopback the OUT2 pin, which gates the interrupt on a PC, is held inactive, but
        // software that tests
        // interrupts in loopback expects them: the gate is the register bit.
        line.set((mcr & MCR_OUT2) != 0 && identify() != IIR_NONE);
        InputWait now = waitsNow();
        if (now != inputWait) {
            inputWait = now;
        }
    }

    private InputWait waitsNow() {
        boolean maySend = (ier & IER_ETBEI) != 0 && thrEmptyPending;
        if (fifoCount > 0 || (mcr & MCR_LOOP) != 0 || maySend) {
            return InputWait.NONE;
        }
        if (looks == POLLS) {
            return InputWait.POLLED;
        }
        boolean interrupts = (ier & IER_ERBFI) != 0 && (mcr & MCR_OUT2) != 0;
        return interrupts ? InputWait.INTERRUPT : InputWait.NONE;
    }

    private int capacity() {
        return (fcr & FCR_ENABLE) != 0 ? FIFO_BYTES : 1;
    }

    private void push(byte b) {
        fifo[(fifoHead + fifoCount) % FIFO_BYTES] = b;
        fifoCount++;
        looks = 0;
    }

    /**
     * The guest looks at the port: from now on input arrives. What is typed before stays in the
     * host's queue, for a driver's first act is to empty the FIFOs.
     */
    private void listen() {
        if (!listening) {
            listening = true;
            receive();
        }
    }

    /** Moves host input into the FIFO as far as there is room. */
    private void receive() {
        if (!listening || (mcr & MCR_LOOP) != 0) {
            return;
        }
        synchronized (input) {
            while (fifoCount < capacity() && !input.isEmpty()) {
                push(input.remove());
            }
        }
        update();
    }

    // ---- host side

    @Override
    public long bytesSent() {
        return bytesSent;
    }

    @Override
    public void addListener(Consumer<byte[]> listener) {
        listeners.add(listener);
    }

    @Override
    public void removeListener(Consumer<byte[]> listener) {
        listeners.remove(listener);
    }

    @Override
    public InputWait inputWait() {
        return inputWait;
    }

    @Override
    public void send(byte[] bytes) {
        synchronized (input) {
            for (byte b : bytes) {
                input.add(b);
            }
        }
        inputArrived.at(0);
    }

    // ---- state

    @Override
    public int stateVersion() {
        return STATE_VERSION;
    }

    /**
     * @throws IllegalStateException if more host input waits than a snapshot holds
     */
    @Override
    public void save(StateSection to) {
        to.put(INPUT, unread());
        byte[] waiting = new byte[fifoCount];
        for (int i = 0; i < fifoCount; i++) {
            waiting[i] = fifo[(fifoHead + i) % FIFO_BYTES];
        }
        to.put("receiver", waiting);
        to.put("ier", ier);
        to.put("fcr", fcr);
        to.put("lcr", lcr);
        to.put("mcr", mcr);
        to.put("lsrErrors", lsrErrors);
        to.put("msr", msr);
        to.put("scr", scr);
        to.put("divisor", divisor);
        to.put("thrEmptyPending", thrEmptyPending);
        to.put("bytesSent", bytesSent);
        to.put(LISTENING, listening);
    }

    private byte[] unread() {
        synchronized (input) {
            if (input.size() > MOST_INPUT) {
                throw new IllegalStateException(
                        "%s: %d bytes of input wait for the guest, a snapshot holds at most %d: let the guest read first"
                                .formatted(id, input.size(), MOST_INPUT));
            }
            byte[] bytes = new byte[input.size()];
            int n = 0;
            for (byte b : input) {
                bytes[n++] = b;
            }
            return bytes;
        }
    }

    @Override
    public void load(StateSection from) {
        ier = from.getInt("ier", 0, 0xF);
        fcr = from.getInt("fcr", 0, 0xFF) & 0xC9;
        lcr = from.getInt("lcr", 0, 0xFF);
        mcr = from.getInt("mcr", 0, 0x1F);
        lsrErrors = from.getInt("lsrErrors", 0, LSR_ERRORS) & LSR_ERRORS;
        msr = from.getInt("msr", 0, 0xFF);
        scr = from.getInt("scr", 0, 0xFF);
        divisor = from.getInt("divisor", 0, 0xFFFF);
        thrEmptyPending = from.getBoolean("thrEmptyPending");
        bytesSent = from.getLong("bytesSent", 0, Long.MAX_VALUE);
        byte[] waiting = from.getBytes("receiver", capacity());
        byte[] unread = from.getBytes(INPUT, MOST_INPUT);
        looks = 0;
        fifoHead = 0;
        fifoCount = waiting.length;
        System.arraycopy(waiting, 0, fifo, 0, waiting.length);
        synchronized (input) {
            // Before what the host may have sent to the new machine already.
            for (int i = unread.length - 1; i >= 0; i--) {
                input.addFirst(unread[i]);
            }
        }
        // Snapshots from before this was kept have guests that looked long ago.
        listening = !from.has(LISTENING) || from.getBoolean(LISTENING);
        receive();
        update();
    }
}
