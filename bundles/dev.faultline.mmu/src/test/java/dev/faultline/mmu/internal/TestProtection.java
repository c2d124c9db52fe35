// SPDX-License-Identifier: Apache-2.0
package dev.faultline.mmu.internal;

import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.ProtectionListener;
import dev.faultline.api.protection.RamProtection;
import dev.faultline.api.protection.Rights;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.atomic.AtomicIntegerArray;

/** Rights per page of the first 256 MiB, one layer. */
final class TestProtection implements RamProtection {
    private final AtomicIntegerArray denied = new AtomicIntegerArray(1 << 16);
    private final List<ProtectionListener> listeners = new CopyOnWriteArrayList<>();

    /**
     * Runs once, after the next {@link #rights} has read and before it answers: a window made wide.
     */
    private Runnable window;

    void inNextWindow(Runnable action) {
        window = action;
    }

    void protect(long gpa, int rights) {
        int old = denied.getAndSet((int) (gpa >>> 12), Rights.RWX & ~rights);
        if ((~old & Rights.RWX & ~rights) != 0) {
            listeners.forEach(l -> l.rightsRestricted(gpa & ~0xFFFL, 0x1000));
        }
    }

    @Override
    public int rightsOf(long gfn) {
        int rights = gfn < denied.length() ? Rights.RWX & ~denied.get((int) gfn) : Rights.RWX;
        Runnable action = window;
        if (action != null) {
            window = null;
            action.run();
        }
        return rights;
    }

    @Override
    public long forbiddingLayers(long gfn, int access) {
        return (rightsOf(gfn) & access) == 0 ? 1 : 0;
    }

    @Override
    public void addListener(ProtectionListener listener) {
        listeners.add(listener);
    }

    @Override
    public void removeListener(ProtectionListener listener) {
        listeners.remove(listener);
    }

    @Override
    public ProtectionLayer userLayer() {
        throw new AssertionError("not used by the MMU");
    }

    @Override
    public ProtectionLayer addLayer(String name, FaultHandler handler) {
        throw new AssertionError("not used by the MMU");
    }

    @Override
    public List<ProtectionLayer> layers() {
        throw new AssertionError("not used by the MMU");
    }

    @Override
    public FaultHandler handlerOf(ProtectionLayer layer) {
        return null;
    }

    @Override
    public long storageBytes() {
        return 0;
    }

    @Override
    public void close() {}
}
