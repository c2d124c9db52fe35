// SPDX-License-Identifier: Apache-2.0
package dev.faultline.hax.internal;

import static dev.faultline.api.hax.HaxAbi.*;
import static dev.faultline.api.hax.HaxLayout.offset;

import dev.faultline.api.hax.HaxLayout;
import dev.faultline.api.hax.HaxModule;
import dev.faultline.api.hax.HaxOp;
import dev.faultline.api.hax.HaxPlatform;
import dev.faultline.api.service.Others;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ScheduledFuture;
import java.util.concurrent.ScheduledThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The module: devices, handles, dispatch. Lock order: this object, then a VM, then a vCPU's turn.
 */
final class Driver implements HaxModule {
    private static final System.Logger LOG = System.getLogger(Driver.class.getName());

    /**
     * What a client writes into a tunnel is noticed this often while its vCPU runs; on hardware the
     * host's own interrupts do it.
     */
    private static final long POLL_MILLIS = 1;

    private static final int CAP_WINFO = offset(HaxLayout.CAPABILITY, "winfo");
    private static final int WINFO =
            CAP_EPT
                    | CAP_FASTMMIO
                    | CAP_UG
                    | CAP_64BIT_RAMBLOCK
                    | CAP_64BIT_SETRAM
                    | CAP_TUNNEL_PAGE
                    | CAP_RAM_PROTECTION
                    | CAP_DEBUG
                    | CAP_IMPLICIT_RAMBLOCK
                    | CAP_CPUID;

    private static final ByteBuffer NO_ARGUMENT = ByteBuffer.allocate(0);

    /** What an operation is for. */
    private interface Target {
        int ioctl(HaxOp op, ByteBuffer arg);
    }

    /**
     * An open device.
     *
     * @param vm that it is, or belongs to; null: the module
     */
    private record Handle(HaxOp.On on, @Nullable Vm vm, Target target) {}

    private final Services services;
    private final HaxPlatform platform;
    private final boolean strict;
    private final Statuses statuses;
    private final Consumer<Driver> closedListener;
    private final Map<Long, Handle> handles = new ConcurrentHashMap<>();
    private final Map<Integer, Vm> vms = new ConcurrentHashMap<>();

    /** Null before the first VM. */
    private @Nullable ScheduledThreadPoolExecutor poller;

    private long lastHandle;
    private boolean closed;

    Driver(
            Services services,
            HaxPlatform platform,
            boolean strict,
            Consumer<Driver> closedListener) {
        this.services = services;
        this.platform = platform;
        this.strict = strict;
        this.closedListener = closedListener;
        statuses = new Statuses(platform, strict);
    }

    @Override
    public HaxPlatform platform() {
        return platform;
    }

    @Override
    public boolean strict() {
        return strict;
    }

    /** For tests. */
    @Nullable Vm vm(int id) {
        return vms.get(id);
    }

    // ---- handles

    @Override
    public synchronized long open(String device) {
        Handle h = closed ? null : find(device);
        if (h == null) {
            return statuses.dead();
        }
        handles.put(++lastHandle, h);
        return lastHandle;
    }

    private @Nullable Handle find(String device) {
        if (platform.moduleDevice().equals(device)) {
            return new Handle(HaxOp.On.MODULE, null, this::module);
        }
        for (Vm vm : vms.values()) {
            if (platform.vmDevice(vm.id).equals(device)) {
                return new Handle(HaxOp.On.VM, vm, vm::ioctl);
            }
            for (int i = 0; i < MAX_VCPUS; i++) {
                Vcpu c = vm.vcpu(i);
                if (c != null && platform.vcpuDevice(vm.id, i).equals(device)) {
                    return new Handle(HaxOp.On.VCPU, vm, c::ioctl);
                }
            }
        }
        return null;
    }

    @Override
    public synchronized void close(long handle) {
        Handle h = handles.remove(handle);
        Vm vm = h == null ? null : h.vm;
        if (vm != null && handles.values().stream().noneMatch(o -> o.vm == vm)) {
            destroy(vm);
        }
    }

    private void destroy(Vm vm) {
        vms.remove(vm.id, vm);
        handles.values().removeIf(h -> h.vm == vm);
        vm.close();
    }

    // ---- dispatch

    @Override
    public int ioctl(long handle, int code, @Nullable ByteBuffer arg) {
        Handle h = handles.get(handle);
        if (h == null) {
            return statuses.dead();
        }
        HaxOp op = HaxOp.of(platform, h.on, code);
        if (op == null) {
            return statuses.unknown(h.on);
        }
        ByteBuffer b = arg == null ? NO_ARGUMENT : arg.duplicate().order(ByteOrder.LITTLE_ENDIAN);
        if (op.size() > b.limit()) {
            return statuses.tooShort(op);
        }
        if (op == HaxOp.SET_CPUID || op == HaxOp.GET_CPUID) {
            ByteBuffer table = CpuidTable.at(b, platform == HaxPlatform.WINDOWS);
            if (table == null) {
                return statuses.tooShort(op);
            }
            b = table;
        }
        return statuses.of(op, h.target.ioctl(op, b));
    }

    private int module(HaxOp op, ByteBuffer arg) {
        switch (op) {
            case VERSION -> {
                arg.putInt(0, COMPAT_VERSION);
                arg.putInt(4, CUR_VERSION);
            }
            case CAPABILITY -> {
                arg.putShort(0, (short) CAP_WORKING);
                arg.putShort(CAP_WINFO, (short) WINFO);
                arg.putInt(4, 0);
                arg.putLong(8, 0);
            }
            case SET_MEMLIMIT -> {
                // Without effect, as under the reference since it has 64-bit sizes.
            }
            case CREATE_VM -> {
                return createVm(arg);
            }
            case DESTROY_VM -> {
                return destroyVm(arg.getInt(0));
            }
            default -> throw new IllegalStateException(op + " is not the module's");
        }
        return 0;
    }

    private synchronized int createVm(ByteBuffer arg) {
        if (closed) {
            return ENODEV;
        }
        int id = 0;
        while (vms.containsKey(id)) {
            id++;
        }
        if (id >= platform.maxVms()) {
            return ENOMEM;
        }
        vms.put(id, new Vm(id, services, strict));
        arg.putInt(0, id);
        poll();
        return 0;
    }

    private synchronized int destroyVm(int id) {
        Vm vm = vms.get(id);
        if (vm == null) {
            return EINVAL;
        }
        destroy(vm);
        return 0;
    }

    private void poll() {
        if (poller == null) {
            poller =
                    new ScheduledThreadPoolExecutor(
                            1, Thread.ofPlatform().name("hax-tunnels").daemon().factory());
            ScheduledFuture<?> _ =
                    poller.scheduleWithFixedDelay(
                            () -> vms.values().forEach(Vm::poll),
                            POLL_MILLIS,
                            POLL_MILLIS,
                            TimeUnit.MILLISECONDS);
        }
    }

    @Override
    public synchronized void close() {
        if (closed) {
            return;
        }
        closed = true;
        if (poller != null) {
            poller.shutdown();
        }
        for (Vm vm : vms.values()) {
            Others.contained(LOG, "VM " + vm.id + ": its end", () -> destroy(vm));
        }
        handles.clear();
        closedListener.accept(this);
    }
}
