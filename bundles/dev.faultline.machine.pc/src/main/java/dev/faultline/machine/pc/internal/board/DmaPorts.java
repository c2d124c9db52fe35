// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.board;

import dev.faultline.api.address.Page;
import dev.faultline.api.device.Device;
import dev.faultline.api.device.DmaPort;
import dev.faultline.api.device.TimerHandle;
import dev.faultline.api.engine.BusLock;
import dev.faultline.api.engine.Diversion;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.memory.MemorySlot;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.api.protection.ProtectionListener;
import dev.faultline.api.protection.RamProtection;
import dev.faultline.api.protection.Rights;
import dev.faultline.machine.pc.internal.fault.Answers;
import dev.faultline.machine.pc.internal.run.TimerQueue;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;

/**
 * Devices' guarded access to guest RAM. A stopped request is brought before the fault handlers on
 * the machine's timer thread, without the device's lock; once resolved, the device is kicked. What
 * nobody resolves stops the machine, and is asked again when it is started.
 */
public final class DmaPorts implements ProtectionListener {

    private final GuestMemory memory;
    private final RamProtection protection;
    private volatile Mmu mmu;
    private final BusLock busLock;
    private final TimerQueue timers;

    /** Asks the handlers. */
    public interface Resolver {
        /**
         * @param answers receives what the retried request may do
         * @return true if the fault is resolved; otherwise the machine has been stopped with it
         */
        boolean resolve(PageFault fault, Answers answers);
    }

    private final Resolver resolve;

    /**
     * Shared by transfers; taken exclusively by a restriction, which so waits for transfers that
     * saw the old rights.
     */
    private final ReentrantReadWriteLock transfers = new ReentrantReadWriteLock();

    private final List<Port> ports = new CopyOnWriteArrayList<>();

    public DmaPorts(
            GuestMemory memory,
            RamProtection protection,
            Mmu mmu,
            BusLock busLock,
            TimerQueue timers,
            Resolver resolve) {
        this.memory = memory;
        this.protection = protection;
        this.mmu = mmu;
        this.busLock = busLock;
        this.timers = timers;
        this.resolve = resolve;
    }

    /** The machine's translation was exchanged. */
    public void use(Mmu next) {
        mmu = next;
    }

    DmaPort open(Device owner, Object monitor, Runnable kick) {
        Port p = new Port(owner, monitor, kick);
        ports.add(p);
        return p;
    }

    /** Forgets the owner's ports. */
    void release(Device owner) {
        ports.removeIf(p -> p.owner == owner);
    }

    /** The machine was started: requests that nobody resolved are tried again. */
    public void retryStopped() {
        for (Port p : ports) {
            if (p.stopped) {
                p.retry.at(0);
            }
        }
    }

    /** The devices are reset: what they had asked for is not tried again. While the vCPUs stand. */
    public void forgetStopped() {
        for (Port p : ports) {
            p.stopped = false;
            p.attempt = 0;
            p.retry.cancel();
        }
    }

    @Override
    public void rightsRestricted(long gpa, long size) {
        transfers.writeLock().lock();
        transfers.writeLock().unlock();
    }

    /**
     * A write of the machine itself, of RAM, while the vCPUs stand: handlers are asked on this
     * thread, at once, as for a device's.
     *
     * @return null, or the fault that nobody resolved
     */
    public @Nullable PageFault write(long gpa, byte[] from, int at, int bytes) {
        Answers answers = new Answers();
        for (int done = 0; done < bytes; ) {
            int n = (int) Math.min(bytes - done, Page.SIZE - (gpa + done & Page.SIZE - 1));
            PageFault stopped = writeInPage(gpa, bytes, done, n, from, at, answers);
            if (stopped != null) {
                return stopped;
            }
            answers.clear();
            done += n;
        }
        mmu.codeWritten(gpa, bytes);
        return null;
    }

    /** The {@code n} bytes from {@code done} on of a write of {@code bytes} at {@code start}. */
    private @Nullable PageFault writeInPage(
            long start, int bytes, int done, int n, byte[] from, int at, Answers answers) {
        long gpa = start + done;
        PendingFault fault = new PendingFault();
        PageFault view = new PageFault();
        for (; ; ) {
            lockTransfer();
            try {
                long hva = memory.hvaOf(gpa);
                int rights = protection.rightsOf(Page.gfn(gpa));
                if ((rights & PendingFault.ACCESS_W) == 0 && answers.active()) {
                    hva = answers.divert(protection, PendingFault.ACCESS_W, gpa, n, hva);
                } else if ((rights & PendingFault.ACCESS_W) == 0) {
                    hva = -1;
                }
                if (hva >= 0) {
                    HostBytes.copyIn(from, at + done, hva, n);
                    return null;
                }
                fault.protectedPage(
                        PendingFault.ACCESS_W,
                        rights,
                        FaultOrigin.DEVICE,
                        gpa,
                        0,
                        memory.hvaOf(gpa),
                        PendingFault.FINAL_ACCESS);
                fault.partOf(gpa, start, bytes);
            } finally {
                unlockTransfer();
            }
            fault.attempt++;
            view.set(-1, fault);
            if (!resolve.resolve(view, answers)) {
                return view;
            }
        }
    }

    /** Against restrictions, and against locked accesses of vCPUs. */
    private void lockTransfer() {
        busLock.transfer().lock();
        transfers.readLock().lock();
    }

    private void unlockTransfer() {
        transfers.readLock().unlock();
        busLock.transfer().unlock();
    }

    private final class Port implements DmaPort {
        private final PendingFault fault = new PendingFault();
        private final Device owner;
        private final Object monitor;
        private final Runnable kick;
        private final TimerHandle retry;
        private volatile boolean stopped;

        /** What handlers answered about the stopped request. On the timer thread. */
        private final Answers answers = new Answers();

        /** {@link #answers} while the request is tried again. Under the device's lock. */
        private Diversion diversion = Diversion.NONE;

        private final PageFault last = new PageFault();
        private int attempt;

        Port(Device owner, Object monitor, Runnable kick) {
            this.owner = owner;
            this.monitor = monitor;
            this.kick = kick;
            retry = timers.alarm(owner, new Object(), this::resolveAndKick, false);
        }

        private void resolveAndKick() {
            PageFault view;
            synchronized (monitor) {
                attempt =
                        fault.gpa == last.gpa() && (fault.access & Rights.MASK) == last.access()
                                ? attempt + 1
                                : 1;
                fault.attempt = attempt;
                last.set(-1, fault);
                view = last.copy();
            }
            if (!resolve.resolve(view, answers)) {
                answers.clear();
                attempt = 0;
                return;
            }
            synchronized (monitor) {
                stopped = false;
                diversion = answers;
                try {
                    kick.run();
                } finally {
                    diversion = Diversion.NONE;
                    if (!stopped) {
                        answers.clear();
                        attempt = 0;
                    }
                }
            }
        }

        /**
         * Where a byte of an allowed transfer is: the page itself, or what a handler answered
         * instead.
         */
        private long hva(long gpa, int n, int access, long real) {
            if (real >= 0
                    && diversion.active()
                    && (protection.rightsOf(Page.gfn(gpa)) & access) == 0) {
                long way = diversion.divert(protection, access, gpa, n, real);
                return way < 0 ? real : way;
            }
            return real;
        }

        @Override
        public int read(long gpa, byte[] to, int at, int bytes) {
            lockTransfer();
            try {
                if (!allowed(gpa, bytes, PendingFault.ACCESS_R)) {
                    return FAULTED;
                }
                for (int done = 0; done < bytes; ) {
                    int n = chunk(gpa + done, bytes - done);
                    long hva = hva(gpa + done, n, PendingFault.ACCESS_R, memory.hvaOf(gpa + done));
                    if (hva >= 0) {
                        HostBytes.copyOut(hva, to, at + done, n);
                    } else {
                        Arrays.fill(to, at + done, at + done + n, (byte) 0xFF);
                    }
                    done += n;
                }
                return bytes;
            } finally {
                unlockTransfer();
            }
        }

        @Override
        public int write(long gpa, byte[] from, int at, int bytes) {
            lockTransfer();
            try {
                if (!allowed(gpa, bytes, PendingFault.ACCESS_W)) {
                    return FAULTED;
                }
                for (int done = 0; done < bytes; ) {
                    int n = chunk(gpa + done, bytes - done);
                    MemorySlot slot = memory.slotAt(gpa + done);
                    if (slot != null && !slot.readOnly()) {
                        long hva = slot.hva() + (gpa + done - slot.gpa());
                        HostBytes.copyIn(
                                from, at + done, hva(gpa + done, n, PendingFault.ACCESS_W, hva), n);
                    }
                    done += n;
                }
            } finally {
                unlockTransfer();
            }
            mmu.codeWritten(gpa, bytes);
            return bytes;
        }

        private int chunk(long gpa, int left) {
            return (int) Math.min(left, Page.SIZE - (gpa & Page.SIZE - 1));
        }

        /**
         * Device space is never protected: it reads as all ones and ignores writes, as on a bus
         * where nobody answers.
         */
        private boolean allowed(long gpa, int bytes, int access) {
            for (int done = 0; done < bytes; done += chunk(gpa + done, bytes - done)) {
                long at = gpa + done;
                int rights = protection.rightsOf(Page.gfn(at));
                if ((rights & access) == 0 && !diverted(at, chunk(at, bytes - done), access)) {
                    fault.protectedPage(
                            access,
                            rights,
                            FaultOrigin.DEVICE,
                            at,
                            0,
                            memory.hvaOf(at),
                            PendingFault.FINAL_ACCESS);
                    fault.partOf(at, gpa, bytes);
                    stopped = true;
                    retry.at(0);
                    return false;
                }
            }
            return true;
        }

        private boolean diverted(long gpa, int n, int access) {
            if (!diversion.active()) {
                return false;
            }
            long hva = memory.hvaOf(gpa);
            return hva >= 0 && diversion.divert(protection, access, gpa, n, hva) >= 0;
        }

        @Override
        public PendingFault fault() {
            return fault;
        }
    }
}
