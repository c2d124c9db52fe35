// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import static org.assertj.core.api.Assertions.assertThat;

import com.sun.management.ThreadMXBean;
import dev.faultline.api.cpu.Segments;
import dev.faultline.api.engine.VcpuContext;
import dev.faultline.api.fault.FaultHandler;
import dev.faultline.api.fault.PageFault;
import dev.faultline.api.fault.Resolution;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.protection.ProtectionLayer;
import dev.faultline.api.protection.Rights;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.testkit.HangGuard;
import java.lang.management.ManagementFactory;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What a fault costs: fault, handler, resume on the real machine. */
class FaultCostTest {
    private static final int WINDOW = 5000;
    private static final int MOST = 10_000_000;
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    /** Two pages of which one is open at a time: the guest faults at each access. */
    private static final class Alternating implements FaultHandler {
        final CountDownLatch done = new CountDownLatch(1);
        final long first;
        ProtectionLayer layer;
        long faults;
        private long startBytes;
        private long startNanos;

        /** Of the last window: bytes allocated by the vCPU's thread, nanoseconds per fault. */
        long bytes = -1;

        long nanos;

        Alternating(long first) {
            this.first = first;
        }

        @Override
        public Resolution onFault(String machine, PageFault f) {
            faults++;
            if (faults % WINDOW == 0 && done.getCount() != 0) {
                // clock: printed, no verdict
                long now = System.nanoTime();
                long allocated = THREADS.getCurrentThreadAllocatedBytes();
                nanos = (now - startNanos) / WINDOW;
                bytes = allocated - startBytes;
                startNanos = now;
                startBytes = allocated;
                // Compilers need a while to see that what is left does not escape.
                if (faults > WINDOW && bytes == 0 || faults >= MOST) {
                    done.countDown();
                }
            }
            layer.protectPage(f.gfn() == first ? first + 1 : first, Rights.RX);
            layer.protectPage(f.gfn(), Rights.RWX);
            return Resolution.RETRY;
        }
    }

    private static PcMachine machine(RealServices services, int vcpus, String style)
            throws Exception {
        return PcMachine.create(
                new MachineConfig("test", 4 << 20, vcpus, "interpreter", style, List.of()),
                services);
    }

    /** Writes to gpa and gpa + 4096 for ever; in real mode at {@code cs:0}. */
    private static void load(PcMachine m, int cs, int gpa) {
        String code =
                "a3 %s a3 %s ebf8"
                        .formatted(hex(gpa), hex(gpa + 0x1000)); // mov [gpa],ax twice; jmp -8
        byte[] b = HexFormat.of().parseHex(code.replace(" ", ""));
        HostBytes.copyIn(b, 0, m.memory().hvaOf((long) cs << 4), b.length);
    }

    private static String hex(int word) {
        return "%02x%02x".formatted(word & 0xFF, word >> 8);
    }

    private static Alternating guard(PcMachine m, int gpa) {
        Alternating h = new Alternating(gpa >> 12);
        h.layer = m.protection().addLayer("alternating " + gpa, h);
        h.layer.protect(gpa, 0x2000, Rights.RX);
        return h;
    }

    private static void enter(VcpuContext v, int cs) {
        v.segSel[1] = cs;
        v.segBase[1] = (long) cs << 4;
        v.rip = 0;
        v.recompute();
    }

    @ParameterizedTest
    @ValueSource(strings = {"coded", "thrown"})
    void faultHandlerResumeAllocatesNothing(String style) throws Exception {
        try (PcMachine m = machine(new RealServices(), 1, style)) {
            load(m, 0x800, 0x5000);
            Alternating h = guard(m, 0x5000);
            enter((VcpuContext) m.vcpus().get(0), 0x800);
            m.start();
            HangGuard.await(h.done, "enough faults");
            assertThat(h.bytes).as("bytes in %d faults, %d ns each", WINDOW, h.nanos).isZero();
        }
    }

    /** Run with {@code -Dfaultline.bench=true}; prints, judges nothing. */
    @Test
    @EnabledIfSystemProperty(named = "faultline.bench", matches = "true")
    void throughputOfTwoVcpusOverOne() throws Exception {
        double one = Double.MAX_VALUE;
        double two = Double.MAX_VALUE;
        for (int i = 0; i < 3; i++) {
            one = Math.min(one, nanosPerFault(1));
            two = Math.min(two, nanosPerFault(2));
        }
        System.out.printf(
                "fault-handler-resume: 1 vCPU %.0f ns, 2 vCPUs on different pages %.0f ns each, throughput ratio %.2f%n",
                one, two, 2 * one / two);
    }

    /** Opens one page after the other; closes all when the last one is open. */
    private static final class Sweeping implements FaultHandler {
        static final int PASSES = 6;
        final CountDownLatch done = new CountDownLatch(1);
        final long start;
        ProtectionLayer layer;
        private int pass;
        private long passStart;
        long best = Long.MAX_VALUE;

        Sweeping(long start) {
            this.start = start;
        }

        @Override
        public Resolution onFault(String machine, PageFault f) {
            if (f.gpa() == start + SWEPT - 4096) {
                long now = THREADS.getCurrentThreadCpuTime(); // the host may be busy
                if (pass > 0 && done.getCount() != 0) {
                    best = Math.min(best, now - passStart);
                }
                passStart = now;
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

    private static final int SWEPT = 64 << 20;

    /** Processor time of a vCPU's thread, best pass. */
    private static double nanosPerFault(int vcpus) throws Exception {
        RealServices services = new RealServices();
        try (PcMachine m =
                PcMachine.create(
                        new MachineConfig(
                                "test", 256 << 20, vcpus, "interpreter", "coded", List.of()),
                        services)) {
            Sweeping[] handlers = new Sweeping[vcpus];
            for (int i = 0; i < vcpus; i++) {
                long start = (long) (i + 1) * SWEPT;
                Sweeping h = new Sweeping(start);
                h.layer = m.protection().addLayer("sweep " + i, h);
                h.layer.protect(start, SWEPT, Rights.RX);
                handlers[i] = h;
                // mov edi,start; l: mov [edi],al; add edi,4096; cmp edi,end; jb l; jmp 0
                String code =
                        "66bf %s 678807 6681c700100000 6681ff %s 72ed ebe5"
                                .formatted(hex32(start), hex32(start + SWEPT));
                byte[] b = HexFormat.of().parseHex(code.replace(" ", ""));
                HostBytes.copyIn(b, 0, m.memory().hvaOf(0x8000 + i * 0x1000), b.length);
                VcpuContext v = (VcpuContext) m.vcpus().get(i);
                v.segLimit[Segments.DS] = -1;
                v.segLimit[Segments.CS] = -1;
                v.recompute();
            }
            enter((VcpuContext) m.vcpus().get(0), 0x800);
            m.start();
            if (vcpus > 1) {
                services.fakes.chips.host.startup(1, 9);
            }
            double worst = 0;
            for (Sweeping h : handlers) {
                HangGuard.await(h.done, "enough faults");
                worst = Math.max(worst, h.best / (SWEPT / 4096.0));
            }
            return worst;
        }
    }

    private static String hex32(long x) {
        return hex((int) x & 0xFFFF) + hex((int) (x >> 16) & 0xFFFF);
    }
}
