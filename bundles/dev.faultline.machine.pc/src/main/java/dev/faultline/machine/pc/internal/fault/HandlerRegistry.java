// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.fault;

import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.service.Others;
import dev.faultline.machine.pc.internal.service.Offers;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * The whiteboard of fault handlers, by ranking, each with the range and the accesses that it asked
 * for. Any thread.
 */
public final class HandlerRegistry {
    private record Entry(
            AskedHandler asked, int ranking, long id, long start, long size, int access) {
        boolean wants(PageFault f) {
            return (f.access() & access) != 0 && f.touches(start, size);
        }
    }

    private static final System.Logger LOG = System.getLogger(HandlerRegistry.class.getName());

    private volatile Entry[] entries = {};
    private volatile FaultPolicy policy = FaultPolicy.DEFAULT;

    /** What machines put up with, from handlers and otherwise. */
    FaultPolicy policy() {
        return policy;
    }

    public void use(FaultPolicy next) {
        policy = next;
    }

    /**
     * A handler came, or its properties changed. One whose properties make no sense is named in the
     * log and keeps those that it had; if it just came it is not asked.
     *
     * @param properties the service's properties
     */
    public synchronized void put(FaultHandler handler, Map<String, ?> properties) {
        AskedHandler asked = null;
        List<Entry> now = new ArrayList<>(List.of(entries));
        for (Entry e : now) {
            if (e.asked.handler == handler) {
                asked = e.asked; // how it has behaved stays known
            }
        }
        Entry entry;
        try {
            entry = entry(asked == null ? new AskedHandler(handler, null) : asked, properties);
        } catch (IllegalArgumentException e) {
            LOG.log(
                    System.Logger.Level.ERROR,
                    "fault handler %s: %s; %s"
                            .formatted(
                                    Others.name(handler),
                                    e.getMessage(),
                                    asked == null ? "it is not asked" : "what held before stays"));
            return;
        }
        now.removeIf(e -> e.asked.handler == handler);
        int at = 0;
        while (at < now.size() && !before(entry, now.get(at))) {
            at++;
        }
        now.add(at, entry);
        entries = now.toArray(Entry[]::new);
    }

    private static Entry entry(AskedHandler asked, Map<String, ?> properties) {
        return new Entry(
                asked,
                Offers.ranking(properties),
                Offers.id(properties),
                number(properties, FaultHandler.GPA_START, 0),
                number(properties, FaultHandler.GPA_SIZE, -1),
                (int) number(properties, FaultHandler.ACCESS_MASK, Rights.RWX));
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
                    "service property " + key + "=" + value + ": must be a number", e);
        }
    }

    public synchronized void remove(FaultHandler handler) {
        List<Entry> now = new ArrayList<>(List.of(entries));
        for (Entry e : entries) {
            if (e.asked.handler == handler) {
                e.asked.withdrawnBy = Thread.currentThread().threadId();
                now.remove(e);
            }
        }
        entries = now.toArray(Entry[]::new);
    }

    /** Another object after every change of the whiteboard. */
    Object state() {
        return entries;
    }

    /** The first answer other than PASS. */
    public Resolution ask(FaultDispatcher dispatcher, PageFault fault, FaultSlot slot) {
        Entry[] all = entries;
        for (Entry e : all) {
            if (e.wants(fault)) {
                Resolution r = dispatcher.ask(e.asked, null, fault, slot);
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
