// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import dev.faultline.api.cpu.VcpuEngineFactory;
import dev.faultline.api.device.ChipsetFactory;
import dev.faultline.api.device.DeviceFactory;
import dev.faultline.api.device.StateMigrator;
import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.FaultPropagation;
import dev.faultline.api.memory.GuestMemoryFactory;
import dev.faultline.api.mmu.MmuFactory;
import dev.faultline.api.protection.RamProtectionFactory;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.MachineListener;
import dev.faultline.api.vm.VcpuExit;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Consumer;
import java.util.function.Function;
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
@Component(service = Workshop.class, immediate = true)
public final class Workshop implements Parts {
    private static final System.Logger LOG = System.getLogger(Workshop.class.getName());

    /** What every machine is built on; one of each. */
    record Basics(
            GuestMemoryFactory memory,
            RamProtectionFactory protection,
            MmuFactory mmu,
            ChipsetFactory chipset) {}

    private final HandlerBoard handlers = new HandlerBoard();
    private final List<VcpuEngineFactory> engines = new CopyOnWriteArrayList<>();
    private final List<FaultPropagation> styles = new CopyOnWriteArrayList<>();
    private final Map<String, DeviceFactory> devices = new ConcurrentSkipListMap<>();
    private final Map<StateMigrator, Integer> migrators = new LinkedHashMap<>();
    private final Migrations migrations = new Migrations();
    private final List<PcMachine> machines = new CopyOnWriteArrayList<>();
    private final ListenerBoard listeners = new ListenerBoard(machines);
    private final List<GuestMemoryFactory> memories = new CopyOnWriteArrayList<>();
    private final List<RamProtectionFactory> protections = new CopyOnWriteArrayList<>();
    private final List<MmuFactory> mmus = new CopyOnWriteArrayList<>();
    private final List<ChipsetFactory> chipsets = new CopyOnWriteArrayList<>();
    private volatile Basics basics;

    /** The bundle goes. Others hold its machines: they are not taken from under them, but stand. */
    @Deactivate
    void deactivate() {
        each(m ->
                m.control()
                        .exit(
                                new VcpuExit.Paused(
                                        "the bundle that runs machines, dev.faultline.machine.pc, was stopped: this machine stands for good")));
    }

    /** Memory, protection, translation and chips are there. */
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

    void add(PcMachine machine) {
        machines.add(machine);
        listeners.created(machine);
    }

    // ---- services that come and go
    // ---------------------------------------------------------------------------------------

    @Reference(
            cardinality = ReferenceCardinality.MULTIPLE,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    void bindEngine(VcpuEngineFactory engine) {
        engines.add(engine);
        each(m -> m.bindings().returned(engine));
    }

    void unbindEngine(VcpuEngineFactory engine) {
        engines.remove(engine);
        each(m -> m.bindings().gone(engine));
        // Another provider of the same name takes over at once.
        engines.forEach(e -> each(m -> m.bindings().returned(e)));
    }

    @Reference(
            cardinality = ReferenceCardinality.MULTIPLE,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    void bindStyle(FaultPropagation style) {
        styles.add(style);
        each(m -> m.bindings().returned(style));
    }

    void unbindStyle(FaultPropagation style) {
        styles.remove(style);
        each(m -> m.bindings().gone(style));
        styles.forEach(s -> each(m -> m.bindings().returned(s)));
    }

    @Reference(
            cardinality = ReferenceCardinality.MULTIPLE,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    void bindHandler(FaultHandler handler, Map<String, ?> properties) {
        handlers.add(handler, properties);
    }

    void unbindHandler(FaultHandler handler) {
        handlers.remove(handler);
    }

    @Reference(
            cardinality = ReferenceCardinality.MULTIPLE,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    void bindDevice(DeviceFactory device, Map<String, ?> properties) {
        Object name = properties.get(DeviceFactory.NAME);
        if (name == null) {
            LOG.log(
                    System.Logger.Level.WARNING,
                    device.getClass().getName()
                            + ": a device without the property "
                            + DeviceFactory.NAME);
            return;
        }
        devices.put(name.toString(), device);
        each(m -> m.added().returned(name.toString(), device));
    }

    void unbindDevice(DeviceFactory device) {
        devices.values().remove(device);
        each(m -> m.added().gone(device));
    }

    // Only to say which one machines stand for: what they get is what the factory got.

    @Reference(cardinality = ReferenceCardinality.MULTIPLE, policy = ReferencePolicy.DYNAMIC)
    void bindMemory(GuestMemoryFactory memory) {
        memories.add(memory);
    }

    void unbindMemory(GuestMemoryFactory memory) {
        memories.remove(memory);
    }

    @Reference(cardinality = ReferenceCardinality.MULTIPLE, policy = ReferencePolicy.DYNAMIC)
    void bindProtection(RamProtectionFactory protection) {
        protections.add(protection);
    }

    void unbindProtection(RamProtectionFactory protection) {
        protections.remove(protection);
    }

    @Reference(cardinality = ReferenceCardinality.MULTIPLE, policy = ReferencePolicy.DYNAMIC)
    void bindMmu(MmuFactory mmu) {
        mmus.add(mmu);
    }

    void unbindMmu(MmuFactory mmu) {
        mmus.remove(mmu);
    }

    @Reference(
            target = "(" + ChipsetFactory.CHIPSET + "=pc)",
            cardinality = ReferenceCardinality.MULTIPLE,
            policy = ReferencePolicy.DYNAMIC)
    void bindChipset(ChipsetFactory chipset) {
        chipsets.add(chipset);
    }

    void unbindChipset(ChipsetFactory chipset) {
        chipsets.remove(chipset);
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

    private static void none(Collection<?> services, String name, List<String> names) {
        if (services.isEmpty()) {
            names.add(name);
        }
    }

    @Reference(
            cardinality = ReferenceCardinality.MULTIPLE,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    void bindListener(MachineListener listener) {
        listeners.add(listener);
    }

    void unbindListener(MachineListener listener) {
        listeners.remove(listener);
    }

    @Reference(
            cardinality = ReferenceCardinality.MULTIPLE,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    void bindMigrator(StateMigrator migrator, Map<String, ?> properties) {
        synchronized (migrators) {
            Object ranking = properties.get("service.ranking");
            migrators.put(migrator, ranking instanceof Integer i ? i : 0);
            useMigrators();
        }
    }

    void unbindMigrator(StateMigrator migrator) {
        synchronized (migrators) {
            migrators.remove(migrator);
            useMigrators();
        }
    }

    private void useMigrators() {
        migrations.use(
                migrators.entrySet().stream()
                        .sorted(Map.Entry.<StateMigrator, Integer>comparingByValue().reversed())
                        .map(Map.Entry::getKey)
                        .toList());
    }

    private void each(Consumer<PcMachine> action) {
        machines.forEach(action);
    }

    List<String> engines() {
        return names(engines, VcpuEngineFactory::name);
    }

    List<String> faultStyles() {
        return names(styles, FaultPropagation::style);
    }

    List<String> devices() {
        return List.copyOf(devices.keySet());
    }

    private static <T> List<String> names(Collection<T> services, Function<T, String> name) {
        return services.stream().map(name).distinct().sorted().toList();
    }

    // ---- Parts
    // -----------------------------------------------------------------------------------------------------------

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
    public HandlerBoard handlers() {
        return handlers;
    }

    @Override
    public VcpuEngineFactory engine(String name) throws MachineException {
        return find(engines, VcpuEngineFactory::name, name, "engine");
    }

    @Override
    public FaultPropagation faultStyle(String style) throws MachineException {
        return find(styles, FaultPropagation::style, style, "fault style");
    }

    private static <T> T find(
            List<T> services, Function<T, String> nameOf, String name, String what)
            throws MachineException {
        for (T s : services) {
            if (nameOf.apply(s).equals(name)) {
                return s;
            }
        }
        throw unknown(what, name, names(services, nameOf));
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
        DeviceFactory d = devices.get(name);
        if (d == null) {
            throw unknown("device", name, devices());
        }
        return d;
    }

    @Override
    public Migrations migrations() {
        return migrations;
    }

    @Override
    public void starting(PcMachine machine) {
        listeners.starting(machine);
    }

    @Override
    public void closing(PcMachine machine) {
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
