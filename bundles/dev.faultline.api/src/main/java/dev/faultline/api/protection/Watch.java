// SPDX-License-Identifier: Apache-2.0
package dev.faultline.api.protection;

import dev.faultline.api.address.Gpa;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.memory.HostBytes;
import java.util.Objects;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Bytes of guest-physical memory whose accesses are told, exactly: one that only shares the page
 * goes on untold. Made by {@link RamProtection#watch}. Any thread.
 *
 * <p>It is a protection layer of its own over the pages of the range, so accesses to other pages
 * cost nothing, and each to these pages costs a fault. Ends where the range is unmapped.
 */
public final class Watch implements AutoCloseable {
    private final @Gpa long gpa;
    private final long size;
    private final int kinds;
    private final WatchHandler handler;
    private final ProtectionLayer layer;
    private final AtomicLong hits = new AtomicLong();
    private final AtomicLong neighbours = new AtomicLong();

    Watch(
            RamProtection protection,
            String name,
            @Gpa long gpa,
            long size,
            int kinds,
            WatchHandler handler) {
        if ((kinds & Rights.MASK) == 0 || (kinds & ~Rights.MASK) != 0) {
            throw new IllegalArgumentException(
                    "watch \"%s\": kinds 0x%x, expected a non-empty subset of RWX (1 .. 7)"
                            .formatted(name, kinds));
        }
        this.gpa = gpa;
        this.size = size;
        this.kinds = kinds;
        this.handler = Objects.requireNonNull(handler, "handler");
        layer = protection.addLayer(name, this::onFault);
        try {
            layer.protect(gpa, size, Rights.RWX & ~kinds);
        } catch (RuntimeException e) {
            layer.close();
            throw e;
        }
    }

    private Resolution onFault(String machine, PageFault fault) {
        if ((fault.access() & kinds) == 0 || !fault.touches(gpa, size)) {
            neighbours.getAndIncrement();
            return Resolution.STEP;
        }
        hits.getAndIncrement();
        return handler.onHit(machine, fault, this);
    }

    /** Also the name of its layer. */
    public String name() {
        return layer.name();
    }

    /** First watched byte. */
    public @Gpa long gpa() {
        return gpa;
    }

    /** Bytes watched, at least 1. */
    public long size() {
        return size;
    }

    /** What is watched, {@link Rights} bits. */
    public int kinds() {
        return kinds;
    }

    /** gpa of the first watched byte that the access touches. */
    public long firstTouched(PageFault fault) {
        return Long.compareUnsigned(fault.gpa(), gpa) > 0 ? fault.gpa() : gpa;
    }

    /** How many watched bytes the access touches; 0: none. */
    public int touched(PageFault fault) {
        if (!fault.touches(gpa, size)) {
            return 0;
        }
        long first = firstTouched(fault);
        return (int) Math.min(fault.gpa() + fault.length() - first, gpa + size - first);
    }

    /**
     * The watched bytes that the access touches, from {@link #firstTouched} on, as they are now:
     * during {@link WatchHandler#onHit} the values before the access. Means little if another layer
     * has still to fill the page: add the watch after such a layer, which is then asked first.
     *
     * @return new; empty if nothing is touched or the bytes have no host address
     */
    public byte[] now(PageFault fault) {
        int n = fault.hva() < 0 ? 0 : touched(fault);
        byte[] bytes = new byte[n];
        if (n > 0) {
            HostBytes.copyOut(fault.hva() + (firstTouched(fault) - fault.gpa()), bytes, 0, n);
        }
        return bytes;
    }

    /** Accesses told so far; one that a handler answers RETRY is told again. */
    public long hits() {
        return hits.get();
    }

    /** Accesses that only shared a page with the watched bytes. */
    public long neighbours() {
        return neighbours.get();
    }

    /** Ends the watch. Idempotent. */
    @Override
    public void close() {
        layer.close();
    }

    @Override
    public String toString() {
        return "watch %s of gpa 0x%x, %d bytes (%s)"
                .formatted(name(), gpa, size, Rights.toString(kinds));
    }
}
