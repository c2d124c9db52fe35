// SPDX-License-Identifier: Apache-2.0
package dev.faultline.testkit;

import dev.faultline.api.address.Page;
import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.RamProtection;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.testkit.cpu.FlatMmu;
import dev.faultline.testkit.memory.FakeBlock;
import dev.faultline.testkit.memory.FakeMemory;
import dev.faultline.testkit.memory.FakeProtection;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * As much of a machine as a fault handler's unit test needs: RAM from gpa 0 and layers of rights;
 * the test is the guest. Whatever else the extension calls fails the test with the method's name.
 * One thread.
 */
public final class FakeMachine extends StubMachine {
    private static final int PHYSICAL_BITS = 40;

    private final Arena arena = Arena.ofShared();
    private final MemorySegment ram;
    private final FakeMemory memory = new FakeMemory(PHYSICAL_BITS);
    private final FakeProtection protection;
    private final Mmu mmu;

    /** All zero, nothing protected. */
    public FakeMachine(int pages) {
        long size = (long) pages * Page.SIZE;
        ram = arena.allocate(size, Page.SIZE);
        memory.map(0, size, new FakeBlock("ram", ram.address(), size), 0, false);
        protection = new FakeProtection(size);
        mmu = new FlatMmu(memory, protection);
    }

    /** What the extension gets. */
    public Machine machine() {
        return this;
    }

    @Override
    public MachineConfig config() {
        return new MachineConfig("vm", ram.byteSize(), 1, "", "", List.of());
    }

    @Override
    public GuestMemory memory() {
        return memory;
    }

    @Override
    public RamProtection protection() {
        return protection;
    }

    @Override
    public Mmu mmu() {
        return mmu;
    }

    /** The guest's RAM. */
    public MemorySegment ram() {
        return ram;
    }

    /** Whether a layer was added and not closed. */
    public boolean layerOpen() {
        return protection.layers().size() > 1;
    }

    /** What the layers leave of the page's rights. */
    public int rightsOf(long gfn) {
        return protection.rightsOf(gfn);
    }

    /**
     * What a guest's access does: the layers that forbid it are asked in their order, until a
     * handler does not pass.
     *
     * @return the handlers' answer, or null if nothing stopped it
     */
    public @Nullable Resolution access(long gpa, int access) {
        long forbidding = protection.forbiddingLayers(Page.gfn(gpa), access);
        return forbidding == 0 ? null : ask(forbidding, gpa, access);
    }

    /** A fault of every layer that was recorded before somebody opened the page. */
    public Resolution late(long gpa, int access) {
        return ask(-1, gpa, access);
    }

    private Resolution ask(long forbidding, long gpa, int access) {
        PendingFault p = new PendingFault();
        p.protectedPage(
                access,
                rightsOf(Page.gfn(gpa)),
                FaultOrigin.DATA,
                gpa,
                0,
                memory.hvaOf(gpa),
                PendingFault.FINAL_ACCESS);
        List<ProtectionLayer> layers = protection.layers();
        for (int i = 0; i < layers.size(); i++) {
            FaultHandler handler = protection.handlerOf(layers.get(i));
            if ((forbidding >>> i & 1) != 0 && handler != null) {
                Resolution r = handler.onFault("vm", new PageFault().set(0, p));
                if (r.kind() != Resolution.Kind.PASS) {
                    return r;
                }
            }
        }
        return Resolution.PASS;
    }

    @Override
    public void close() {
        memory.close();
        arena.close();
    }
}
