// SPDX-License-Identifier: Apache-2.0
package dev.faultline.bench;

import com.sun.management.ThreadMXBean;
import dev.faultline.api.cpu.Segments;
import dev.faultline.api.cpu.VcpuState;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.FaultOrigin;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.mmu.Mmu;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.vm.Machine;
import dev.faultline.api.vm.MachineException;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.osgi.framework.BundleException;

/**
 * The figures of RAM protection on the shipped machine, as one table: a fault with its handler and
 * the instruction's second try, changing rights, memory. Times are processor time of the thread
 * that does it unless the table says otherwise, because hosts are busy.
 */
public final class ProtectionBench {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private static final long LARGE = 8L << 30;
    private static final int COLD_RUNS = 7;

    private static final int PML4 = 0x1000;
    private static final int SEGMENT =
            Segments.P | Segments.S | Segments.G | Segments.TYPE_RW | Segments.TYPE_ACCESSED;

    private final Installation installation;

    private ProtectionBench(Installation installation) {
        this.installation = installation;
    }

    public static void main(String[] args)
            throws IOException, BundleException, MachineException, InterruptedException {
        try (Installation i = new Installation()) {
            ProtectionBench b = new ProtectionBench(i);
            if (args.length == 1 && args[0].equals("--cold")) {
                b.cold();
            } else if (args.length == 2 && args[0].equals("--engine")) {
                i.setEngine(args[1]);
                b.faults("coded");
                b.faults("thrown");
            } else if (args.length == 0) {
                b.faults("coded");
                b.faults("thrown");
                b.pages();
                b.large();
                b.coldProcesses();
                b.twoVcpus();
            } else {
                throw new IllegalArgumentException(
                        String.join(" ", args) + ": expected --engine NAME, --cold or nothing");
            }
        }
        System.exit(0);
    }

    private static void row(String what, String format, Object... values) {
        System.out.printf("%-58s %s%n", what, String.format(Locale.ROOT, format, values));
    }

    private static double median(double... x) {
        double[] s = x.clone();
        Arrays.sort(s);
        return (s[(s.length - 1) / 2] + s[s.length / 2]) / 2;
    }

    private static void code(Machine m, int gpa, String hex) {
        byte[] b = HexFormat.of().parseHex(hex.replace(" ", ""));
        HostBytes.copyIn(b, 0, m.memory().hvaOf(gpa), b.length);
    }

    private static String little(long x, int bytes) {
        StringBuilder s = new StringBuilder();
        for (int i = 0; i < bytes; i++) {
            s.append("%02x".formatted(x >>> 8 * i & 0xFF));
        }
        return s.toString();
    }

    /** 64-bit mode at {@code rip}, with the first GiB mapped as it is. */
    private static void enter(Machine m, long rip) {
        HostBytes.put64(m.memory().hvaOf(PML4), PML4 + 0x1000 | 7);
        HostBytes.put64(m.memory().hvaOf(PML4 + 0x1000), 0x87);
        VcpuState v = m.vcpus().getFirst();
        v.cr3 = PML4;
        v.cr4 = VcpuState.CR4_PAE;
        v.efer = VcpuState.EFER_LME | VcpuState.EFER_LMA;
        v.cr0 = VcpuState.CR0_PE | VcpuState.CR0_PG | VcpuState.CR0_WP | VcpuState.CR0_ET;
        for (int i = 0; i < 6; i++) {
            v.segSel[i] = i == Segments.CS ? 8 : 16;
            v.segBase[i] = 0;
            v.segLimit[i] = -1;
            v.segAttr[i] = SEGMENT;
        }
        v.segAttr[Segments.CS] |= Segments.TYPE_CODE | Segments.L;
        v.rip = rip;
        v.recompute();
    }

    /** Real mode, at {@code cs:0}, with segments that reach everywhere. */
    private static void enterReal(VcpuState v, int cs) {
        v.segSel[Segments.CS] = cs;
        v.segBase[Segments.CS] = (long) cs << 4;
        v.segLimit[Segments.CS] = -1;
        v.segLimit[Segments.DS] = -1;
        v.rip = 0;
        v.recompute();
    }

    // ---- fault, handler, resume
    /** Two pages of which one is open at a time: the guest faults at each access. */
    private static final class Alternating implements FaultHandler {
        static final int WINDOW = 10_000;
        static final int WINDOWS = 60;
        final CountDownLatch done = new CountDownLatch(1);
        final long first;
        final double[] nanos = new double[WINDOWS];
        final double[] bytes = new double[WINDOWS];
        ProtectionLayer layer;
        private int faults;
        private int window = -1;
        private long startNanos;
        private long startBytes;

        Alternating(long first) {
            this.first = first;
        }

        @Override
        public Resolution onFault(String machine, PageFault f) {
            if (faults++ % WINDOW == 0 && window < WINDOWS) {
                long now = THREADS.getCurrentThreadCpuTime();
                long allocated = THREADS.getCurrentThreadAllocatedBytes();
                if (window >= 0) {
                    nanos[window] = (double) (now - startNanos) / WINDOW;
                    bytes[window] = (double) (allocated - startBytes) / WINDOW;
                }
                startNanos = now;
                startBytes = allocated;
                if (++window == WINDOWS) {
                    done.countDown();
                }
            }
            layer.protectPage(f.gfn() == first ? first + 1 : first, Rights.RX);
            layer.protectPage(f.gfn(), Rights.RWX);
            return Resolution.RETRY;
        }
    }

    private void faults(String style) throws MachineException, InterruptedException {
        try (Machine m = installation.machine("faults", 4 << 20, 1, style)) {
            // mov [0x5000], ax; mov [0x6000], ax; jmp
            code(m, 0x8000, "6689042500500000 6689042500600000 ebee");
            Alternating h = new Alternating(5);
            h.layer = m.protection().addLayer("alternating", h);
            h.layer.protect(0x5000, 0x2000, Rights.RX);
            enter(m, 0x8000);
            m.start();
            await(m, h.done);
            double[] late = Arrays.copyOfRange(h.nanos, Alternating.WINDOWS / 2, h.nanos.length);
            row(
                    "fault, handler (opens a page, closes another), resume; " + style,
                    "%.0f ns median, %.0f ns best, %.2f bytes",
                    median(late),
                    Arrays.stream(late).min().orElseThrow(),
                    median(Arrays.copyOfRange(h.bytes, h.bytes.length / 2, h.bytes.length)));
        }
    }

    private static void await(Machine m, CountDownLatch done) throws InterruptedException {
        while (!done.await(100, TimeUnit.MILLISECONDS)) {
            if (!m.running()) {
                throw new IllegalStateException(
                        "the guest stopped: " + m.await(java.time.Duration.ZERO));
            }
        }
    }

    // ---- rights
    /** One page at a time, while no vCPU runs. */
    private void pages() throws MachineException {
        int pages = 2048;
        int rounds = 200;
        try (Machine m = installation.machine("pages", 64 << 20, 1, "coded")) {
            ProtectionLayer l = m.protection().userLayer();
            VcpuContext v = (VcpuContext) m.vcpus().getFirst();
            double[] close = new double[rounds];
            double[] open = new double[rounds];
            double[] mapped = new double[rounds];
            for (int r = 0; r < rounds; r++) {
                close[r] = each(l, pages, Rights.NONE);
                open[r] = each(l, pages, Rights.RWX);
                for (int p = 0; p < pages; p++) {
                    m.mmu().physical(v, (long) p << 12, Mmu.READ, FaultOrigin.DATA);
                }
                mapped[r] = each(l, pages, Rights.NONE);
                each(l, pages, Rights.RWX);
            }
            int half = rounds / 2;
            row(
                    "protect one page: mapped / not mapped / open again",
                    "%.0f / %.0f / %.0f ns median",
                    median(Arrays.copyOfRange(mapped, half, rounds)),
                    median(Arrays.copyOfRange(close, half, rounds)),
                    median(Arrays.copyOfRange(open, half, rounds)));
        }
    }

    private static double each(ProtectionLayer l, int pages, int rights) {
        long before = THREADS.getCurrentThreadCpuTime();
        for (int p = 0; p < pages; p++) {
            l.protectPage(p, rights);
        }
        return (double) (THREADS.getCurrentThreadCpuTime() - before) / pages;
    }

    private void large() throws MachineException {
        try (Machine m = installation.machine("large", LARGE, 1, "coded")) {
            ProtectionLayer l = m.protection().userLayer();
            row("rights of an untouched 8 GiB guest", "%d bytes", m.protection().storageBytes());
            int rounds = 2000;
            double[] micros = new double[rounds];
            for (int r = 0; r < rounds; r++) {
                micros[r] = closeAll(l);
                l.protect(0, LARGE, Rights.RWX);
            }
            closeAll(l);
            row("... wholly closed", "%d bytes", m.protection().storageBytes());
            row(
                    "protect 8 GiB, nothing mapped, warm JVM",
                    "%.4f ms median",
                    median(Arrays.copyOfRange(micros, rounds / 2, rounds)) / 1000);
            l.protect(0, LARGE, Rights.RWX);
            double[] busy = new double[10];
            VcpuContext v = (VcpuContext) m.vcpus().getFirst();
            for (int r = 0; r < busy.length; r++) {
                for (long gpa = 0; gpa < 1L << 30; gpa += 0x1000) {
                    m.mmu().physical(v, gpa, Mmu.READ, FaultOrigin.DATA);
                }
                busy[r] = closeAll(l);
                l.protect(0, LARGE, Rights.RWX);
            }
            row("... 1 GiB of it mapped", "%.2f ms median", median(busy) / 1000);
            for (long gfn = 0; gfn < LARGE >>> 12; gfn += 2) {
                l.protectPage(gfn, Rights.NONE);
            }
            row("... every second page closed", "%d bytes", m.protection().storageBytes());
        }
    }

    /** Microseconds of processor time. */
    private static double closeAll(ProtectionLayer l) {
        long before = THREADS.getCurrentThreadCpuTime();
        l.protect(0, LARGE, Rights.NONE);
        return (THREADS.getCurrentThreadCpuTime() - before) / 1000.0;
    }

    /** The first protect of a process; by the wall clock too. */
    private void cold() throws MachineException {
        try (Machine m = installation.machine("cold", LARGE, 1, "coded")) {
            THREADS.getCurrentThreadCpuTime(); // not to be counted
            long began = System.nanoTime();
            double micros = closeAll(m.protection().userLayer());
            long wall = System.nanoTime() - began;
            System.out.printf(Locale.ROOT, "%.1f %.1f%n", micros, wall / 1000.0);
        }
    }

    private void coldProcesses() throws IOException, InterruptedException {
        List<String> command = new ArrayList<>();
        command.add(ProcessHandle.current().info().command().orElse("java"));
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        // As a source file is run, the class path is that of the program that was compiled with it.
        command.addAll(List.of("-cp", System.getProperty("java.class.path")));
        command.add(System.getProperty("faultline.bench.source"));
        command.add("--cold");
        double[] cpu = new double[COLD_RUNS];
        double[] wall = new double[COLD_RUNS];
        for (int i = 0; i < COLD_RUNS; i++) {
            Process p =
                    new ProcessBuilder(command)
                            .redirectError(ProcessBuilder.Redirect.INHERIT)
                            .start();
            String out =
                    new String(p.getInputStream().readAllBytes(), StandardCharsets.US_ASCII).trim();
            if (p.waitFor() != 0 || !out.matches("[0-9.]+ [0-9.]+")) {
                throw new IllegalStateException("the cold process said \"" + out + "\"");
            }
            cpu[i] = Double.parseDouble(out.substring(0, out.indexOf(' '))) / 1000;
            wall[i] = Double.parseDouble(out.substring(out.indexOf(' ') + 1)) / 1000;
        }
        row(
                "protect 8 GiB, the first one in a fresh JVM",
                "%.2f ms median, %.2f ms worst of %d (by the wall clock %.2f and %.2f)",
                median(cpu),
                Arrays.stream(cpu).max().orElseThrow(),
                COLD_RUNS,
                median(wall),
                Arrays.stream(wall).max().orElseThrow());
    }

    // ---- two vCPUs
    private static final int SWEPT = 64 << 20;

    /** Opens one page after the other; closes all when the last one is open. */
    private static final class Sweeping implements FaultHandler {
        static final int PASSES = 40;
        final CountDownLatch done = new CountDownLatch(1);
        final long start;
        final double[] cpu = new double[PASSES];
        final double[] wall = new double[PASSES];
        ProtectionLayer layer;
        private int pass = -1;
        private long startCpu;
        private long startWall;

        Sweeping(long start) {
            this.start = start;
        }

        @Override
        public Resolution onFault(String machine, PageFault f) {
            if (f.gpa() == start + SWEPT - 4096) {
                long now = System.nanoTime();
                long nowCpu = THREADS.getCurrentThreadCpuTime();
                if (pass >= 0 && pass < PASSES) {
                    cpu[pass] = (nowCpu - startCpu) / (SWEPT / 4096.0);
                    wall[pass] = (now - startWall) / (SWEPT / 4096.0);
                }
                startCpu = nowCpu;
                startWall = now;
                if (++pass == PASSES) {
                    done.countDown();
                }
                layer.protect(start, SWEPT - 4096, Rights.RX);
            } else if (f.gpa() == start) {
                layer.protectPage((start + SWEPT - 1) >>> 12, Rights.RX);
            }
            layer.protectPage(f.gfn(), Rights.RWX);
            return Resolution.RETRY;
        }
    }

    /** Each vCPU faults on its own pages, the same number of them. */
    private void twoVcpus() throws MachineException, InterruptedException {
        double[][] one = new double[3][];
        double[][] two = new double[3][];
        for (int i = 0; i < 3; i++) {
            one[i] = sweep(1);
            two[i] = sweep(2);
        }
        double cpuOne = median(one[0][0], one[1][0], one[2][0]);
        double cpuTwo = median(two[0][0], two[1][0], two[2][0]);
        double wallOne = median(one[0][1], one[1][1], one[2][1]);
        double wallTwo = median(two[0][1], two[1][1], two[2][1]);
        row(
                "faults of 2 vCPUs on different pages over those of 1",
                "ratio %.2f (%.0f and %.0f ns a fault); by the wall clock %.2f (%.0f and %.0f ns)",
                2 * cpuOne / cpuTwo,
                cpuOne,
                cpuTwo,
                2 * wallOne / wallTwo,
                wallOne,
                wallTwo);
    }

    /** Nanoseconds a fault of the slower vCPU: processor time, wall clock; medians of passes. */
    private double[] sweep(int vcpus) throws MachineException, InterruptedException {
        try (Machine m = installation.machine("sweep", 256 << 20, vcpus, "coded")) {
            Sweeping[] handlers = new Sweeping[vcpus];
            for (int i = 0; i < vcpus; i++) {
                long start = (long) (i + 1) * SWEPT;
                Sweeping h = new Sweeping(start);
                h.layer = m.protection().addLayer("sweep " + i, h);
                h.layer.protect(start, SWEPT, Rights.RX);
                handlers[i] = h;
                // mov edi,start; l: mov [edi],al; add edi,4096; cmp edi,end; jb l; jmp -27
                code(
                        m,
                        0x8000 + 0x1000 * i,
                        "66bf %s 678807 6681c700100000 6681ff %s 72ed ebe5"
                                .formatted(little(start, 4), little(start + SWEPT, 4)));
                enterReal(m.vcpus().get(i), 0x800 + 0x100 * i);
            }
            // SIPI to all but itself, vector 9: mov dword [0xfee00300],0xc4609; jmp far 0x800:0
            code(m, 0x7000, "6667c7050003e0fe09460c00 ea00000008");
            enterReal(m.vcpus().getFirst(), 0x700);
            m.start();
            double[] worst = new double[2];
            for (Sweeping h : handlers) {
                await(m, h.done);
                int half = Sweeping.PASSES / 2;
                worst[0] = Math.max(worst[0], median(Arrays.copyOfRange(h.cpu, half, 2 * half)));
                worst[1] = Math.max(worst[1], median(Arrays.copyOfRange(h.wall, half, 2 * half)));
            }
            return worst;
        }
    }
}
