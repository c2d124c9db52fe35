// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.fault;

import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.memory.MemorySlot;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.ProtectionListener;
import dev.faultline.api.protection.RamProtection;
import dev.faultline.api.protection.RamProtectionFactory;
import dev.faultline.api.protection.RestrictedRange;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.service.Others;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicIntegerArray;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;

/**
 * A machine's protection as others hold it: the same object, with the same layers, whichever
 * provider's is behind it. Asked only where a translation misses, so what it costs is paid there.
 *
 * <p>Any thread. Changes of rights go on while nobody exchanges the provider; an exchange waits for
 * those in progress, and they for it.
 */
public final class SteadyProtection implements RamProtection {
    private static final System.Logger LOG = System.getLogger(SteadyProtection.class.getName());

    /** Counters of changes in progress, a cache line or two apart; a power of two. */
    private static final int STRIPES = 32;

    private static final int STRIDE = 16;
    private static final long EXCHANGE_NANOS = TimeUnit.SECONDS.toNanos(10);
    private static final long LOOK_AGAIN_NANOS = 20_000;

    private final GuestMemory memory;
    private volatile RamProtection now;

    /**
     * Changes in progress, by the thread that makes them: vCPUs that fault on different pages shall
     * not wait for each other's cache lines.
     */
    private final AtomicIntegerArray changing = new AtomicIntegerArray(STRIPES * STRIDE);

    /** Read after a thread has counted its change, set before the counters are read. */
    private volatile boolean exchanging;

    /** In the order of {@link #now}'s; changed under this object's lock. */
    private volatile List<ProtectionLayer> layers;

    private final Layer user;
    private final List<ProtectionListener> listeners = new CopyOnWriteArrayList<>();
    private boolean closed;

    public SteadyProtection(GuestMemory memory, RamProtectionFactory from) {
        this.memory = memory;
        now = Others.made(from.create(memory), "protection", from);
        user = new Layer(now.userLayer(), null);
        layers = List.of(user);
    }

    private static int stripe() {
        return ((int) Thread.currentThread().threadId() & STRIPES - 1) * STRIDE;
    }

    /**
     * A change begins. Nested ones of a thread wait only as long as an exchange looks whether it
     * may.
     */
    private void begin() {
        int stripe = stripe();
        changing.getAndIncrement(stripe);
        while (exchanging) {
            changing.getAndDecrement(stripe);
            LockSupport.parkNanos(this, LOOK_AGAIN_NANOS);
            changing.getAndIncrement(stripe);
        }
    }

    private void end() {
        changing.getAndDecrement(stripe());
    }

    /** Keeps changes from beginning, if none is in progress. */
    private boolean tryExchange() {
        exchanging = true;
        for (int i = 0; i < STRIPES; i++) {
            if (changing.get(i * STRIDE) != 0) {
                exchanging = false;
                return false;
            }
        }
        return true;
    }

    /** One layer; what is behind it changes with the provider. */
    private final class Layer implements ProtectionLayer {
        private final String name;
        private final @Nullable FaultHandler handler;
        private volatile ProtectionLayer now;
        private volatile long withdrawnBy;

        Layer(ProtectionLayer first, @Nullable FaultHandler handler) {
            name = first.name();
            now = first;
            this.handler = handler;
        }

        SteadyProtection owner() {
            return SteadyProtection.this;
        }

        @Override
        public String name() {
            return name;
        }

        @Override
        public void protect(long gpa, long size, int rights) {
            begin();
            try {
                now.protect(gpa, size, rights);
            } finally {
                end();
            }
        }

        @Override
        public void protectHost(long hva, long size, int rights) {
            begin();
            try {
                now.protectHost(hva, size, rights);
            } finally {
                end();
            }
        }

        @Override
        public void protectSlot(MemorySlot slot, int rights) {
            begin();
            try {
                now.protectSlot(slot, rights);
            } finally {
                end();
            }
        }

        @Override
        public void protectPage(long gfn, int rights) {
            begin();
            try {
                now.protectPage(gfn, rights);
            } finally {
                end();
            }
        }

        @Override
        public int rightsOf(long gfn) {
            return now.rightsOf(gfn);
        }

        @Override
        public long restrictedPages() {
            return now.restrictedPages();
        }

        @Override
        public long nextRestricted(long gfn) {
            return now.nextRestricted(gfn);
        }

        @Override
        public @Nullable RestrictedRange nextRange(long gpa) {
            return now.nextRange(gpa);
        }

        @Override
        public long restrictedRanges() {
            return now.restrictedRanges();
        }

        @Override
        public void close() {
            begin();
            try {
                withdraw(this);
            } finally {
                end();
            }
        }

        @Override
        public String toString() {
            return now.toString();
        }
    }

    @Override
    public ProtectionLayer userLayer() {
        return user;
    }

    @Override
    public ProtectionLayer addLayer(String name, @Nullable FaultHandler handler) {
        begin();
        try {
            synchronized (this) {
                Layer added = new Layer(now.addLayer(name, handler), handler);
                List<ProtectionLayer> more = new ArrayList<>(layers);
                more.add(added);
                layers = List.copyOf(more);
                return added;
            }
        } finally {
            end();
        }
    }

    private synchronized void withdraw(Layer layer) {
        if (layer != user) {
            // Before: what its handler meets from now on is not its fault.
            layer.withdrawnBy = Thread.currentThread().threadId();
        }
        layer.now.close();
        layers = layers.stream().filter(l -> l != layer).toList();
    }

    /** Id of the thread that withdrew the layer, or 0. */
    long withdrawnBy(ProtectionLayer layer) {
        return layer instanceof Layer l ? l.withdrawnBy : 0;
    }

    @Override
    public List<ProtectionLayer> layers() {
        return layers;
    }

    @Override
    public @Nullable FaultHandler handlerOf(ProtectionLayer layer) {
        if (layer instanceof Layer l && l.owner() == this) {
            return l.handler;
        }
        throw new IllegalArgumentException("%s: not a layer of this machine".formatted(layer));
    }

    @Override
    public int rightsOf(long gfn) {
        return now.rightsOf(gfn);
    }

    @Override
    public long chunkBytes() {
        return now.chunkBytes();
    }

    @Override
    public long forbiddingLayers(long gfn, int access) {
        return now.forbiddingLayers(gfn, access);
    }

    @Override
    public void addListener(ProtectionListener listener) {
        begin();
        try {
            if (!listeners.contains(listener)) {
                listeners.add(listener);
                now.addListener(listener);
            }
        } finally {
            end();
        }
    }

    @Override
    public void removeListener(ProtectionListener listener) {
        begin();
        try {
            listeners.remove(listener);
            now.removeListener(listener);
        } finally {
            end();
        }
    }

    @Override
    public long storageBytes() {
        return now.storageBytes();
    }

    @Override
    public void close() {
        begin();
        try {
            synchronized (this) {
                closed = true;
                now.close();
                layers = List.of();
                listeners.clear();
            }
        } finally {
            end();
        }
    }

    /**
     * Goes on with another provider's: every layer with its rights per page, then the listeners.
     * The effective rights stay what they are, so nobody is told. While the vCPUs stand.
     *
     * @throws IllegalStateException if changes in progress do not end; the old one stays
     */
    public void renew(RamProtectionFactory from) {
        long deadline = System.nanoTime() + EXCHANGE_NANOS;
        while (!tryExchange()) {
            if (System.nanoTime() > deadline) {
                throw new IllegalStateException(
                        "a change of rights has not ended for %d s"
                                .formatted(TimeUnit.NANOSECONDS.toSeconds(EXCHANGE_NANOS)));
            }
            LockSupport.parkNanos(this, LOOK_AGAIN_NANOS);
        }
        try {
            exchange(from);
        } finally {
            exchanging = false;
        }
    }

    private synchronized void exchange(RamProtectionFactory from) {
        if (closed) {
            return;
        }
        RamProtection next = Others.made(from.create(memory), "protection", from);
        List<ProtectionLayer> behind = new ArrayList<>();
        try {
            for (ProtectionLayer l : layers) {
                Layer layer = (Layer) l;
                ProtectionLayer to =
                        layer == user ? next.userLayer() : next.addLayer(layer.name, layer.handler);
                copy(layer.now, to);
                behind.add(to);
            }
            listeners.forEach(next::addListener);
        } catch (Throwable e) { // the provider is others' code
            Others.contained(LOG, "closing a protection that failed", next::close);
            throw e;
        }
        RamProtection old = now;
        now = next;
        for (int i = 0; i < behind.size(); i++) {
            ((Layer) layers.get(i)).now = behind.get(i);
        }
        Others.contained(LOG, "the former protection, closing it,", old::close);
    }

    private static void copy(ProtectionLayer from, ProtectionLayer to) {
        for (RestrictedRange r = from.nextRange(0); r != null; r = from.nextRange(r.end())) {
            to.protect(r.gpa(), r.size(), r.rights() & Rights.RWX);
        }
    }
}
