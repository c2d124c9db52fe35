// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench;

import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.MachineException;
import dev.faultline.api.vm.VcpuExit;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.osgi.framework.BundleException;

/**
 * What RAM protection costs where nothing is stopped. Machines that differ in nothing but their
 * protection run the same guest, in this one JVM and with the same compiled code, in short slices
 * in random order; each slice's processor time per instruction is divided by that of the
 * unprotected machine in the same round. README.md in bench/ describes the options.
 */
public final class ArmedBench {
    private static final ThreadMXBean THREADS = ManagementFactory.getThreadMXBean();
    private static final long RAM = 64L << 20;
    private static final long LINUX_RAM = 256L << 20;

    /** Linux is told to leave this alone. */
    private static final long LINUX_HOLE = 128L << 20;

    private static final String PROMPT = "faultline# ";
    private static final String WORK =
            "while :; do cat /proc/meminfo >/dev/null; ls -lR /bin /dev >/dev/null; done\n";
    private static final Duration LIMIT = Duration.ofMinutes(5);

    private enum Variant {
        /** No layer but the user's, which restricts nothing. */
        NONE("none"),
        /** The same: how far two machines differ for reasons of their own. */
        AGAIN("none, again"),
        /** Two layers over RAM that the guest does not touch. */
        COLD("armed, cold"),
        /** Everything closed by a layer whose handler opens each page at its first access. */
        OPENED("armed, opened");

        final String text;

        Variant(String text) {
            this.text = text;
        }
    }

    private final Installation installation;
    private final Path image;
    private final Random random = new Random(1);
    private int machines = 2;
    private int slices = 15;
    private int sliceMillis = 40;
    private Path kernel = CachedGuests.kernel();
    private Path initrd = CachedGuests.initrd();
    private final List<String> what = new ArrayList<>();

    private ArmedBench(Installation installation, Path image) throws IOException {
        this.installation = installation;
        this.image = image;
    }

    public static void main(String[] args)
            throws IOException, BundleException, MachineException, InterruptedException {
        try (Installation i = new Installation()) {
            ArmedBench b = new ArmedBench(i, Path.of(args[0]));
            b.options(args);
            b.counts();
            b.times();
        }
        System.exit(0);
    }

    private void options(String[] args) {
        for (int i = 1; i < args.length; i++) {
            if (!args[i].startsWith("--")) {
                if (!args[i].equals("linux") && !HotLoops.all().containsKey(args[i])) {
                    throw new IllegalArgumentException(
                            args[i] + ": expected linux or one of " + HotLoops.all().keySet());
                }
                what.add(args[i]);
                continue;
            }
            if (i + 1 == args.length) {
                throw new IllegalArgumentException(args[i] + " needs a value");
            }
            String value = args[++i];
            switch (args[i - 1]) {
                case "--engine" -> installation.setEngine(value);
                case "--machines" -> machines = Integer.parseInt(value);
                case "--slices" -> slices = Integer.parseInt(value);
                case "--slice-ms" -> sliceMillis = Integer.parseInt(value);
                case "--kernel" -> kernel = Path.of(value);
                case "--initrd" -> initrd = Path.of(value);
                default -> throw new IllegalArgumentException("unknown option " + args[i - 1]);
            }
        }
        if (what.isEmpty()) {
            what.addAll(HotLoops.all().keySet());
            if (kernel != null && Files.isRegularFile(initrd)) {
                what.add("linux");
            } else {
                System.err.println("no Linux guest: run ./faultline demo --linux once");
            }
        }
    }

    // ---- machines
    /** Opens what the guest touches. */
    private static final class Opener implements FaultHandler {
        ProtectionLayer layer;

        @Override
        public Resolution onFault(String machine, PageFault f) {
            layer.protectPage(f.gfn(), Rights.RWX);
            return Resolution.RETRY;
        }
    }

    /** A guest that does not touch the 32 MiB from {@code hole} on. */
    private Machine machine(Variant variant, long ram, long hole, MachineConfig.Boot boot)
            throws MachineException {
        Machine m = installation.machine(variant.name(), ram, 1, "coded");
        m.boot(boot);
        switch (variant) {
            case COLD -> {
                m.protection().addLayer("watch", null).protect(hole, RAM / 2, Rights.RX);
                m.protection().addLayer("load", null).protect(hole, RAM / 2, Rights.NONE);
            }
            case OPENED -> {
                Opener o = new Opener();
                o.layer = m.protection().addLayer("load", o);
                o.layer.protect(0, ram, Rights.NONE);
            }
            default -> {
                // Unprotected.
            }
        }
        return m;
    }

    private Machine loop(Variant variant, String name, int scale) throws MachineException {
        return machine(
                variant,
                RAM,
                RAM / 2,
                new MachineConfig.Boot(image, List.of(), name + " scale=" + scale));
    }

    /** Boots to the shell's prompt, and has it work for ever. */
    private Machine linux(Variant variant) throws MachineException, InterruptedException {
        Machine m =
                machine(
                        variant,
                        LINUX_RAM,
                        LINUX_HOLE,
                        new MachineConfig.Boot(
                                kernel,
                                List.of(initrd),
                                "console=ttyS0 panic=-1 rdinit=/init quiet memmap=64M$"
                                        + (LINUX_HOLE >> 20)
                                        + "M"));
        CountDownLatch ready = new CountDownLatch(1);
        StringBuilder tail = new StringBuilder();
        m.serial()
                .addListener(bytes -> {
                    tail.append(new String(bytes, StandardCharsets.ISO_8859_1));
                    if (tail.toString().contains(PROMPT)) {
                        ready.countDown();
                    }
                    tail.delete(0, Math.max(0, tail.length() - PROMPT.length()));
                });
        m.start();
        while (!ready.await(100, TimeUnit.MILLISECONDS)) {
            if (!m.running()) {
                throw new IllegalStateException(
                        "Linux stopped before its prompt: " + m.await(Duration.ZERO));
            }
        }
        m.serial().send(WORK.getBytes(StandardCharsets.ISO_8859_1));
        Thread.sleep(1000);
        m.pause("bench");
        return m;
    }

    // ---- counts
    /** Asked of the MMU on the vCPU's thread: misses of the translation caches. */
    private static final class Misses {
        long fills;

        Mmu count(Mmu real) {
            return (Mmu)
                    Proxy.newProxyInstance(
                            Mmu.class.getClassLoader(),
                            new Class<?>[] {Mmu.class},
                            (proxy, method, args) -> {
                                if (method.getName().equals("fill")) {
                                    fills++;
                                }
                                try {
                                    return method.invoke(real, args);
                                } catch (InvocationTargetException e) {
                                    throw e.getCause();
                                }
                            });
        }
    }

    /** What one loop does from power-on to its end, exactly the same at each run. */
    private void counts() throws MachineException, InterruptedException {
        System.out.printf(
                "%-9s %-14s %13s %14s %12s %8s %8s%n",
                "", "", "instructions", "cache misses", "EPT leaves", "flushes", "faults");
        for (String name : what) {
            if (name.equals("linux")) {
                continue; // its timer makes no two boots the same
            }
            for (Variant variant : Variant.values()) {
                if (variant == Variant.AGAIN) {
                    continue;
                }
                try (Machine m = loop(variant, name, 1)) {
                    VcpuContext v = (VcpuContext) m.vcpus().getFirst();
                    Misses misses = new Misses();
                    v.mmu = misses.count(v.mmu);
                    m.start();
                    VcpuExit exit = m.await(LIMIT);
                    if (exit == null) {
                        throw new IllegalStateException(name + " does not end");
                    }
                    System.out.printf(
                            "%-9s %-14s %13d %14d %12d %8d %8d%n",
                            name,
                            variant.text,
                            v.instructions,
                            misses.fills,
                            m.mmu().mappedPages(),
                            v.tlbFlushes,
                            m.statistics().faults());
                }
            }
        }
    }

    // ---- times
    private void times() throws MachineException, InterruptedException {
        System.out.printf(
                "%n%-9s %-14s %9s %19s %8s %8s%n",
                "", "ns/instruction", "ratio", "95 % interval", "pairs", "faults");
        for (String name : what) {
            Map<Variant, Ratios> ratios = new EnumMap<>(Variant.class);
            Map<Variant, Ratios> times = new EnumMap<>(Variant.class);
            Map<Variant, Long> faults = new EnumMap<>(Variant.class);
            for (Variant v : Variant.values()) {
                ratios.put(v, new Ratios());
                times.put(v, new Ratios());
                faults.put(v, 0L);
            }
            boolean linux = name.equals("linux");
            for (int i = 0; i < (linux ? 1 : machines); i++) {
                Map<Variant, Machine> all = new EnumMap<>(Variant.class);
                try {
                    for (Variant v : Variant.values()) {
                        all.put(v, linux ? linux(v) : loop(v, name, 1000));
                    }
                    slices(all, linux ? 3 * slices : slices, ratios, times, faults);
                } finally {
                    all.values().forEach(Machine::close);
                }
            }
            for (Variant v : Variant.values()) {
                Ratios r = ratios.get(v);
                double[] interval = r.interval();
                System.out.printf(
                        Locale.ROOT,
                        "%-9s %-14s %.3f ns %8.4f     %7.4f .. %7.4f %8d %8d%n",
                        name,
                        v.text,
                        times.get(v).median(),
                        r.median(),
                        interval[0],
                        interval[1],
                        r.count(),
                        faults.get(v));
            }
        }
    }

    private void slices(
            Map<Variant, Machine> all,
            int count,
            Map<Variant, Ratios> ratios,
            Map<Variant, Ratios> times,
            Map<Variant, Long> faults)
            throws InterruptedException {
        List<Variant> order = new ArrayList<>(List.of(Variant.values()));
        for (int warm = 0; warm < 5; warm++) {
            for (Variant v : order) {
                slice(all.get(v));
            }
        }
        Map<Variant, Long> before = new EnumMap<>(Variant.class);
        order.forEach(v -> before.put(v, all.get(v).statistics().faults()));
        Map<Variant, Double> took = new EnumMap<>(Variant.class);
        for (int i = 0; i < count; i++) {
            Collections.shuffle(order, random);
            for (Variant v : order) {
                took.put(v, slice(all.get(v)));
            }
            for (Variant v : order) {
                times.get(v).add(took.get(v));
                ratios.get(v).add(took.get(v) / took.get(Variant.NONE));
            }
        }
        order.forEach(
                v -> faults.merge(v, all.get(v).statistics().faults() - before.get(v), Long::sum));
    }

    /** Nanoseconds of the vCPU's thread for each instruction. */
    private double slice(Machine m) throws InterruptedException {
        VcpuContext v = (VcpuContext) m.vcpus().getFirst();
        long instructions = v.instructions;
        long before = processorTime(v);
        m.start();
        do {
            Thread.sleep(5); // however long the host takes to give it its share
        } while (processorTime(v) - before < sliceMillis * 1_000_000L && m.running());
        m.pause("bench");
        long took = processorTime(v) - before;
        long done = v.instructions - instructions;
        if (took < sliceMillis * 1_000_000L || done == 0) {
            throw new IllegalStateException(
                    "%s stopped: %s".formatted(m.config().name(), m.await(Duration.ZERO)));
        }
        return (double) took / done;
    }

    /** Of the vCPU's thread, so far. */
    private static long processorTime(VcpuContext v) {
        // Before the first start there is no thread.
        return v.thread() == null ? 0 : THREADS.getThreadCpuTime(v.thread().threadId());
    }
}
