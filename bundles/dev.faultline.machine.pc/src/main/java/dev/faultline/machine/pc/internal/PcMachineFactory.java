// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import dev.faultline.api.cpu.VcpuEngineFactory;
import dev.faultline.api.device.ChipsetFactory;
import dev.faultline.api.device.DeviceFactory;
import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.FaultPropagation;
import dev.faultline.api.memory.GuestMemoryFactory;
import dev.faultline.api.mmu.MmuFactory;
import dev.faultline.api.protection.RamProtectionFactory;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.MachineFactory;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Function;
import org.osgi.service.component.annotations.Activate;
import org.osgi.service.component.annotations.Component;
import org.osgi.service.component.annotations.Deactivate;
import org.osgi.service.component.annotations.Modified;
import org.osgi.service.component.annotations.Reference;
import org.osgi.service.component.annotations.ReferenceCardinality;
import org.osgi.service.component.annotations.ReferencePolicy;
import org.osgi.service.component.annotations.ReferencePolicyOption;
import org.osgi.service.metatype.annotations.AttributeDefinition;
import org.osgi.service.metatype.annotations.Designate;
import org.osgi.service.metatype.annotations.ObjectClassDefinition;

/**
 * Builds PCs from the services that are present, and carries machines over the comings and goings of engines and fault styles.
 */
@Component(configurationPid = PcMachineFactory.PID)
@Designate(ocd = PcMachineFactory.Config.class)
public final class PcMachineFactory implements MachineFactory, Parts {
    public static final String PID = "dev.faultline.machine.pc";

    /** What a machine gets whose configuration does not say. */
    @ObjectClassDefinition(
            id = PID,
            name = "Faultline PC",
            description = "Defaults of new machines. A change swaps every running machine over.")
    public @interface Config {
        @AttributeDefinition(
                name = "Engine",
                description = "Name of the execution engine, e.g. interpreter")
        String engine() default "interpreter";

        @AttributeDefinition(name = "Fault style", description = "thrown or coded")
        String fault_style() default "coded";
    }

    private static final System.Logger LOG = System.getLogger(PcMachineFactory.class.getName());

    private final GuestMemoryFactory memory;
    private final RamProtectionFactory protection;
    private final MmuFactory mmu;
    private final ChipsetFactory chipset;
    private final HandlerBoard handlers = new HandlerBoard();
    private final List<VcpuEngineFactory> engines = new CopyOnWriteArrayList<>();
    private final List<FaultPropagation> styles = new CopyOnWriteArrayList<>();
    private final Map<String, DeviceFactory> devices = new ConcurrentSkipListMap<>();
    private final List<PcMachine> machines = new CopyOnWriteArrayList<>();
    private volatile Config config;

    @Activate
    public PcMachineFactory(
            @Reference GuestMemoryFactory memory,
            @Reference RamProtectionFactory protection,
            @Reference MmuFactory mmu,
            @Reference(target = "(" + ChipsetFactory.CHIPSET + "=pc)") ChipsetFactory chipset,
            Config config) {
        this.memory = memory;
        this.protection = protection;
        this.mmu = mmu;
        this.chipset = chipset;
        this.config = config;
    }

    // ---- services that come and go ---------------------------------------------------------------------------------------

    @Reference(
            cardinality = ReferenceCardinality.MULTIPLE,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    void bindEngine(VcpuEngineFactory engine) {
        engines.add(engine);
        machines.forEach(m -> m.returned(engine));
    }

    void unbindEngine(VcpuEngineFactory engine) {
        engines.remove(engine);
        machines.forEach(m -> m.gone(engine));
        // Another provider of the same name takes over at once.
        engines.forEach(e -> machines.forEach(m -> m.returned(e)));
    }

    @Reference(
            cardinality = ReferenceCardinality.MULTIPLE,
            policy = ReferencePolicy.DYNAMIC,
            policyOption = ReferencePolicyOption.GREEDY)
    void bindStyle(FaultPropagation style) {
        styles.add(style);
        machines.forEach(m -> m.returned(style));
    }

    void unbindStyle(FaultPropagation style) {
        styles.remove(style);
        machines.forEach(m -> m.gone(style));
        styles.forEach(s -> machines.forEach(m -> m.returned(s)));
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
                    device.getClass().getName() + ": a device without the property " + DeviceFactory.NAME);
            return;
        }
        devices.put(name.toString(), device);
    }

    void unbindDevice(DeviceFactory device) {
        devices.values().remove(device);
    }

    @Modified
    void modified(Config changed) {
        Config before = config;
        config = changed;
        for (PcMachine m : machines) {
            try {
                if (!before.engine().equals(changed.engine()) && !m.engine().equals(changed.engine())) {
                    m.swapEngine(changed.engine());
                }
                if (!before.fault_style().equals(changed.fault_style())
                        && !m.faultStyle().equals(changed.fault_style())) {
                    m.swapFaultStyle(changed.fault_style());
                }
            } catch (MachineException e) {
                LOG.log(
                        System.Logger.Level.WARNING,
                        "configuration " + PID + ": machine " + m.config().name() + " stays as it is: "
                                + e.getMessage());
            }
        }
    }

    @Deactivate
    void deactivate() {
        machines.forEach(PcMachine::orphaned);
    }

    // ---- MachineFactory --------------------------------------------------------------------------------------------------

    @Override
    public Machine create(MachineConfig asked) throws MachineException {
        MachineConfig c =
                new MachineConfig(
                        asked.name(),
                        asked.ramBytes(),
                        asked.vcpus(),
                        orDefault(asked.engine(), config.engine()),
                        orDefault(asked.faultStyle(), config.fault_style()),
                        asked.devices());
        ConfigCheck.check(c);
        PcMachine m = PcMachine.create(c, this);
        machines.add(m);
        return m;
    }

    private static String orDefault(String value, String otherwise) {
        return value == null || value.isBlank() ? otherwise : value;
    }

    @Override
    public List<Machine> machines() {
        return List.copyOf(machines);
    }

    @Override
    public List<String> engines() {
        return names(engines, VcpuEngineFactory::name);
    }

    @Override
    public List<String> faultStyles() {
        return names(styles, FaultPropagation::style);
    }

    private static <T> List<String> names(Collection<T> services, Function<T, String> name) {
        return services.stream().map(name).distinct().sorted().toList();
    }

    @Override
    public List<String> devices() {
        return List.copyOf(devices.keySet());
    }

    // ---- Parts -----------------------------------------------------------------------------------------------------------

    @Override
    public GuestMemoryFactory memory() {
        return memory;
    }

    @Override
    public RamProtectionFactory protection() {
        return protection;
    }

    @Override
    public MmuFactory mmu() {
        return mmu;
    }

    @Override
    public ChipsetFactory chipset() {
        return chipset;
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

    private static <T> T find(List<T> services, Function<T, String> nameOf, String name, String what)
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
                "unknown " + what + " " + name + "; "
                        + (known.isEmpty() ? "none is installed" : "there is " + String.join(", ", known)));
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
    public void closed(PcMachine machine) {
        machines.remove(machine);
    }
}
