// SPDX-License-Identifier: Apache-2.0
package dev.faultline.protection.internal;

import dev.faultline.api.address.Gfn;
import dev.faultline.api.address.Page;
import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.memory.MemoryListener;
import dev.faultline.api.memory.MemorySlot;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.ProtectionListener;
import dev.faultline.api.protection.RamProtection;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.service.Others;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.atomic.AtomicInteger;
import org.jspecify.annotations.Nullable;

/**
 * The rights of one machine's pages. Rights change by compare-and-set; no lock is held while
 * listeners run, so a vCPU may protect while another protects. The lock of this object guards only
 * the lists of layers and listeners and is never held across a call to others.
 */
final class PageProtection implements RamProtection, MemoryListener {
    static final String USER = "user";

    private static final int MAX_LAYERS = 64;

    private final GuestMemory memory;
    private final Layer user = new Layer(this, USER, null);

    /** Live layers, the user's first. Immutable; replaced under the lock. */
    private volatile Layer[] layers = {user};

    /** The same, for {@link #layers()}. */
    private volatile List<ProtectionLayer> list = List.of(user);

    /** Immutable; replaced under the lock. */
    private volatile ProtectionListener[] listeners = {};

    /**
     * Operations that may have narrowed rights without having announced it yet. A second operation
     * that finds a page narrow already may only return without an announcement of its own if this
     * says that nobody else's is outstanding.
     */
    private final AtomicInteger narrowing = new AtomicInteger();

    private boolean closed;

    PageProtection(GuestMemory memory) {
        this.memory = memory;
        memory.addListener(this);
    }

    GuestMemory memory() {
        return memory;
    }

    void beginNarrowing() {
        narrowing.incrementAndGet();
    }

    void endNarrowing() {
        narrowing.decrementAndGet();
    }

    boolean othersNarrow() {
        return narrowing.get() > 1;
    }

    /**
     * Tells every listener, even if one throws: a listener left out would keep a forbidden
     * translation.
     */
    void announce(long firstGfn, long lastGfn) {
        RuntimeException failed = null;
        for (ProtectionListener l : listeners) {
            try {
                l.rightsRestricted(Page.gpa(firstGfn), lastGfn - firstGfn + 1 << Page.SHIFT);
            } catch (Throwable e) { // others' code
                if (failed == null) {
                    failed = Others.unchecked("protection listener " + Others.name(l), e);
                } else {
                    failed.addSuppressed(e);
                }
            }
        }
        if (failed != null) {
            throw failed;
        }
    }

    // ---- layers

    @Override
    public ProtectionLayer userLayer() {
        return user;
    }

    @Override
    public synchronized ProtectionLayer addLayer(String name, @Nullable FaultHandler handler) {
        if (name == null || name.isBlank()) {
            throw new IllegalArgumentException(
                    "layer name \"%s\": expected a non-blank name".formatted(name));
        }
        if (closed) {
            throw new IllegalStateException("RAM protection is closed");
        }
        for (Layer l : layers) {
            if (l.name().equals(name)) {
                throw new IllegalArgumentException(
                        "layer name \"%s\": already in use".formatted(name));
            }
        }
        if (layers.length == MAX_LAYERS) {
            throw new IllegalStateException(
                    "layer \"%s\": there are %d layers already".formatted(name, MAX_LAYERS));
        }
        Layer added = new Layer(this, name, handler);
        Layer[] more = Arrays.copyOf(layers, layers.length + 1);
        more[layers.length] = added;
        publish(more);
        return added;
    }

    synchronized void remove(Layer layer) {
        if (layer == user) {
            throw new IllegalStateException(
                    "the user layer is always present; open its pages instead");
        }
        // First: a layer that says that it allows everything must not be counted any more.
        publish(Arrays.stream(layers).filter(l -> l != layer).toArray(Layer[]::new));
        layer.withdraw();
    }

    private void publish(Layer[] now) {
        layers = now;
        list = List.of(now);
    }

    @Override
    public List<ProtectionLayer> layers() {
        return list;
    }

    @Override
    public @Nullable FaultHandler handlerOf(ProtectionLayer layer) {
        if (layer instanceof Layer l && l.owner() == this) {
            return l.handler();
        }
        throw new IllegalArgumentException("%s: not a layer of this machine".formatted(layer));
    }

    // ---- rights

    @Override
    public int rightsOf(@Gfn long gfn) {
        int rights = Rights.RWX;
        for (Layer l : layers) {
            rights &= l.store().get(gfn);
        }
        return rights;
    }

    @Override
    public long forbiddingLayers(long gfn, int access) {
        Layer[] all = layers;
        long forbidding = 0;
        for (int i = 0; i < all.length; i++) {
            if ((access & ~all[i].store().get(gfn)) != 0) {
                forbidding |= 1L << i;
            }
        }
        return forbidding;
    }

    /**
     * The range became device space: its rights end (what is mapped there later starts free).
     * Widening, so nobody is told.
     */
    @Override
    public void mappingRemoved(MemorySlot old) {
        Narrowed nothing = new Narrowed();
        for (Layer l : layers) {
            l.store()
                    .set(
                            old.gpa() >>> Page.SHIFT,
                            (old.end() >>> Page.SHIFT) - 1,
                            Rights.RWX,
                            nothing);
        }
    }

    @Override
    public synchronized void addListener(ProtectionListener listener) {
        if (Arrays.asList(listeners).contains(listener)) {
            return;
        }
        ProtectionListener[] more = Arrays.copyOf(listeners, listeners.length + 1);
        more[listeners.length] = listener;
        listeners = more;
    }

    @Override
    public synchronized void removeListener(ProtectionListener listener) {
        listeners =
                Arrays.stream(listeners)
                        .filter(l -> l != listener)
                        .toArray(ProtectionListener[]::new);
    }

    @Override
    public long storageBytes() {
        long n = 0;
        for (Layer l : layers) {
            n += l.store().bytes();
        }
        return n;
    }

    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        memory.removeListener(this);
        for (Layer l : layers) {
            l.withdraw();
        }
        publish(new Layer[0]);
        listeners = new ProtectionListener[0];
    }
}
