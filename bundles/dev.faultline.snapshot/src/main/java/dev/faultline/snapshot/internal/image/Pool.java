// SPDX-License-Identifier: Apache-2.0
package dev.faultline.snapshot.internal.image;

import java.util.concurrent.atomic.AtomicReferenceArray;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * A few objects that are expensive to make, for whoever needs one for a moment. Any thread; never
 * blocks. Unlike with a ThreadLocal nothing outlives its owner on other people's threads.
 */
public final class Pool<T> {
    private final AtomicReferenceArray<@Nullable T> idle = new AtomicReferenceArray<>(8);
    private final Supplier<T> maker;

    public Pool(Supplier<T> maker) {
        this.maker = maker;
    }

    public T take() {
        for (int i = 0; i < idle.length(); i++) {
            if (idle.getPlain(i) != null) {
                T t = idle.getAndSet(i, null);
                if (t != null) {
                    return t;
                }
            }
        }
        return maker.get();
    }

    public void give(T t) {
        for (int i = 0; i < idle.length(); i++) {
            if (idle.getPlain(i) == null && idle.compareAndSet(i, null, t)) {
                return;
            }
        }
    }

    void clear() {
        for (int i = 0; i < idle.length(); i++) {
            idle.set(i, null);
        }
    }
}
