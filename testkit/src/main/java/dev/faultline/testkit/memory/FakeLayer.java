// SPDX-License-Identifier: Apache-2.0
package dev.faultline.testkit.memory;

import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.Rights;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.jspecify.annotations.Nullable;

/** One layer of a {@link FakeProtection}. */
final class FakeLayer implements ProtectionLayer {
    private final FakeProtection protection;
    private final String name;
    private final @Nullable FaultHandler handler;

    /** By page: which rights are missing. */
    private final AtomicIntegerArray denied;

    private volatile boolean closed;

    FakeLayer(FakeProtection protection, String name, @Nullable FaultHandler handler, int pages) {
        this.protection = protection;
        this.name = name;
        this.handler = handler;
        denied = new AtomicIntegerArray(pages);
    }

    @Nullable FaultHandler handler() {
        return handler;
    }

    @Override
    public String name() {
        return name;
    }

    @Override
    public void protect(long gpa, long size, int rights) {
        long all = (long) denied.length() << 12;
        if (gpa < 0 || size <= 0 || size > all - gpa) {
            throw new IllegalArgumentException(
                    "gpa 0x%x, size 0x%x: must be below 0x%x".formatted(gpa, size, all));
        }
        if ((rights & ~Rights.MASK) != 0) {
            throw new IllegalArgumentException("rights " + Rights.toString(rights));
        }
        if (closed) {
            throw new IllegalStateException("layer \"" + name + "\" is withdrawn");
        }
        for (int page = (int) (gpa >>> 12); page <= gpa + size - 1 >>> 12; page++) {
            int now = Rights.RWX & ~rights;
            int before = denied.getAndSet(page, now);
            if ((now & ~before) != 0) {
                protection.restricted(page);
            }
        }
    }

    @Override
    public void protectHost(long hva, long size, int rights) {
        throw new AssertionError("ProtectionLayer.protectHost");
    }

    @Override
    public void protectPage(long gfn, int rights) {
        protect(gfn << 12, 1, rights);
    }

    @Override
    public int rightsOf(long gfn) {
        return gfn >= 0 && gfn < denied.length() && !closed
                ? Rights.RWX & ~denied.get((int) gfn)
                : Rights.RWX;
    }

    @Override
    public long restrictedPages() {
        long n = 0;
        for (long page = nextRestricted(0); page >= 0; page = nextRestricted(page + 1)) {
            n++;
        }
        return n;
    }

    @Override
    public long nextRestricted(long gfn) {
        for (long page = gfn; page < denied.length(); page++) {
            if (rightsOf(page) != Rights.RWX) {
                return page;
            }
        }
        return -1;
    }

    @Override
    public void close() {
        protection.remove(this);
        closed = true;
    }
}
