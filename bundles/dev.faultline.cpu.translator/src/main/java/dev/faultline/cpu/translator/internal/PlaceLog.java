// SPDX-License-Identifier: Apache-2.0
package dev.faultline.cpu.translator.internal;

import java.util.function.IntConsumer;

/**
 * Which places of a table have been filled, so that few of them can be cleared one by one. Bounded:
 * when it is full it only knows that there were more. One thread.
 */
final class PlaceLog {
    private final int[] places;
    private int size;

    PlaceLog(int most) {
        places = new int[most];
    }

    void add(int place) {
        if (size < places.length) {
            places[size] = place;
        }
        size = Math.min(size, places.length) + 1;
    }

    /** Whether it does not know all of them. */
    boolean isOver() {
        return size > places.length;
    }

    void forEach(IntConsumer action) {
        for (int i = 0; i < size; i++) {
            action.accept(places[i]);
        }
    }

    void clear() {
        size = 0;
    }
}
