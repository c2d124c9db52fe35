// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.protection.Rights;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The whiteboard of fault handlers, by ranking, each with the range and the accesses that it asked
 * for. Any thread.
 */
final class HandlerBoard {
    private record Entry(
            AskedHandler asked, int ranking, long id, long start, long size, int access) {
        boolean wants(PageFault f) {
            return (f.access() & access) != 0 && f.touches(start, size);
        }
    }

    private volatile Entry[] entries = {};
    private volatile FaultPolicy policy = FaultPolicy.DEFAULT;

    /** What machines put up with, from handlers and otherwise. */
    FaultPolicy policy() {
        return policy;
    }

    void use(FaultPolicy next) {
        policy = next;
    }

    /**
     * @param properties the service's properties
     * @throws IllegalArgumentException for a property that is not a number
     */
    synchronized void add(FaultHandler handler, Map<String, ?> properties) {
        Entry added =
                new Entry(
                        new AskedHandler(handler, null),
                        (int) number(properties, "service.ranking", 0),
                        number(properties, "service.id", 0),
                        number(properties, FaultHandler.GPA_START, 0),
                        number(properties, FaultHandler.GPA_SIZE, -1),
                        (int) number(properties, FaultHandler.ACCESS_MASK, Rights.RWX));
        List<Entry> now = new ArrayList<>(List.of(entries));
        int at = 0;
        while (at < now.size() && !before(added, now.get(at))) {
            at++;
        }
        now.add(at, added);
        entries = now.toArray(Entry[]::new);
    }

    private static boolean before(Entry a, Entry b) {
        return a.ranking != b.ranking ? a.ranking > b.ranking : a.id < b.id;
    }

    private static long number(Map<String, ?> properties, String key, long otherwise) {
        Object value = properties.get(key);
        if (value == null) {
            return otherwise;
        }
        if (value instanceof Number n) {
            return n.longValue();
        }
        try {
            return Long.decode(value.toString().trim());
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(
                    "fault handler property " + key + "=" + value + ": must be a number", e);
        }
    }

    synchronized void remove(FaultHandler handler) {
        List<Entry> now = new ArrayList<>(List.of(entries));
        now.removeIf(e -> e.asked.handler == handler);
        entries = now.toArray(Entry[]::new);
    }

    /** The first answer other than PASS. */
    Resolution ask(FaultDesk desk, PageFault fault, FaultSlot slot) {
        Entry[] all = entries;
        for (Entry e : all) {
            if (e.wants(fault)) {
                Resolution r = desk.ask(e.asked, fault, slot);
                if (r != Resolution.PASS) {
                    return r;
                }
            }
        }
        return Resolution.PASS;
    }

    /** Names of handlers that failed too often. */
    List<String> leftOut() {
        List<String> names = new ArrayList<>();
        for (Entry e : entries) {
            if (e.asked.leftOut()) {
                names.add(e.asked.name);
            }
        }
        return names;
    }
}
