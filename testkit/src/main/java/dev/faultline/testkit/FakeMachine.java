// SPDX-License-Identifier: Apache-2.0
package dev.faultline.testkit;

import dev.faultline.api.address.Gpa;
import dev.faultline.api.address.Hva;
import dev.faultline.api.address.Page;
import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.memory.MemorySlot;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.RamProtection;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.reflect.Proxy;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;

/**
 * As much of a machine as a fault handler's unit test needs: RAM from gpa 0 and one layer of
 * rights. Whatever else the extension calls fails the test with the method's name. One thread.
 */
public final class FakeMachine implements AutoCloseable {
    private final Arena arena = Arena.ofShared();
    private final MemorySegment ram;
    private final Map<Long, Integer> rights = new HashMap<>();
    private FaultHandler handler;
    private boolean layerOpen;

    /** All zero, nothing protected. */
    public FakeMachine(int pages) {
        ram = arena.allocate((long) pages * Page.SIZE, Page.SIZE);
    }

    /** What the extension gets. */
    public Machine machine() {
        return proxy(
                Machine.class,
                (name, a) ->
                        switch (name) {
                            case "config" ->
                                    new MachineConfig("vm", ram.byteSize(), 1, "", "", List.of());
                            case "protection" -> protection();
                            case "memory" -> memory();
                            case "mmu" -> proxy(Mmu.class, (n, b) -> null);
                            default -> throw new AssertionError(name);
                        });
    }

    private RamProtection protection() {
        return proxy(
                RamProtection.class,
                (name, a) -> {
                    handler = (FaultHandler) a[1];
                    layerOpen = true;
                    return proxy(ProtectionLayer.class, this::layer);
                });
    }

    private Object layer(String name, Object[] a) {
        switch (name) {
            case "protect" -> {
                long end = (long) a[0] + (long) a[1];
                if (end > ram.byteSize()) {
                    throw new IllegalArgumentException("beyond RAM");
                }
                for (long gfn = Page.gfn((long) a[0]); gfn * Page.SIZE < end; gfn++) {
                    rights.put(gfn, (int) a[2]);
                }
            }
            case "protectPage" -> rights.put((long) a[0], (int) a[1]);
            case "rightsOf" -> {
                return rightsOf((long) a[0]);
            }
            case "close" -> {
                layerOpen = false;
                rights.clear();
            }
            default -> throw new AssertionError(name);
        }
        return null;
    }

    private GuestMemory memory() {
        return proxy(
                GuestMemory.class,
                (name, a) ->
                        switch (name) {
                            case "hvaOf" -> hvaOf((long) a[0]);
                            case "highestMapped" -> ram.byteSize();
                            case "slots" ->
                                    List.of(new MemorySlot(0, ram.byteSize(), null, 0, false));
                            default -> throw new AssertionError(name);
                        });
    }

    /** The guest's RAM. */
    public MemorySegment ram() {
        return ram;
    }

    private @Hva long hvaOf(@Gpa long gpa) {
        @Hva long first = ram.address();
        return first + gpa;
    }

    /** Whether a layer was added and not closed. */
    public boolean layerOpen() {
        return layerOpen;
    }

    /** What the layer leaves of the page's rights. */
    public int rightsOf(long gfn) {
        return rights.getOrDefault(gfn, Rights.RWX);
    }

    /**
     * What a guest's access does.
     *
     * @return the handler's answer, or null if nothing stopped it
     */
    public Resolution access(long gpa, int access) {
        if ((access & ~rightsOf(Page.gfn(gpa))) == 0) {
            return null;
        }
        return late(gpa, access);
    }

    /** A fault that was recorded before somebody opened the page. */
    public Resolution late(long gpa, int access) {
        PendingFault p = new PendingFault();
        p.protectedPage(
                access,
                rightsOf(Page.gfn(gpa)),
                FaultOrigin.DATA,
                gpa,
                0,
                hvaOf(gpa),
                PendingFault.FINAL_ACCESS);
        return handler.onFault("vm", new PageFault().set(0, p));
    }

    @SuppressWarnings("unchecked")
    private static <T> T proxy(Class<T> type, BiFunction<String, Object[], Object> body) {
        return (T)
                Proxy.newProxyInstance(
                        type.getClassLoader(),
                        new Class<?>[] {type},
                        (self, method, a) ->
                                switch (method.getName()) {
                                    case "hashCode" -> System.identityHashCode(self);
                                    case "equals" -> self == a[0];
                                    default -> body.apply(method.getName(), a);
                                });
    }

    @Override
    public void close() {
        arena.close();
    }
}
