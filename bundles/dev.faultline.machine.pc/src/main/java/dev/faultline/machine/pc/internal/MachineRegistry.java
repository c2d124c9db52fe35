// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import dev.faultline.api.device.ChipsetFactory;
import dev.faultline.api.device.DeviceFactory;
import dev.faultline.api.device.StateMigrator;
import dev.faultline.api.engine.RequireEngine;
import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.FaultPropagation;
import dev.faultline.api.fault.RequireFaultStyle;
import dev.faultline.api.memory.GuestMemoryFactory;
import dev.faultline.api.mmu.MmuFactory;
import dev.faultline.api.protection.RamProtectionFactory;
import dev.faultline.api.service.Others;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.MachineListener;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.machine.pc.internal.fault.HandlerRegistry;
import dev.faultline.machine.pc.internal.service.Offers;
import dev.faultline.machine.pc.internal.state.Migrations;
import dev.faultline.machine.pc.internal.swap.Basics;
import dev.faultline.machine.pc.internal.swap.ListenerRegistry;
import dev.faultline.machine.pc.internal.swap.MachineServices;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.TimeUnit;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferenceCardinality;
import org.osgi.service.component.annotations.ReferencePolicy;
import org.osgi.service.component.annotations.ReferencePolicyOption;

/**
 * The machines there are and the services they may be bound to. Needs nothing itself, so that
 * machines outlive the comings and goings of what they are made from: they stand while a required
 * service is gone.
 */
@Component(service = MachineRegistry.class, immediate = true)
@RequireEngine
@RequireFaultStyle
public final class MachineRegistry implements MachineServices {
    private static final System.Logger LOG = System.getLogger(MachineRegistry.class.getName());

    private final HandlerRegistry handlers = new HandlerRegistry();
    private final Offers<VcpuEngineFactory> engines =
            new Offers<>("engine", (e, properties) -> e.name());
    private final Offers<FaultPropagation> styles =
            new Offers<>("fault style", (p, properties) -> p.style());
    private final Offers<DeviceFactory> devices =
            new Offers<>("device factory", (d, properties) -> deviceName(properties));
    private final Offers<StateMigrator> migrators =
            new Offers<>("state migrator", (m, properties) -> m.section());
    private final Migrations migrations = new Migrations();
    private final List<PcMachine> machines = new CopyOnWriteArrayList<>();
    private final ListenerRegistry listeners = new ListenerRegistry(machines, this::standNanos);
    private final Offers<Object> memories = new Offers<>("memory", (m, p) -> "memory");
    private final Offers<Object> protections = new Offers<>("protection", (m, p) -> "protection");
    private final Offers<Object> mmus = new Offers<>("translation", (m, p) -> "translation");
    private final Offers<Object> chipsets = new Offers<>("chips", (m, p) -> "chips");

    /** Null while one of them is gone. */
    private volatile @Nullable Basics basics;

    private volatile long standNanos = TimeUnit.SECONDS.toNanos(30);

    /** The bundle goes. Others hold its machines: they are not taken from under them, but stand. */
    @Deactivate
    void deactivate() {
        each(m ->
                m.control()
                        .exit(
                                new VcpuExit.Paused(
                                        "the bundle that runs machines, dev.faultline.machine.pc, was stopped: this machine stands for good")));
    }

    /**
     * Memory, protection, translation and chips are there; machines that stand for one get these.
     */
    void open(Basics now) {
        basics = now;
        each(m -> m.bindings().adopted());
    }

    /** One of them went: machines keep what they have, but stand until all are back. */
    void shut() {
        basics = null;
        each(m -> m.bindings().orphaned());
    }

    List<PcMachine> machines() {
        return machines;
    }

    /** From here on it is told of what goes; what went while it was made it looks for itself. */
    void add(PcMachine machine) {
        machines.add(machine);
        machine.bindings().lookAround();
        machine.added().lookAround(this);
        listeners.created(machine);
    }

    // ---- services that come and go

    @Reference(
            name = "engine",
            cardinality = ReferenceCardinality.MULTIPLE,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY,
            updated = "updatedEngine")
    void bindEngine(VcpuEngineFactory engine, Map<String, ?> properties) {
        engines.put(engine, properties);
        each(m -> m.bindings().returned(engine));
    }

    void updatedEngine(VcpuEngineFactory engine, Map<String, ?> properties) {
        engines.put(engine, properties);
    }

    void unbindEngine(VcpuEngineFactory engine) {
        engines.remove(engine);
        each(m -> m.bindings().gone(engine));
        // The best of the others of the same name takes over at once.
        engines.all().forEach(e -> each(m -> m.bindings().returned(e)));
    }

    @Reference(
            name = "style",
            cardinality = ReferenceCardinality.MULTIPLE,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY,
            updated = "updatedStyle")
    void bindStyle(FaultPropagation style, Map<String, ?> properties) {
        styles.put(style, properties);
        each(m -> m.bindings().returned(style));
    }

    void updatedStyle(FaultPropagation style, Map<String, ?> properties) {
        styles.put(style, properties);
    }

    void unbindStyle(FaultPropagation style) {
        styles.remove(style);
        each(m -> m.bindings().gone(style));
        styles.all().forEach(s -> each(m -> m.bindings().returned(s)));
    }

    @Reference(
            name = "handler",
            cardinality = ReferenceCardinality.MULTIPLE,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY,
            updated = "updatedHandler")
    void bindHandler(FaultHandler handler, Map<String, ?> properties) {
        handlers.put(handler, properties);
    }

    void updatedHandler(FaultHandler handler, Map<String, ?> properties) {
        handlers.put(handler, properties);
    }

    void unbindHandler(FaultHandler handler) {
        handlers.remove(handler);
    }

    @Reference(
            name = "device",
            cardinality = ReferenceCardinality.MULTIPLE,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY,
            updated = "updatedDevice")
    void bindDevice(DeviceFactory device, Map<String, ?> properties) {
        Offers.Offer<DeviceFactory> offer = devices.put(device, properties);
        if (offer != null) {
            each(m -> m.added().returned(offer.name(), device));
        }
    }

    /** With another name it is another device: whoever has it under the former name stands. */
    void updatedDevice(DeviceFactory device, Map<String, ?> properties) {
        Offers.Offer<DeviceFactory> before = devices.of(device);
        Offers.Offer<DeviceFactory> now = devices.put(device, properties);
        if (before != null && (now == null || !now.name().equals(before.name()))) {
            withdrawn(device, before.name());
        }
        if (now != null && (before == null || !now.name().equals(before.name()))) {
            each(m -> m.added().returned(now.name(), device));
        }
    }

    void unbindDevice(DeviceFactory device) {
        Offers.Offer<DeviceFactory> before = devices.of(device);
        devices.remove(device);
        if (before != null) {
            withdrawn(device, before.name());
        }
    }

    private void withdrawn(DeviceFactory device, String name) {
        each(m -> m.added().gone(device));
        DeviceFactory next = devices.best(name);
        if (next != null) {
            each(m -> m.added().returned(name, next));
        }
    }

    private static String deviceName(Map<String, ?> properties) {
        Object name = properties.get(DeviceFactory.NAME);
        if (name instanceof String s && s.matches("[^,?=\\s]+")) {
            return s;
        }
        throw new IllegalArgumentException(
                "service property %s=%s: must be one name without spaces, commas, ? and ="
                        .formatted(DeviceFactory.NAME, name));
    }

    // What machines are built on. New ones get what the factory got, the best; those that run keep
    // what they have while it is there.

    @Reference(
            name = "memory",
            cardinality = ReferenceCardinality.MULTIPLE,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    void bindMemory(GuestMemoryFactory memory, Map<String, ?> properties) {
        came(memories, memory, properties);
    }

    void unbindMemory(GuestMemoryFactory memory) {
        went(memories, memory);
    }

    @Reference(
            name = "protection",
            cardinality = ReferenceCardinality.MULTIPLE,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    void bindProtection(RamProtectionFactory protection, Map<String, ?> properties) {
        came(protections, protection, properties);
    }

    void unbindProtection(RamProtectionFactory protection) {
        went(protections, protection);
    }

    @Reference(
            name = "mmu",
            cardinality = ReferenceCardinality.MULTIPLE,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    void bindMmu(MmuFactory mmu, Map<String, ?> properties) {
        came(mmus, mmu, properties);
    }

    void unbindMmu(MmuFactory mmu) {
        went(mmus, mmu);
    }

    @Reference(
            name = "chipset",
            target = "(" + ChipsetFactory.CHIPSET + "=pc)",
            cardinality = ReferenceCardinality.MULTIPLE,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    void bindChipset(ChipsetFactory chipset, Map<String, ?> properties) {
        came(chipsets, chipset, properties);
    }

    void unbindChipset(ChipsetFactory chipset) {
        went(chipsets, chipset);
    }

    private void came(Offers<Object> offers, Object part, Map<String, ?> properties) {
        offers.put(part, properties);
        each(m -> m.bindings().adopted());
    }

    private void went(Offers<Object> offers, Object part) {
        offers.remove(part);
        each(m -> {
            if (m.bindings().isBuiltOn(part)) {
                m.bindings().orphaned();
                m.bindings().adopted();
            }
        });
    }

    @Override
    public boolean complete() {
        return basics != null;
    }

    @Override
    public boolean offered(Object part) {
        return mmus.of(part) != null
                || protections.of(part) != null
                || memories.of(part) != null
                || chipsets.of(part) != null
                || engines.of(part) != null
                || devices.of(part) != null
                || styles.of(part) != null;
    }

    @Override
    public String absent() {
        List<String> names = new ArrayList<>();
        none(memories, "memory", names);
        none(protections, "protection", names);
        none(mmus, "translation", names);
        none(chipsets, "chips", names);
        return names.isEmpty()
                ? "memory, protection, translation or chips"
                : String.join(", ", names);
    }

    private static void none(Offers<?> services, String name, List<String> names) {
        if (services.isEmpty()) {
            names.add(name);
        }
    }

    @Reference(
            name = "listener",
            cardinality = ReferenceCardinality.MULTIPLE,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY,
            updated = "updatedListener")
    void bindListener(MachineListener listener, Map<String, ?> properties) {
        listeners.put(listener, properties);
    }

    void updatedListener(MachineListener listener, Map<String, ?> properties) {
        listeners.put(listener, properties);
    }

    void unbindListener(MachineListener listener) {
        listeners.remove(listener);
    }

    @Reference(
            name = "migrator",
            cardinality = ReferenceCardinality.MULTIPLE,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY,
            updated = "updatedMigrator")
    void bindMigrator(StateMigrator migrator, Map<String, ?> properties) {
        migrators.put(migrator, properties);
        migrations.use(migrators.all());
    }

    void updatedMigrator(StateMigrator migrator, Map<String, ?> properties) {
        migrators.put(migrator, properties);
        migrations.use(migrators.all());
    }

    void unbindMigrator(StateMigrator migrator) {
        migrators.remove(migrator);
        migrations.use(migrators.all());
    }

    /** Tells every machine, whatever telling another one brings. */
    private void each(Consumer<PcMachine> action) {
        machines.forEach(m ->
                Others.contained(
                        LOG,
                        "machine "
                                + m.config().name()
                                + ": telling it of a service that came or went",
                        () -> action.accept(m)));
    }

    List<String> engines() {
        return engines.names();
    }

    /** The best engine's name, of whatever name; null if there is none. */
    @Nullable String bestEngine() {
        return engines.bestName();
    }

    /** The best fault style's name; null if there is none. */
    @Nullable String bestFaultStyle() {
        return styles.bestName();
    }

    List<String> faultStyles() {
        return styles.names();
    }

    List<String> devices() {
        return devices.names();
    }

    // ---- MachineServices

    @Override
    public GuestMemoryFactory memory() {
        return present().memory();
    }

    @Override
    public RamProtectionFactory protection() {
        return present().protection();
    }

    @Override
    public MmuFactory mmu() {
        return present().mmu();
    }

    @Override
    public ChipsetFactory chipset() {
        return present().chipset();
    }

    @Override
    public HandlerRegistry handlers() {
        return handlers;
    }

    @Override
    public VcpuEngineFactory engine(String name) throws MachineException {
        return find(engines, name, "engine");
    }

    @Override
    public FaultPropagation faultStyle(String style) throws MachineException {
        return find(styles, style, "fault style");
    }

    private static <T> T find(Offers<T> offers, String name, String what) throws MachineException {
        T best = offers.best(name);
        if (best == null) {
            throw unknown(what, name, offers.names());
        }
        return best;
    }

    private static MachineException unknown(String what, String name, List<String> known) {
        return new MachineException(
                "unknown "
                        + what
                        + " "
                        + name
                        + "; "
                        + (known.isEmpty()
                                ? "none is installed"
                                : "there is " + String.join(", ", known)));
    }

    @Override
    public DeviceFactory device(String name) throws MachineException {
        return find(devices, name, "device");
    }

    /** From the next wait on. */
    void use(long nanos) {
        standNanos = nanos;
    }

    @Override
    public long standNanos() {
        return standNanos;
    }

    @Override
    public Migrations migrations() {
        return migrations;
    }

    @Override
    public void starting(Machine machine) {
        listeners.starting(machine);
    }

    @Override
    public void closing(Machine machine) {
        machines.remove(machine);
        listeners.closing(machine);
    }

    private Basics present() {
        Basics b = basics;
        if (b == null) {
            throw new IllegalStateException("a service that machines are built on is gone");
        }
        return b;
    }
}
