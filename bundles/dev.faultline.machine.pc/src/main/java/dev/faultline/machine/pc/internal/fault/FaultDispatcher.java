// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal.fault;

import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.PendingFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.Rights;
import dev.faultline.machine.pc.internal.event.FaultEvent;
import dev.faultline.machine.pc.internal.event.HandlerEvent;
import dev.faultline.machine.pc.internal.event.Recording;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Counts a machine's faults and asks whoever may resolve them: first the layers that forbade the
 * access, then the whiteboard. Handlers are others' code: whatever they do, the machine goes on or
 * stops with a reason.
 */
public final class FaultDispatcher {
    private static final FaultOrigin[] ORIGINS = FaultOrigin.values();
    private static final long MIN_WATCH_NANOS = 2_000_000;

    /** How often a handler is looked at before its deadline. */
    private static final int LOOKS = 8;

    /** Nobody answered. */
    private static final Resolution UNRESOLVED = Resolution.stop("unresolved");

    private final String machine;
    private final SteadyProtection protection;
    private volatile Mmu mmu;
    private final HandlerRegistry whiteboard;

    /** Index: vCPU + 1; 0 is the devices'. */
    private final FaultSlot[] slots;

    private final Map<ProtectionLayer, AskedHandler> layerHandlers = new ConcurrentHashMap<>();

    /** Null until it is opened. */
    private volatile @Nullable Thread watch;

    private final HandlerTime.Probe probe = HandlerTime.Probe.HOST;

    public FaultDispatcher(
            String machine,
            SteadyProtection protection,
            Mmu mmu,
            HandlerRegistry whiteboard,
            int vcpus) {
        this.machine = machine;
        this.protection = protection;
        this.mmu = mmu;
        this.whiteboard = whiteboard;
        slots = new FaultSlot[vcpus + 1];
        for (int i = 0; i < slots.length; i++) {
            slots[i] = new FaultSlot();
        }
    }

    /** The machine's translation from now on. While it stands. */
    public void use(Mmu next) {
        mmu = next;
    }

    public FaultPolicy policy() {
        return whiteboard.policy();
    }

    /**
     * @param vcpu index, or -1 for devices
     */
    public FaultSlot slot(int vcpu) {
        return slots[vcpu + 1];
    }

    /**
     * Counts the fault and asks for its resolution. At an instruction boundary (or on the timer
     * thread for a device), no lock held.
     *
     * @param kind {@link PendingFault#PROTECTED} or {@link PendingFault#UNBACKED}
     * @param answers of the vCPU or port: receives what the next attempt may do
     * @return RETRY: execute again, by itself if the answers are active; an INJECT; or a STOP: the
     *     machine must stop with this fault
     */
    public Resolution resolve(int kind, PageFault fault, Answers answers) {
        FaultSlot slot = slot(fault.vcpu());
        long start = System.nanoTime();
        slot.fault(fault);
        Resolution r = decide(kind, fault, answers, slot, protection.layers());
        mmu.codeWritten(fault.gfn() << 12, 0x1000); // a handler may have written there
        if (r.kind() != Resolution.Kind.STOP) {
            slot.resolved(System.nanoTime() - start);
        }
        if (Recording.faults()) {
            FaultEvent.write(machine, fault, r, start);
        }
        return r;
    }

    /**
     * What nobody resolved stops the machine only if those who were asked are still those who are
     * there: layers and handlers come and go, and rights change, while they are asked. Otherwise
     * the access is tried again, and decided anew if it is stopped again.
     */
    private Resolution decide(
            int kind,
            PageFault fault,
            Answers answers,
            FaultSlot slot,
            List<ProtectionLayer> layers) {
        Object handlers = whiteboard.state();
        int rights = protection.rightsOf(fault.gfn());
        Resolution r =
                kind == PendingFault.PROTECTED
                        ? ask(fault, answers, slot, layers)
                        : carryOut(whiteboard.ask(this, fault, slot), fault, answers);
        if (r != UNRESOLVED) {
            return r;
        }
        int now = protection.rightsOf(fault.gfn());
        boolean asItWas =
                now == rights && protection.layers() == layers && whiteboard.state() == handlers;
        boolean open = kind == PendingFault.PROTECTED && (fault.stopped() & ~now) == 0;
        return asItWas && !open ? Resolution.STOP : Resolution.RETRY;
    }

    /** Answers to a PROTECTED fault: RETRY, an INJECT, a STOP or UNRESOLVED. */
    private Resolution ask(
            PageFault fault, Answers answers, FaultSlot slot, List<ProtectionLayer> layers) {
        boolean forbidden = false;
        boolean open = true;
        for (int i = 0; i < layers.size(); i++) {
            ProtectionLayer layer = layers.get(i);
            if ((fault.stopped() & ~layer.rightsOf(fault.gfn())) == 0) {
                continue;
            }
            forbidden = true;
            if (answers.opens(fault.gpa(), fault.length(), fault.access(), layer)) {
                continue; // it has let this access through already
            }
            Resolution r = askLayer(layer, fault, slot);
            if (r == Resolution.STEP) {
                open &= step(fault, layer, answers);
            } else if (r == Resolution.PASS) {
                open = false;
            } else {
                return carryOut(r, fault, answers);
            }
        }
        if (!forbidden || open) {
            return Resolution.RETRY; // opened meanwhile by somebody else, or let through by all
        }
        Resolution r = whiteboard.ask(this, fault, slot);
        if (r != Resolution.STEP) {
            return carryOut(r, fault, answers);
        }
        for (int i = 0; i < layers.size(); i++) {
            if ((fault.stopped() & ~layers.get(i).rightsOf(fault.gfn())) != 0
                    && !step(fault, layers.get(i), answers)) {
                return Resolution.STOP;
            }
        }
        return Resolution.RETRY;
    }

    private static boolean step(PageFault fault, ProtectionLayer layer, Answers answers) {
        return answers.step(fault.gpa(), fault.length(), fault.access(), layer);
    }

    private static Resolution carryOut(Resolution r, PageFault fault, Answers answers) {
        return switch (r.kind()) {
            case RETRY, INJECT -> r;
            case SUPPLY ->
                    answers.supply(
                                    fault.gpa(),
                                    Objects.requireNonNull(r.bytes(), "a SUPPLY has bytes"))
                            ? Resolution.RETRY
                            : Resolution.STOP;
            case DISCARD ->
                    answers.discard(fault.gpa(), fault.length())
                            ? Resolution.RETRY
                            : Resolution.STOP;
            case STOP -> r;
            case PASS, STEP -> UNRESOLVED;
        };
    }

    private Resolution askLayer(ProtectionLayer layer, PageFault fault, FaultSlot slot) {
        AskedHandler a = layerHandlers.get(layer);
        if (a == null) {
            FaultHandler h = protection.handlerOf(layer);
            if (h == null) {
                return Resolution.PASS;
            }
            layerHandlers.keySet().retainAll(protection.layers());
            a = new AskedHandler(h, layer.name());
            layerHandlers.put(layer, a);
        }
        return ask(a, layer, fault, slot);
    }

    /**
     * Asks one handler; one that throws, is late, or answers what does not fit is named in the log
     * and counts as PASS. One that was withdrawn while it was asked is not to blame, and cannot
     * stop the machine, unless it withdrew itself: RETRY.
     *
     * @param layer whose handler it is; null: the whiteboard's
     */
    Resolution ask(
            AskedHandler a, @Nullable ProtectionLayer layer, PageFault fault, FaultSlot slot) {
        if (a.leftOut()) {
            return Resolution.PASS;
        }
        long start = System.nanoTime();
        slot.begin(a, start);
        Resolution r = null;
        Throwable thrown = null;
        try {
            r = a.handler.onFault(machine, fault);
        } catch (
                Throwable e) { // errors too: linkage errors are what a bundle that went away throws
            thrown = e;
        }
        long took = slot.end(System.nanoTime());
        long withdrawnBy = layer == null ? a.withdrawnBy : protection.withdrawnBy(layer);
        if (withdrawnBy != 0 && !resolves(r, fault, withdrawnBy)) {
            LOG.log(
                    System.Logger.Level.DEBUG,
                    () -> "fault handler " + a.name + " was withdrawn while it was asked");
            return Resolution.RETRY;
        }
        FaultPolicy policy = policy();
        String failure = null;
        if (thrown != null) {
            failure = "failed at " + fault;
        } else if (!fits(r, fault)) {
            failure = "answered " + r + " to " + fault;
        } else if (took > policy.deadlineNanos()
                && slot.charged(start) > Math.max(policy.deadlineNanos(), a.patienceNanos())) {
            failure =
                    "took %d ms, more than %d, at %s"
                            .formatted(
                                    slot.charged(start) / 1_000_000,
                                    policy.deadlineNanos() / 1_000_000,
                                    fault);
        }
        if (Recording.handlers()) {
            HandlerEvent.write(machine, a.name, fault, r, failure, took);
        }
        if (failure != null) {
            a.failed(policy.failures(), failure, thrown);
            return Resolution.PASS;
        }
        a.behaved();
        return Objects.requireNonNull(r, "null does not fit");
    }

    /** Whether the answer of a handler that is gone counts. */
    private static boolean resolves(@Nullable Resolution r, PageFault fault, long withdrawnBy) {
        return r != null
                && r != Resolution.PASS
                && fits(r, fault)
                && (r.kind() != Resolution.Kind.STOP
                        || withdrawnBy == Thread.currentThread().threadId());
    }

    private static boolean fits(@Nullable Resolution r, PageFault fault) {
        if (r == null) {
            return false;
        }
        return switch (r.kind()) {
            case SUPPLY -> (fault.stopped() & (Rights.R | Rights.X)) != 0;
            case DISCARD -> (fault.stopped() & Rights.W) != 0;
            case INJECT -> fault.origin() != FaultOrigin.DEVICE;
            default -> true;
        };
    }

    // ---- handlers that do not come back

    /** Nanoseconds for which handlers that are being asked may still take; 0 if none is. */
    public long patienceLeft(long now) {
        long most = 0;
        for (FaultSlot s : slots) {
            AskedHandler a = s.asking.get();
            if (a != null) {
                most = Math.max(most, s.since.get() + a.patienceNanos() - now);
            }
        }
        return most;
    }

    /** The handler that a vCPU waits for, or null. */
    public @Nullable String asking(int vcpu) {
        AskedHandler a = slot(vcpu).asking.get();
        return a == null ? null : a.name;
    }

    /**
     * Starts to look out for handlers that do not answer: they cannot be stopped, but they are
     * named.
     */
    public void open() {
        if (watch == null) {
            watch = Thread.ofVirtual().name(machine + "-handlers").start(this::lookOut);
        }
    }

    private void lookOut() {
        @Nullable AskedHandler[] named = new AskedHandler[slots.length];
        long[] asked = new long[slots.length];
        HandlerTime[] times = new HandlerTime[slots.length];
        for (int i = 0; i < slots.length; i++) {
            times[i] = new HandlerTime(slots[i], probe);
        }
        try {
            for (; ; ) {
                long deadline = policy().deadlineNanos();
                long interval = Math.max(MIN_WATCH_NANOS, deadline / LOOKS);
                TimeUnit.NANOSECONDS.sleep(interval);
                for (HandlerTime t : times) {
                    t.look(interval);
                }
                // What a bundle that has gone left here would keep all of its classes.
                layerHandlers.keySet().retainAll(protection.layers());
                for (int i = 0; i < slots.length; i++) {
                    FaultSlot s = slots[i];
                    AskedHandler a = s.asking.get();
                    long since = s.since.get();
                    if (a == null) {
                        named[i] = null;
                    } else if ((a != named[i] || since != asked[i])
                            && s.charged(since) > Math.max(deadline, a.patienceNanos())) {
                        named[i] = a;
                        asked[i] = since;
                        String who = i == 0 ? "a device" : "vCPU " + (i - 1);
                        LOG.log(
                                System.Logger.Level.ERROR,
                                "fault handler %s has not answered for %d ms; %s of machine %s waits for it"
                                        .formatted(
                                                a.name,
                                                Math.max(deadline, a.patienceNanos()) / 1_000_000,
                                                who,
                                                machine));
                    }
                }
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // closed
        }
    }

    public void close() {
        Thread t = watch;
        if (t != null) {
            t.interrupt();
        }
    }

    private static final System.Logger LOG = System.getLogger(FaultDispatcher.class.getName());

    // ---- counters

    public long total() {
        long n = 0;
        for (FaultSlot s : slots) {
            n += s.total();
        }
        return n;
    }

    public long resolved() {
        long n = 0;
        for (FaultSlot s : slots) {
            n += s.resolved();
        }
        return n;
    }

    public Map<FaultOrigin, Long> byOrigin() {
        Map<FaultOrigin, Long> counts = new EnumMap<>(FaultOrigin.class);
        for (FaultOrigin o : ORIGINS) {
            for (FaultSlot s : slots) {
                counts.merge(o, s.origin(o), Long::sum);
            }
        }
        return counts;
    }

    public Map<String, Long> byAccess() {
        Map<String, Long> counts = new TreeMap<>();
        for (FaultSlot s : slots) {
            counts.merge("R", s.access(0), Long::sum);
            counts.merge("W", s.access(1), Long::sum);
            counts.merge("X", s.access(2), Long::sum);
        }
        return counts;
    }

    /** See {@link dev.faultline.api.vm.MachineStatistics#faultLatency}. */
    public List<Long> latency() {
        List<Long> buckets = new ArrayList<>();
        for (int i = 0; i < FaultSlot.BUCKETS; i++) {
            long n = 0;
            for (FaultSlot s : slots) {
                n += s.latency(i);
            }
            buckets.add(n);
        }
        return List.copyOf(buckets);
    }

    /** Names of handlers that are not asked any more. */
    public List<String> leftOut() {
        List<String> names = new ArrayList<>(whiteboard.leftOut());
        for (AskedHandler a : layerHandlers.values()) {
            if (a.leftOut()) {
                names.add(a.name);
            }
        }
        return List.copyOf(names);
    }
}
