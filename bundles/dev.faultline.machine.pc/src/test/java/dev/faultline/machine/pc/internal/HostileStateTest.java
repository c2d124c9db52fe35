// SPDX-License-Identifier: Apache-2.0
package dev.faultline.machine.pc.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.fail;

import dev.faultline.api.device.StateSection;
import dev.faultline.api.memory.HostBytes;
import dev.faultline.api.memory.RamBlock;
import dev.faultline.api.vm.MachineConfig;
import dev.faultline.api.vm.StateException;
import dev.faultline.api.vm.VcpuExit;
import dev.faultline.device.pc.internal.PcChipsetFactory;
import dev.faultline.testkit.HangGuard;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * State that somebody made, loaded into a real machine, which runs a little: it is refused as such,
 * or it is a state like another. Nothing of ours fails, and what the machine saves then it loads.
 */
class HostileStateTest {
    private static final Path GUEST =
            Path.of("../dev.faultline.shell/src/main/resources/guest/keyed.elf");
    private static final long RAM = 4 << 20;

    /** {@code -Dfaultline.hostile=5000} for a campaign. */
    private static final int SEEDS = Integer.getInteger("faultline.hostile", 60);

    private static final long[] EDGES = {
        0,
        1,
        -1,
        2,
        3,
        4,
        7,
        8,
        15,
        31,
        255,
        256,
        4095,
        0xFFFF,
        0x10000,
        0x7FFF_FFFF,
        0x8000_0000L,
        0xFFFF_FFFFL,
        1L << 32,
        1L << 40,
        1L << 46,
        1L << 47,
        1L << 62,
        Long.MAX_VALUE,
        Long.MIN_VALUE,
        0x8000_0000_0000L
    };

    private static List<StateSection> good;
    private static byte[] ram;

    private static PcMachine machine() throws Exception {
        return PcMachine.create(
                new MachineConfig("hostile", RAM, 2, "interpreter", "coded", List.of()),
                new RealServices(new PcChipsetFactory()));
    }

    private static RamBlock block(PcMachine m) {
        return m.memory().blocks().getFirst();
    }

    /** Opens when the guest has said {@code text}. */
    private static CountDownLatch heard(PcMachine m, String text) {
        CountDownLatch latch = new CountDownLatch(1);
        StringBuilder said = new StringBuilder();
        m.serial()
                .addListener(b -> {
                    said.append((char) b[0]);
                    if (said.indexOf(text) >= 0) {
                        latch.countDown();
                    }
                });
        return latch;
    }

    @BeforeAll
    static void work() throws Exception {
        try (PcMachine m = machine()) {
            m.boot(new MachineConfig.Boot(GUEST, List.of(), "keys=40 fill=10 hz=100"));
            CountDownLatch ready = heard(m, "READY");
            CountDownLatch answered = heard(m, "x87=");
            m.start();
            HangGuard.await(ready, "event ready");
            m.serial().send("float 100\nscan 100000 1\n".getBytes());
            HangGuard.await(answered, "event answered");
            m.pause("test");
            good = m.saveState();
            ram = new byte[(int) RAM];
            HostBytes.copyOut(block(m).hva(), ram, 0, ram.length);
        }
    }

    @Test
    void hostileStateIsRefusedOrRuns() throws Exception {
        int refused = 0;
        for (int seed = 0; seed < SEEDS; seed++) {
            try (PcMachine m = machine()) {
                HostBytes.copyIn(ram, 0, block(m).hva(), ram.length);
                try {
                    m.loadState(mutated(seed));
                } catch (StateException e) {
                    assertThat(e.getMessage()).doesNotContain("\n", "Exception");
                    refused++;
                    continue;
                }
                run(m, seed);
            } catch (RuntimeException | Error e) {
                throw new AssertionError("seed " + seed + ": " + differences(seed), e);
            }
        }
        assertThat(refused).isBetween(SEEDS / 10, SEEDS * 9 / 10);
    }

    private static void run(PcMachine m, int seed) throws Exception {
        m.start();
        // clock: a guest that may never end has had some turns; whatever it did is right
        m.await(Duration.ofMillis(5));
        m.pause("enough");
        VcpuExit exit = m.await(Duration.ZERO);
        if (exit instanceof VcpuExit.Paused p && p.reason().contains("failed")) {
            fail("seed %d (%s): %s", seed, differences(seed), p.reason());
        }
        List<StateSection> saved = m.saveState();
        try (PcMachine next = machine()) {
            next.loadState(saved);
        }
    }

    /** The state of the guest without a change runs on: otherwise the others say nothing. */
    @Test
    void theStateItselfRunsOn() throws Exception {
        try (PcMachine m = machine()) {
            HostBytes.copyIn(ram, 0, block(m).hva(), ram.length);
            m.loadState(good);
            CountDownLatch answered = heard(m, "scan 100000 1 bad=0 hash=");
            m.start();
            HangGuard.await(answered, "event answered");
        }
    }

    // ---- mutations

    private static List<StateSection> mutated(int seed) {
        Random r = new Random(seed);
        List<StateSection> all = new ArrayList<>();
        for (StateSection s : good) {
            all.add(s.withVersion(s.version()));
        }
        for (int n = 1 + r.nextInt(3); n > 0; n--) {
            StateSection s = all.get(r.nextInt(all.size()));
            List<String> keys = new ArrayList<>(s.values().keySet());
            if (keys.isEmpty()) {
                continue; // its last one was taken out
            }
            String key = keys.get(r.nextInt(keys.size()));
            Object v = s.values().get(key);
            switch (r.nextInt(12)) {
                case 0 -> s.remove(key);
                case 1 -> s.put(key, "text");
                case 2 -> s.put(key, new byte[r.nextInt(40)]);
                default -> {
                    if (v instanceof byte[] b) {
                        s.put(key, array(b.clone(), r));
                    } else {
                        long x = v instanceof Long l ? l : 0;
                        s.put(
                                key,
                                switch (r.nextInt(3)) {
                                    case 0 -> x ^ 1L << r.nextInt(64);
                                    case 1 -> x ^ 1L << r.nextInt(16);
                                    default -> edge(r);
                                });
                    }
                }
            }
        }
        return all;
    }

    private static byte[] array(byte[] b, Random r) {
        if (b.length < 4) {
            return Arrays.copyOf(b, r.nextInt(40));
        }
        int width = b.length % 8 == 0 ? 8 : 4;
        int at = r.nextInt(b.length / width) * width;
        long x = edge(r);
        if (r.nextBoolean()) {
            b[at + r.nextInt(width)] ^= (byte) (1 << r.nextInt(8));
        } else {
            for (int i = 0; i < width; i++) {
                b[at + i] = (byte) (x >>> 8 * i);
            }
        }
        return b;
    }

    private static long edge(Random r) {
        return r.nextInt(4) == 0 ? r.nextLong() : EDGES[r.nextInt(EDGES.length)];
    }

    private static String differences(int seed) {
        List<StateSection> is = mutated(seed);
        StringBuilder s = new StringBuilder();
        for (int i = 0; i < is.size(); i++) {
            for (String key : good.get(i).values().keySet()) {
                Object a = good.get(i).values().get(key);
                Object b = is.get(i).values().get(key);
                if (!Arrays.deepEquals(new Object[] {a}, new Object[] {b})) {
                    s.append(is.get(i).id()).append('.').append(key).append(' ').append(text(b));
                }
            }
        }
        return s.toString();
    }

    private static String text(Object v) {
        return (v instanceof byte[] b
                        ? java.util.HexFormat.of().formatHex(b)
                        : v instanceof Long l ? Long.toHexString(l) : String.valueOf(v))
                + "; ";
    }
}
