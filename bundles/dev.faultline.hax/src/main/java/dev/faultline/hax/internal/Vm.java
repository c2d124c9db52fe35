// SPDX-License-Identifier: Apache-2.0
package dev.faultline.hax.internal;

import static dev.faultline.api.hax.HaxAbi.*;
import static dev.faultline.api.hax.HaxLayout.offset;

import dev.faultline.api.engine.BusLock;
import dev.faultline.api.hax.HaxLayout;
import dev.faultline.api.hax.HaxOp;
import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.memory.MemorySlot;
import dev.faultline.api.memory.RamBlock;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.api.protection.RamProtection;
import dev.faultline.api.service.Others;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A VM: guest memory over the client's blocks, its rights, its vCPUs. Changes serialise on this
 * object; vCPUs run meanwhile.
 */
final class Vm {
    private static final System.Logger LOG = System.getLogger(Vm.class.getName());

    /** Width of guest-physical addresses; what the vCPUs' CPUID says. */
    static final int PHYSICAL_ADDRESS_BITS = 46;

    /** Pages that the reference's bitmap of rights cannot cover. */
    private static final long STRICT_PAGES = 1L << 31;

    private static final int SET_RAM_SIZE = offset(HaxLayout.SET_RAM, "size");
    private static final int SET_RAM_FLAGS = offset(HaxLayout.SET_RAM, "flags");
    private static final int SET_RAM_VA = offset(HaxLayout.SET_RAM, "va");
    private static final int SET_RAM2_SIZE = offset(HaxLayout.SET_RAM2, "size");
    private static final int SET_RAM2_VA = offset(HaxLayout.SET_RAM2, "va");
    private static final int SET_RAM2_FLAGS = offset(HaxLayout.SET_RAM2, "flags");
    private static final int SET_RAM2_RESERVED1 = offset(HaxLayout.SET_RAM2, "reserved1");
    private static final int SET_RAM2_RESERVED2 = offset(HaxLayout.SET_RAM2, "reserved2");
    private static final int BLOCK_SIZE = offset(HaxLayout.RAMBLOCK, "size");
    private static final int BLOCK_RESERVED = offset(HaxLayout.RAMBLOCK, "reserved");
    private static final int ALLOC_VA = offset(HaxLayout.ALLOC_RAM, "va");
    private static final int PROTECT_SIZE = offset(HaxLayout.PROTECT_RAM, "size");
    private static final int PROTECT_FLAGS = offset(HaxLayout.PROTECT_RAM, "flags");
    private static final int PROTECT_RESERVED = offset(HaxLayout.PROTECT_RAM, "reserved");

    final int id;
    final GuestMemory memory;
    final RamProtection protection;
    private final Services services;
    private final boolean strict;
    private final Mmu mmu;
    private final HostClock clock = new HostClock();
    private final CpuidTable cpuid = new CpuidTable();
    private final @Nullable Vcpu[] vcpus = new Vcpu[MAX_VCPUS];
    private final BusLock busLock = new BusLock();

    /** Blocks of one mapping each, which go with their last slot. */
    private final List<RamBlock> standAlone = new ArrayList<>();

    private int blocksEver;
    private boolean closed;

    Vm(int id, Services services, boolean strict) {
        this.id = id;
        this.services = services;
        this.strict = strict;
        GuestMemory ram =
                Others.made(
                        services.memory().create(PHYSICAL_ADDRESS_BITS),
                        what("memory"),
                        services.memory());
        RamProtection rights = null;
        try {
            rights =
                    Others.made(
                            services.protection().create(ram),
                            what("protection"),
                            services.protection());
            mmu =
                    Others.made(
                            services.mmu().create(ram, rights),
                            what("translation"),
                            services.mmu());
        } catch (Throwable e) { // parts are others' code
            if (rights != null) {
                closing("protection", rights::close);
            }
            closing("memory", ram::close);
            throw e;
        }
        memory = ram;
        protection = rights;
    }

    private String what(String part) {
        return "VM " + id + ": its " + part;
    }

    /** One step of an end; the others follow whatever it throws. */
    private void closing(String part, Others.Step step) {
        Others.contained(LOG, what(part) + ": closing it", step);
    }

    synchronized int ioctl(HaxOp op, ByteBuffer arg) {
        if (closed) {
            return ENODEV;
        }
        return switch (op) {
            case VCPU_CREATE -> createVcpu(arg.getInt(0));
            case VCPU_CREATE_OLD -> createVcpu(0);
            case VCPU_DESTROY -> destroyVcpu(arg.getInt(0));
            case ALLOC_RAM ->
                    addBlock(arg.getLong(ALLOC_VA), arg.getInt(0) & 0xFFFF_FFFFL) == null
                            ? EINVAL
                            : 0;
            case ADD_RAMBLOCK -> {
                boolean bad = arg.getLong(BLOCK_RESERVED) != 0;
                yield bad || addBlock(arg.getLong(0), arg.getLong(BLOCK_SIZE)) == null ? EINVAL : 0;
            }
            case SET_RAM ->
                    setRam(
                            arg.getLong(0),
                            arg.getInt(SET_RAM_SIZE) & 0xFFFF_FFFFL,
                            arg.getLong(SET_RAM_VA),
                            arg.get(SET_RAM_FLAGS) & 0xFF);
            case SET_RAM2 -> {
                boolean bad =
                        arg.getInt(SET_RAM2_RESERVED1) != 0 || arg.getLong(SET_RAM2_RESERVED2) != 0;
                yield bad
                        ? EINVAL
                        : setRam(
                                arg.getLong(0),
                                arg.getLong(SET_RAM2_SIZE),
                                arg.getLong(SET_RAM2_VA),
                                arg.getInt(SET_RAM2_FLAGS));
            }
            case PROTECT_RAM ->
                    arg.getInt(PROTECT_RESERVED) != 0
                            ? EINVAL
                            : protect(
                                    arg.getLong(0),
                                    arg.getLong(PROTECT_SIZE),
                                    arg.getInt(PROTECT_FLAGS));
            // Every client gets fast MMIO: without it it would have to decode instructions itself.
            case NOTIFY_QEMU_VERSION -> 0;
            default -> throw new IllegalStateException(op + " is not a VM's");
        };
    }

    // ---- vCPUs

    synchronized @Nullable Vcpu vcpu(int index) {
        return index < 0 || index >= MAX_VCPUS ? null : vcpus[index];
    }

    private int createVcpu(int index) {
        if (index < 0 || index >= MAX_VCPUS || vcpus[index] != null) {
            return EINVAL;
        }
        vcpus[index] = new Vcpu(index, busLock, services, mmu, clock, cpuid, strict);
        return 0;
    }

    private int destroyVcpu(int index) {
        Vcpu c = vcpu(index);
        if (c == null) {
            return EINVAL;
        }
        vcpus[index] = null;
        c.close();
        return 0;
    }

    void poll() {
        for (Vcpu c : vcpus) {
            if (c != null) {
                c.poll();
            }
        }
    }

    // ---- memory

    /**
     * @return the new block, or null: zero, misaligned, wrapping, or overlapping another block
     */
    private @Nullable RamBlock addBlock(long va, long size) {
        if (va <= 0 || size <= 0 || va + size < 0) {
            return null;
        }
        for (RamBlock b : memory.blocks()) {
            if (va < b.hva() + b.size() && b.hva() < va + size) {
                return null;
            }
        }
        try {
            return memory.addBlock("hax" + blocksEver++, new CallerRegion(va, size));
        } catch (IllegalArgumentException e) {
            return null;
        }
    }

    /** The block that has all of the range, or null. */
    private @Nullable RamBlock blockOf(long va, long size) {
        for (RamBlock b : memory.blocks()) {
            if (va >= b.hva() && va - b.hva() < b.size() && size <= b.size() - (va - b.hva())) {
                return b;
            }
        }
        return null;
    }

    private int setRam(long pa, long size, long va, int flags) {
        boolean invalid = (flags & RAM_INVALID) != 0;
        if (invalid ? flags != RAM_INVALID || va != 0 : va == 0) {
            return EINVAL;
        }
        if (!strict && (flags & ~(RAM_ROM | RAM_STANDALONE | RAM_INVALID)) != 0) {
            return EINVAL;
        }
        long gpa = strict ? pa & -PAGE : pa;
        long bytes = strict ? size & -PAGE : size;
        if (bytes <= 0 || strict && (gpa >>> 12) + (bytes >>> 12) >= STRICT_PAGES) {
            return EINVAL;
        }
        try {
            if (invalid) {
                memory.unmap(gpa, bytes);
                return 0;
            }
            return map(gpa, bytes, va, flags);
        } catch (IllegalArgumentException e) { // misaligned, or beyond the physical width
            return EINVAL;
        } finally {
            dropUnused();
        }
    }

    private int map(long gpa, long bytes, long va, int flags) {
        RamBlock block;
        if ((flags & RAM_STANDALONE) != 0) {
            block = addBlock(va, bytes);
            if (block != null) {
                standAlone.add(block);
            }
        } else {
            block = blockOf(va, bytes);
        }
        if (block == null) {
            return EINVAL;
        }
        memory.map(gpa, bytes, block, va - block.hva(), (flags & RAM_ROM) != 0);
        return 0;
    }

    /** Stand-alone blocks that no slot refers to any more. */
    private void dropUnused() {
        if (standAlone.isEmpty()) {
            return;
        }
        List<MemorySlot> slots = memory.slots();
        for (RamBlock b : List.copyOf(standAlone)) {
            if (slots.stream().noneMatch(s -> s.block() == b)) {
                standAlone.remove(b);
                memory.removeBlock(b);
            }
        }
    }

    private int protect(long gpa, long size, int flags) {
        int rights = flags & PERM_MASK;
        boolean unknown = strict ? rights != PERM_NONE && rights != PERM_RWX : flags != rights;
        if (unknown) {
            return EINVAL;
        }
        try {
            protection.userLayer().protect(gpa, size, rights);
            return 0;
        } catch (
                IllegalArgumentException
                        e) { // empty, wrapping, or past the highest page ever mapped
            return EINVAL;
        }
    }

    // ---- end

    /** Each step is taken whatever the one before did. */
    synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        for (int i = 0; i < vcpus.length; i++) {
            Vcpu c = vcpus[i];
            if (c != null) {
                vcpus[i] = null;
                closing("vCPU " + i, c::close);
            }
        }
        closing("translation", mmu::close);
        closing("protection", protection::close);
        closing("memory", memory::close);
    }
}
