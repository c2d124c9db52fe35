// SPDX-License-Identifier: Apache-2.0
package dev.faultline.shell.internal.run;

import dev.faultline.api.address.Page;
import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.memory.MemorySlot;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.vm.Machine;
import java.util.List;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * {@code --protect all}: every RAM page starts without rights and each fault opens exactly its own.
 * {@code random:SEED}: besides, a thread closes random pages again while the guest runs. Neither
 * may change what the guest does.
 */
public final class OpenOnFault implements FaultHandler, AutoCloseable {
    private static final int CLOSE_AT_ONCE = 64;
    private static final long PERIOD_NANOS = 500_000;

    private final Machine machine;
    private final ProtectionLayer layer;
    private final AtomicLong opened = new AtomicLong();
    private volatile boolean closing;
    private @Nullable Thread closer;

    public OpenOnFault(Machine machine) {
        this.machine = machine;
        this.layer = machine.protection().addLayer("open-on-fault", this);
        for (MemorySlot s : machine.memory().slots()) {
            layer.protect(s.gpa(), s.size(), Rights.NONE);
        }
    }

    /** Starts closing random pages. */
    public void closeAtRandom(long seed) {
        closer = Thread.ofPlatform().daemon().name("protect-random").unstarted(() -> close(seed));
        closer.start();
    }

    private void close(long seed) {
        SplittableRandom random = new SplittableRandom(seed);
        List<MemorySlot> slots = machine.memory().slots();
        long pages = slots.stream().mapToLong(MemorySlot::size).sum() / Page.SIZE;
        while (!closing) {
            for (int i = 0; i < CLOSE_AT_ONCE; i++) {
                long page = random.nextLong(pages);
                for (MemorySlot s : slots) {
                    if (page < s.size() / Page.SIZE) {
                        layer.protectPage(Page.gfn(s.gpa()) + page, Rights.NONE);
                        break;
                    }
                    page -= s.size() / Page.SIZE;
                }
            }
            LockSupport.parkNanos(PERIOD_NANOS);
        }
    }

    public long opened() {
        return opened.get();
    }

    @Override
    public Resolution onFault(String name, PageFault fault) {
        layer.protectPage(fault.gfn(), Rights.RWX);
        opened.incrementAndGet();
        return Resolution.RETRY;
    }

    @Override
    public void close() {
        closing = true;
        if (closer != null) {
            try {
                closer.join();
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
