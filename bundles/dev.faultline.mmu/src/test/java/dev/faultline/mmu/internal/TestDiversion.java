// SPDX-License-Identifier: Apache-2.0
package dev.faultline.mmu.internal;

import dev.faultline.api.engine.Diversion;
import dev.faultline.api.protection.RamProtection;
import java.util.ArrayList;
import java.util.List;

/** Sends stopped accesses where a test says. */
final class TestDiversion extends Diversion {
    private record Way(long gpa, int length, int kinds, long to) {
        boolean leads(int access, long at, int bytes) {
            return (access & ~kinds) == 0 && gpa <= at && at + bytes <= gpa + length;
        }
    }

    private final List<Way> ways = new ArrayList<>();

    /** Lets accesses of these kinds inside the range through. */
    void step(long gpa, int length, int kinds) {
        send(gpa, length, kinds, -1);
    }

    /** Sends them to {@code hva}. */
    void send(long gpa, int length, int kinds, long hva) {
        ways.add(new Way(gpa, length, kinds, hva));
        activate();
    }

    @Override
    public long divert(RamProtection protection, int access, long gpa, int length, long hva) {
        for (Way w : ways) {
            if (w.leads(access, gpa, length)) {
                return w.to < 0 ? hva : w.to + (gpa - w.gpa);
            }
        }
        return -1;
    }

    @Override
    public void clear() {
        super.clear();
        ways.clear();
    }
}
