// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.engine;

import java.util.Arrays;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.Lock;
import java.util.concurrent.locks.ReentrantLock;
import java.util.concurrent.locks.ReentrantReadWriteLock;
import org.jspecify.annotations.Nullable;

/**
 * Makes a locked access atomic that no instruction of the host makes so: one that does not lie in
 * aligned 8 bytes, or has 16. While a vCPU holds the lock no other one executes, and no device
 * transfers. One per machine, shared by its vCPUs and its devices' transfers. SDM 3A, "Bus
 * Locking".
 *
 * <p>A vCPU is outside the guest, in it, or aside: inside an instruction whose accesses are
 * translated but not made, waiting for its turn. Who holds the lock waits until no other vCPU is in
 * the guest; these answer at their next instruction boundary, as they answer a fence.
 *
 * <p>Why nobody waits for ever. Turns are given in the order of asking. A turn waits for vCPUs in
 * the guest, which are executing one instruction; not for one that is outside, be it in HLT, in a
 * fault handler, standing or waiting in a fence ({@link VcpuContext#fence}), nor for one that is
 * aside. What it waits for therefore waits for nothing of this class; a device's access is as long
 * as the device takes. With its turn a vCPU does nothing that waits: it reads and writes RAM. A
 * fence waits for vCPUs aside and for the one whose turn it is, which both come to their boundary;
 * who fences counts as outside, and enters again between turns. A vCPU that stood aside for a turn
 * gets in again before the next turn begins, so that no sequence of turns keeps it from executing
 * at least one instruction between two.
 */
public final class BusLock {
    private final ReentrantLock lock = new ReentrantLock();

    /** A vCPU left the guest, or went aside. */
    private final Condition left = lock.newCondition();

    /** A turn ended. */
    private final Condition ended = lock.newCondition();

    /** The next turn may begin. */
    private final Condition next = lock.newCondition();

    /** Shared by transfers of devices, exclusive for a turn. */
    private final ReentrantReadWriteLock transfers = new ReentrantReadWriteLock();

    private volatile VcpuContext[] vcpus = {};

    /** A turn is wanted or in progress. Written under the lock. */
    private volatile boolean held;

    // Guarded by the lock.
    private @Nullable VcpuContext owner;
    private long asked;
    private long turn;

    /** vCPUs that stood aside for the turn that ended last, or is in progress. */
    private int entering;

    synchronized void add(VcpuContext v) {
        VcpuContext[] now = Arrays.copyOf(vcpus, vcpus.length + 1);
        now[vcpus.length] = v;
        vcpus = now;
    }

    /** The vCPU will never run again. */
    public synchronized void remove(VcpuContext v) {
        vcpus = Arrays.stream(vcpus).filter(o -> o != v).toArray(VcpuContext[]::new);
    }

    /**
     * Held around every transfer of a device from or to guest RAM; nothing is waited for inside.
     * Any thread.
     */
    public Lock transfer() {
        return transfers.readLock();
    }

    /**
     * Takes the lock; the caller's translations stay valid. In the guest, on the vCPU's thread,
     * between the last translation of an instruction and its first access. Until {@link #release}
     * the caller reads and writes RAM and does nothing else.
     */
    public void acquire(VcpuContext v) {
        lock.lock();
        try {
            if (owner == v) {
                throw new IllegalStateException("vCPU " + v.index + " has the bus lock already");
            }
            long mine = asked++;
            v.inGuest(VcpuContext.ASIDE);
            left.signalAll();
            while (held || entering > 0 || turn != mine) {
                next.awaitUninterruptibly();
            }
            held = true;
            owner = v;
            v.inGuest(VcpuContext.INSIDE);
            for (VcpuContext o : vcpus) {
                if (o != v && o.inGuest() == VcpuContext.INSIDE) {
                    o.post(VcpuContext.REQ_BUS);
                }
            }
            while (othersInside(v)) {
                left.awaitUninterruptibly();
            }
        } finally {
            lock.unlock();
        }
        transfers.writeLock().lock();
    }

    private boolean othersInside(VcpuContext v) {
        for (VcpuContext o : vcpus) {
            if (o != v && o.inGuest() == VcpuContext.INSIDE) {
                return true;
            }
        }
        return false;
    }

    /** Ends the turn that {@link #acquire} gave. Same thread. */
    public void release(VcpuContext v) {
        if (transfers.isWriteLocked()) { // else an error has cut acquire() short
            transfers.writeLock().unlock();
        }
        lock.lock();
        try {
            held = false;
            owner = null;
            turn++;
            ended.signalAll();
            next.signalAll();
        } finally {
            lock.unlock();
        }
    }

    // ---- the vCPU's side; on its thread

    /** Whether {@link #standAside} or {@link #left} must follow a change of the vCPU's state. */
    boolean held() {
        return held;
    }

    /**
     * In the guest, at an instruction boundary: waits, outside, until the turn in progress is over.
     * Cached translations may be out of date afterwards; the caller looks for a wanted flush.
     */
    void standAside(VcpuContext v) {
        lock.lock();
        try {
            if (!held || owner == v) {
                return; // who wants the next turn sees that this vCPU is in the guest
            }
            v.inGuest(VcpuContext.OUTSIDE);
            left.signalAll();
            long current = turn;
            entering++;
            while (turn == current) {
                ended.awaitUninterruptibly();
            }
            v.inGuest(VcpuContext.INSIDE);
            if (--entering == 0) {
                next.signalAll();
            }
        } finally {
            lock.unlock();
        }
    }

    /** The vCPU has left the guest; an exception of the engine's may have cut its turn short. */
    void left(VcpuContext v) {
        boolean mine;
        lock.lock();
        try {
            mine = owner == v;
            left.signalAll();
        } finally {
            lock.unlock();
        }
        if (mine) {
            release(v);
        }
    }
}
