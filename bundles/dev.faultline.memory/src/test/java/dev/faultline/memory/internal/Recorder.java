// SPDX-License-Identifier: Apache-2.0
package dev.faultline.memory.internal;

import dev.faultline.api.memory.MemoryListener;
import dev.faultline.api.memory.MemorySlot;
import java.util.ArrayList;
import java.util.List;

/** Events as text, in pages: {@code added(8,8 B+0)}. */
final class Recorder implements MemoryListener {
    final List<String> events = new ArrayList<>();

    static String text(MemorySlot s) {
        return "%x,%x %s+%x%s"
                .formatted(
                        s.gpa() >>> 12,
                        s.size() >>> 12,
                        s.block().name(),
                        s.offset(),
                        s.readOnly() ? " ROM" : "");
    }

    static List<String> text(List<MemorySlot> slots) {
        return slots.stream().map(Recorder::text).toList();
    }

    @Override
    public void mappingAdded(MemorySlot now) {
        events.add("added(" + text(now) + ")");
    }

    @Override
    public void mappingRemoved(MemorySlot old) {
        events.add("removed(" + text(old) + ")");
    }

    @Override
    public void mappingChanged(MemorySlot old, MemorySlot now) {
        events.add("changed(" + text(old) + " -> " + text(now) + ")");
    }
}
