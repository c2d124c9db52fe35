// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.service;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A lock under which other people's code runs: nobody waits for it for ever, and who gives up can
 * say whom he waited for. Any thread.
 */
public final class DeadlineLock extends ReentrantLock {
    private static final long serialVersionUID = 1;

    /**
     * Takes it. An interrupt does not end the wait, but is kept.
     *
     * @return false if others had it for that long
     */
    public boolean acquire(long nanos) {
        long start = System.nanoTime();
        boolean interrupted = false;
        try {
            for (; ; ) {
                try {
                    return tryLock(nanos - (System.nanoTime() - start), TimeUnit.NANOSECONDS);
                } catch (InterruptedException e) {
                    interrupted = true;
                }
            }
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }

    /** Who has it and where that thread is, for people. */
    public String holder() {
        Thread owner = getOwner();
        return owner == null
                ? "it has just ended"
                : "thread " + owner.getName() + " is " + Whereabouts.of(owner.getStackTrace());
    }
}
