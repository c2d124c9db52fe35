// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.swap;

import dev.faultline.api.device.ChipsetFactory;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.engine.VcpuEngineFactory;
import dev.faultline.api.fault.FaultPropagation;
import dev.faultline.api.memory.GuestMemory;
import dev.faultline.api.memory.GuestMemoryFactory;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.api.mmu.MmuFactory;
import dev.faultline.api.protection.RamProtectionFactory;
import dev.faultline.api.service.Others;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.machine.pc.internal.board.DmaPorts;
import dev.faultline.machine.pc.internal.event.Recording;
import dev.faultline.machine.pc.internal.fault.FaultDispatcher;
import dev.faultline.machine.pc.internal.fault.SteadyProtection;
import dev.faultline.machine.pc.internal.run.EngineSlot;
import dev.faultline.machine.pc.internal.run.RunControl;
import dev.faultline.machine.pc.internal.run.Standstill;
import org.jspecify.annotations.Nullable;

/**
 * What a machine exchanges while it exists: its engine, fault style, translation and protection, by
 * request or because a service goes and another comes. Everything else stays what it was built
 * with.
 */
public final class Bindings {
    private static final System.Logger LOG = System.getLogger(Bindings.class.getName());
    private static final String ENGINE = "engine";
    private static final String STYLE = "fault style";
    private static final String BASICS = "basics";

    private final String machine;
    private final MachineServices services;
    private final RunControl control;
    private final Standstill standstill;
    private final VcpuContext[] vcpus;
    private final GuestMemory memory;
    private final GuestMemoryFactory memoryFactory;
    private final ChipsetFactory chipsetFactory;
    private final EngineSlot engines;
    private final DmaPorts dma;
    private final FaultDispatcher faults;
    private final SteadyProtection protection;
    private RamProtectionFactory protectionFactory;
    private volatile Mmu mmu;
    private MmuFactory mmuFactory;
    private volatile long swaps;
    private volatile long maxSwapPauseNanos;

    /** What is bound now. */
    public record Bound(
            GuestMemory memory,
            EngineSlot engines,
            DmaPorts dma,
            FaultDispatcher faults,
            SteadyProtection protection,
            RamProtectionFactory protectionFactory,
            Mmu mmu,
            MmuFactory mmuFactory,
            GuestMemoryFactory memoryFactory,
            ChipsetFactory chipsetFactory) {}

    public Bindings(
            String machine,
            MachineServices services,
            RunControl control,
            Standstill standstill,
            VcpuContext[] vcpus,
            Bound now) {
        this.machine = machine;
        this.services = services;
        this.control = control;
        this.standstill = standstill;
        this.vcpus = vcpus;
        memory = now.memory;
        memoryFactory = now.memoryFactory;
        chipsetFactory = now.chipsetFactory;
        engines = now.engines;
        dma = now.dma;
        faults = now.faults;
        protection = now.protection;
        protectionFactory = now.protectionFactory;
        mmu = now.mmu;
        mmuFactory = now.mmuFactory;
    }

    public Mmu mmu() {
        return mmu;
    }

    public String engine() {
        return engines.factory().name();
    }

    /** See {@link dev.faultline.api.vm.Machine#engineRefusal}. */
    public @Nullable String engineRefusal() {
        VcpuEngineFactory factory = engines.factory();
        try {
            return factory.refusal();
        } catch (Throwable thrown) {
            return Others.name(factory) + " cannot say: " + Others.why(thrown);
        }
    }

    public String faultStyle() {
        return engines.style().style();
    }

    public long swaps() {
        return swaps;
    }

    public long maxSwapPauseNanos() {
        return maxSwapPauseNanos;
    }

    // ---- by request

    public void swapEngine(String engine) throws MachineException {
        VcpuEngineFactory next = services.engine(engine);
        swap(
                ENGINE,
                engine,
                () -> {
                    engines.use(next);
                    settleEngine();
                });
    }

    public void swapFaultStyle(String style) throws MachineException {
        FaultPropagation next = services.faultStyle(style);
        swap(
                STYLE,
                style,
                () -> {
                    engines.use(next);
                    settleStyle();
                });
    }

    /**
     * @throws MachineException if {@code to} cannot be used; then what there was goes on
     */
    private void swap(String what, String to, Runnable change) throws MachineException {
        long start = System.nanoTime();
        @Nullable Throwable[] failed = new Throwable[1];
        standstill.quiesce(() -> {
            try {
                change.run();
                swaps++;
            } catch (Throwable e) { // others' code
                failed[0] = e;
            }
        });
        Throwable thrown = failed[0];
        if (thrown != null) {
            throw new MachineException(
                    "machine %s: %s %s cannot be used: %s; engine %s and fault style %s %s"
                            .formatted(
                                    machine,
                                    what,
                                    to,
                                    Others.why(thrown),
                                    engine(),
                                    faultStyle(),
                                    engines.hasEngines()
                                            ? "go on"
                                            : "were to go on, but the engine cannot be made again either"),
                    thrown);
        }
        long took = System.nanoTime() - start;
        maxSwapPauseNanos = Math.max(maxSwapPauseNanos, took);
        Recording.swap(machine, to, took);
    }

    // ---- services that come and go; on the framework's threads

    /**
     * A service went: if this machine is bound to it, stands until there is one of that name. What
     * is bound may be exchanged at the same time; the last word is that of {@link #settleEngine}
     * and {@link #settleStyle}.
     */
    public void gone(Object service) {
        if (service == engines.factory()) {
            String name = "engine " + engine();
            control.missing(ENGINE, () -> name);
            standstill.outside(this::settleEngine);
        } else if (service == engines.style()) {
            String name = "fault style " + faultStyle();
            control.missing(STYLE, () -> name);
            standstill.outside(this::settleStyle);
        }
    }

    /** A service came: takes the place of one of the same name that went. */
    public void returned(Object service) {
        if (service instanceof VcpuEngineFactory && control.isMissing(ENGINE)) {
            standstill.outside(this::settleEngine);
        } else if (service instanceof FaultPropagation && control.isMissing(STYLE)) {
            standstill.outside(this::settleStyle);
        }
    }

    /**
     * The vCPUs stand. Goes on with the engine that is bound if it is offered, else with the best
     * of its name, else without one until it comes. Swaps, goings and comings that cross each have
     * seen a state that is over when they are made; so all end here, with what is offered now. The
     * order of each step counts: who goes after the look tells of it again, and who comes after the
     * search finds that it is missed.
     */
    private void settleEngine() {
        control.present(ENGINE);
        while (!services.offered(engines.factory())) {
            String name = engine();
            control.missing(ENGINE, () -> "engine " + name);
            engines.close();
            try {
                engines.use(services.engine(name));
            } catch (MachineException none) {
                return;
            }
            control.present(ENGINE);
        }
        if (!engines.hasEngines()) {
            engines.use(engines.factory());
        }
    }

    /** As {@link #settleEngine}. */
    private void settleStyle() {
        control.present(STYLE);
        while (!services.offered(engines.style())) {
            String name = faultStyle();
            control.missing(STYLE, () -> "fault style " + name);
            try {
                engines.use(services.faultStyle(name));
            } catch (MachineException none) {
                return;
            }
            control.present(STYLE);
        }
    }

    /** Takes notice of what went before anybody could tell this machine of it. */
    public void lookAround() {
        if (!services.offered(engines.factory())) {
            gone(engines.factory());
        }
        if (!services.offered(engines.style())) {
            gone(engines.style());
        }
        if (!services.complete()
                || !services.offered(memoryFactory)
                || !services.offered(chipsetFactory)
                || !services.offered(protectionFactory)
                || !services.offered(mmuFactory)) {
            orphaned();
            adopted();
        }
    }

    /** A service that machines are built on (memory, protection, translation, chips) went. */
    public void orphaned() {
        control.missing(BASICS, services::absent);
        standstill.awaitStand();
    }

    /**
     * All of them are there again. Rights are moved to another provider's protection; translation
     * holds nothing that cannot be derived, so another provider's takes over. Memory and chips stay
     * those that the machine was built with: what they hold cannot be had twice.
     */
    public void adopted() {
        if (!control.isMissing(BASICS) || !mayAdopt()) {
            return;
        }
        standstill.outside(() -> {
            if (!control.isMissing(BASICS) || !mayAdopt()) {
                return; // one of them went while this waited
            }
            try {
                if (!services.offered(protectionFactory)) {
                    RamProtectionFactory next = services.protection();
                    protection.renew(next);
                    protectionFactory = next;
                }
                if (!services.offered(mmuFactory)) {
                    renewMmu(services.mmu());
                }
                control.present(BASICS);
            } catch (Throwable e) { // the provider is others' code
                Others.report(LOG, "machine " + machine + ": the new protection or translation", e);
                control.exit(
                        new VcpuExit.Paused(
                                "the new protection or translation failed: " + Others.why(e)));
            }
        });
    }

    /** What new machines get is there: who tells of it and of its going may come in any order. */
    private boolean mayAdopt() {
        return services.complete()
                && services.offered(services.memory())
                && services.offered(services.chipset())
                && services.offered(services.protection())
                && services.offered(services.mmu());
    }

    /** Whether this machine uses what the factory made. */
    public boolean isBuiltOn(Object factory) {
        return factory == protectionFactory
                || factory == mmuFactory
                || factory == memoryFactory
                || factory == chipsetFactory;
    }

    /**
     * Exchanges the translation. If the new one cannot be had, what there was is there as before.
     */
    private void renewMmu(MmuFactory from) {
        Mmu next = Others.made(from.create(memory, protection), "translation", from);
        Mmu old = mmu;
        boolean withEngines = engines.hasEngines();
        engines.close();
        try {
            for (VcpuContext v : vcpus) {
                next.attach(v);
            }
            use(next, withEngines);
        } catch (Throwable e) { // others' code
            step("translation that failed, closing it,", next::close);
            use(old, withEngines);
            throw e;
        }
        mmuFactory = from;
        for (VcpuContext v : vcpus) {
            step(
                    "former translation, closing vCPU %d of it,".formatted(v.index),
                    () -> old.detach(v));
        }
        step("former translation, closing it,", old::close);
    }

    /** All vCPUs are attached to it. */
    private void use(Mmu next, boolean withEngines) {
        for (VcpuContext v : vcpus) {
            v.mmu = next;
        }
        mmu = next;
        dma.use(next);
        faults.use(next);
        engines.use(next, withEngines);
    }

    /** Of leaving a translation: it shall not harm the other. */
    private void step(String what, Others.Step step) {
        Others.contained(LOG, "machine " + machine + ": its " + what, step);
    }
}
