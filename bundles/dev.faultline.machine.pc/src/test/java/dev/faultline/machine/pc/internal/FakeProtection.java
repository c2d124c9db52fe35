// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.ProtectionListener;
import dev.faultline.api.protection.RamProtection;
import dev.faultline.api.protection.Rights;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Rights by page in plain maps. */
final class FakeProtection implements RamProtection {
    final class Layer implements ProtectionLayer {
        private final String name;
        private final Map<Long, Integer> pages = new TreeMap<>();

        Layer(String name) {
            this.name = name;
        }

        @Override
        public String name() {
            return name;
        }

        @Override
        public void protect(long gpa, long size, int rights) {
            for (long g = gpa >>> 12; g <= gpa + size - 1 >>> 12; g++) {
                protectPage(g, rights);
            }
        }

        @Override
        public void protectHost(long hva, long size, int rights) {
            throw new AssertionError("not needed");
        }

        @Override
        public void protectPage(long gfn, int rights) {
            pages.put(gfn, rights);
            listeners.forEach(l -> l.rightsRestricted(gfn << 12, 4096));
        }

        @Override
        public int rightsOf(long gfn) {
            return pages.getOrDefault(gfn, Rights.RWX);
        }

        @Override
        public long restrictedPages() {
            return pages.values().stream().filter(r -> r != Rights.RWX).count();
        }

        @Override
        public long nextRestricted(long gfn) {
            return pages.entrySet().stream()
                    .filter(e -> e.getKey() >= gfn && e.getValue() != Rights.RWX)
                    .mapToLong(Map.Entry::getKey)
                    .min()
                    .orElse(-1);
        }

        @Override
        public void close() {
            layers.remove(this);
        }
    }

    private final List<ProtectionListener> listeners = new ArrayList<>();
    private final List<ProtectionLayer> layers = new ArrayList<>(List.of(new Layer("user")));
    private final Map<ProtectionLayer, FaultHandler> handlers = new HashMap<>();

    @Override
    public ProtectionLayer userLayer() {
        return layers.getFirst();
    }

    @Override
    public ProtectionLayer addLayer(String name, FaultHandler handler) {
        Layer l = new Layer(name);
        layers.add(l);
        handlers.put(l, handler);
        return l;
    }

    @Override
    public List<ProtectionLayer> layers() {
        return layers;
    }

    @Override
    public FaultHandler handlerOf(ProtectionLayer layer) {
        return handlers.get(layer);
    }

    @Override
    public int rightsOf(long gfn) {
        int r = Rights.RWX;
        for (ProtectionLayer l : layers) {
            r &= l.rightsOf(gfn);
        }
        return r;
    }

    @Override
    public long forbiddingLayers(long gfn, int access) {
        long bits = 0;
        for (int i = 0; i < layers.size(); i++) {
            if ((layers.get(i).rightsOf(gfn) & access) == 0) {
                bits |= 1L << i;
            }
        }
        return bits;
    }

    @Override
    public void addListener(ProtectionListener listener) {
        listeners.add(listener);
    }

    @Override
    public void removeListener(ProtectionListener listener) {
        listeners.remove(listener);
    }

    @Override
    public long storageBytes() {
        return 0;
    }

    @Override
    public void close() {}
}
