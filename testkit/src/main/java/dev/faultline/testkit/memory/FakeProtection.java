// SPDX-License-Identifier: Apache-2.0
package dev.faultline.testkit.memory;

import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.ProtectionListener;
import dev.faultline.api.protection.RamProtection;
import dev.faultline.api.protection.Rights;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/**
 * Layers of rights over the first pages of a guest-physical space, whatever is mapped there.
 * Listeners are told page by page. Any thread; queries do not allocate.
 */
public final class FakeProtection implements RamProtection {
    private final int pages;
    private final List<ProtectionListener> listeners = new CopyOnWriteArrayList<>();
    private volatile List<ProtectionLayer> layers;
    private volatile @Nullable Runnable window;

    /** Nothing is protected. From {@code bytes} on nothing can be. */
    public FakeProtection(long bytes) {
        pages = Math.toIntExact(bytes >>> 12);
        layers = List.of(new FakeLayer(this, "user", null, pages));
    }

    /**
     * The next {@link #rightsOf} runs {@code action} after it has read and before it answers: two
     * threads that meet there, without a second one.
     */
    public void inNextWindow(Runnable action) {
        window = action;
    }

    @Override
    public ProtectionLayer userLayer() {
        return layers.getFirst();
    }

    @Override
    public synchronized ProtectionLayer addLayer(String name, @Nullable FaultHandler handler) {
        if (layers.stream().anyMatch(l -> l.name().equals(name))) {
            throw new IllegalArgumentException("layer \"" + name + "\" exists");
        }
        ProtectionLayer added = new FakeLayer(this, name, handler, pages);
        List<ProtectionLayer> next = new ArrayList<>(layers);
        next.add(added);
        layers = List.copyOf(next);
        return added;
    }

    synchronized void remove(FakeLayer layer) {
        if (layer == userLayer()) {
            throw new IllegalStateException("the user layer stays");
        }
        layers = layers.stream().filter(l -> l != layer).toList();
    }

    void restricted(long gfn) {
        listeners.forEach(l -> l.rightsRestricted(gfn << 12, 4096));
    }

    @Override
    public List<ProtectionLayer> layers() {
        return layers;
    }

    @Override
    public @Nullable FaultHandler handlerOf(ProtectionLayer layer) {
        return ((FakeLayer) layer).handler();
    }

    @Override
    public int rightsOf(long gfn) {
        int rights = Rights.RWX;
        List<ProtectionLayer> all = layers;
        for (int i = 0; i < all.size(); i++) { // an iterator would be allocated
            rights &= all.get(i).rightsOf(gfn);
        }
        Runnable action = window;
        if (action != null) {
            window = null;
            action.run();
        }
        return rights;
    }

    @Override
    public long forbiddingLayers(long gfn, int access) {
        long bits = 0;
        List<ProtectionLayer> all = layers;
        for (int i = 0; i < all.size(); i++) {
            if ((access & ~all.get(i).rightsOf(gfn)) != 0) {
                bits |= 1L << i;
            }
        }
        return bits;
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
    public long storageBytes() {
        return 4L * pages * layers.size();
    }

    /** Nothing is given back: the next machine may have the same one. */
    @Override
    public void close() {}
}
