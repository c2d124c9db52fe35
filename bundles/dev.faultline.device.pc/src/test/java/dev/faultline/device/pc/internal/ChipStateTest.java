// SPDX-License-Identifier: Apache-2.0
package dev.faultline.device.pc.internal;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.faultline.api.cpu.InterruptPort;
import dev.faultline.api.device.Device;
import dev.faultline.api.device.Resettable;
import dev.faultline.api.device.StateSection;
import dev.faultline.api.device.Stateful;
import dev.faultline.device.pc.internal.ioapic.IoApic;
import dev.faultline.device.pc.internal.uart16550.UartMigrator;
import dev.faultline.testkit.TestBoard;
import java.lang.reflect.Array;
import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.util.Collection;
import java.util.IdentityHashMap;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** Whatever a chip holds is in its section: no field of any chip is forgotten. */
class ChipStateTest {
    private static final long LAPIC = 0xFEE0_0000L;
    private static final int SEEDS = 250;

    /** Of the power management timer's bit 31. */
    private static final long BEFORE_OVERFLOW = 599_931_000_000L;

    private static final int[] PORTS = {
        0x20, 0x21, 0xA0, 0xA1, 0x4D0, 0x4D1, 0x40, 0x41, 0x42, 0x43, 0x61, 0x60, 0x64, 0x92, 0x70,
        0x71, 0x3F8, 0x3F9, 0x3FA, 0x3FB, 0x3FC, 0x3FD, 0x3FE, 0x3FF, 0x600, 0x601, 0x602, 0x603,
        0x604, 0x605, 0xCF9
    };

    /** Those that no chip drives. */
    private static final int[] FREE_LINES = {3, 5, 6, 7, 10, 11, 12, 13, 14, 15, 20};

    /** The same bytes may lie elsewhere in the ring: the saved sections are compared. */
    private static final Set<String> ELSEWHERE = Set.of("Uart16550.fifo", "Uart16550.fifoHead");

    /** Counts how a guest waits for input, for those who watch it: nothing that the guest sees. */
    private static final Set<String> NO_STATE = Set.of("Uart16550.looks");

    /** A chip that random accesses never bring into another state than its first. */
    private static final Set<String> CONSTANT =
            Set.of(
                    "Cmos.ramBytes",
                    "Cmos.vcpus",
                    "LocalApic.index",
                    "Pic8259.elcrMask",
                    "Pic8259.master",
                    "PitChannel.gate",
                    "Uart16550.listeners.size",
                    "PcChipset.devices.size");

    private static final class Machine {
        final TestBoard board = new TestBoard();
        final PcChipset chips;

        Machine(long nanos) {
            board.set(nanos);
            chips = new PcChipset(board, board, 2, 512L << 20, 1_000_000_000L + nanos % 1000);
        }

        Map<String, Object> fields() throws IllegalAccessException {
            Map<String, Object> all = new TreeMap<>();
            collect(chips, "", all, new IdentityHashMap<>());
            return all;
        }
    }

    /** Every field that is not wiring, of the chips and what they are made of. */
    private static void collect(
            Object o, String path, Map<String, Object> into, Map<Object, Object> seen)
            throws IllegalAccessException {
        Class<?> c = o.getClass();
        if (c.getNestHost() == TestBoard.class
                || c.isHidden()
                || !c.getName().startsWith(PcChipset.class.getPackageName())
                || seen.put(o, o) != null) {
            return;
        }
        for (Field f : c.getDeclaredFields()) {
            if (Modifier.isStatic(f.getModifiers())) {
                continue;
            }
            f.setAccessible(true);
            String name = c.getSimpleName() + "." + f.getName();
            value(f.get(o), path + "/" + name, name, into, seen);
        }
    }

    private static void value(
            Object v, String path, String name, Map<String, Object> into, Map<Object, Object> seen)
            throws IllegalAccessException {
        if (v == null || ELSEWHERE.contains(name) || NO_STATE.contains(name)) {
            return;
        }
        if (v instanceof Number || v instanceof Boolean || v instanceof String) {
            into.put(path, v);
        } else if (v.getClass().isArray()) {
            for (int i = 0; i < Array.getLength(v); i++) {
                value(Array.get(v, i), path + "[" + i + "]", name, into, seen);
            }
        } else if (v instanceof Collection<?> many) {
            int i = 0;
            into.put(path + ".size", many.size());
            for (Object each : many) {
                value(each, path + "[" + i++ + "]", name, into, seen);
            }
        } else {
            collect(v, path, into, seen);
        }
    }

    /** Interrupts can arrive, as after a guest's start. */
    private static void program(Machine m, Random r) {
        for (int base : new int[] {0x20, 0xA0}) {
            m.board.out(base, 0x11);
            m.board.out(base + 1, 0x30);
            m.board.out(base + 1, 4);
            m.board.out(base + 1, r.nextInt(256));
            m.board.out(base + 1, 0);
        }
        for (int cpu = 0; cpu < 2; cpu++) {
            m.board.vcpu = cpu;
            m.board.write32(LAPIC + 0xF0, 0x1FF);
            m.board.write32(LAPIC + 0x320, r.nextInt(3) << 17 | 0x61);
            m.board.write32(LAPIC + 0x380, r.nextInt(100_000));
        }
    }

    private static void use(Machine m, Random r) {
        program(m, r);
        for (int i = 0; i < 60 + r.nextInt(400); i++) {
            int p = PORTS[r.nextInt(PORTS.length)];
            m.board.vcpu = r.nextInt(2);
            switch (r.nextInt(10)) {
                case 0 -> m.board.in(p);
                case 1, 2 -> m.board.write32(LAPIC + (r.nextInt(0x400) & 0xFF0), r.nextInt());
                case 3 -> m.board.write32(IoApic.BASE_GPA, r.nextInt(0x40));
                case 4 -> m.board.write32(IoApic.BASE_GPA + 0x10, r.nextInt());
                case 5 -> m.board.advance(r.nextInt(2_000_000));
                case 6 -> {
                    m.chips.serial().send(new byte[r.nextInt(5)]);
                    m.board.out(0xCF8, 4, r.nextInt());
                    m.board.out(0x70, r.nextInt(64));
                    m.board.out(0x71, r.nextInt(256));
                    if (r.nextInt(4) == 0) {
                        int counter = r.nextInt(3);
                        m.board.out(0x43, counter << 6 | 0x22 | r.nextInt(2) << 3);
                        m.board.out(0x40 + counter, r.nextInt(256));
                    }
                    if (r.nextInt(4) == 0) {
                        timers(m, r);
                    }
                    m.board.out(0x64, 0x60);
                    if (r.nextBoolean()) {
                        m.board.out(0x60, r.nextInt(256));
                    }
                    if (r.nextInt(20) == 0) {
                        m.chips.interrupts(r.nextInt(2)).apicBase(LAPIC | r.nextInt(16) << 8);
                    }
                }
                case 7 -> {
                    InterruptPort port = m.chips.interrupts(r.nextInt(2));
                    port.floatingPointError(r.nextBoolean());
                    m.board.out(0xF0 + 4 * r.nextInt(2), 0);
                    port.tscDeadline(m.board.nanos() + r.nextInt(9_000_000));
                    port.taskPriority(r.nextInt(16));
                    m.chips
                            .interrupt(FREE_LINES[r.nextInt(FREE_LINES.length)])
                            .set(r.nextBoolean());
                    if (port.pending()) {
                        port.acknowledge();
                    }
                }
                default -> m.board.out(p, r.nextInt(256));
            }
        }
    }

    /** Counts that wait to be loaded, gates, divider chains: what takes several accesses. */
    private static void timers(Machine m, Random r) {
        int counter = r.nextInt(3);
        m.board.out(0x43, counter << 6 | 0x30 | r.nextInt(6) << 1);
        for (int i = 1 + r.nextInt(5); i > 0; i--) {
            m.board.out(0x40 + counter, 1 + r.nextInt(255));
            m.board.advance(r.nextInt(50_000));
        }
        m.board.out(0x61, r.nextInt(4));
        m.board.out(0x70, 10);
        m.board.out(0x71, 0x66 | r.nextInt(2) << 4);
        m.board.advance(r.nextInt(1_000_000));
        m.board.out(0x71, r.nextBoolean() ? 0x26 : 0x76);
    }

    private static void copy(Machine from, Machine to) {
        for (int i = 0; i < from.chips.devices().size(); i++) {
            Device d = from.chips.devices().get(i);
            if (d instanceof Stateful s) {
                StateSection section = new StateSection(d.id(), s.stateVersion());
                s.save(section);
                ((Stateful) to.chips.devices().get(i)).load(section);
                StateSection again = new StateSection(d.id(), s.stateVersion());
                ((Stateful) to.chips.devices().get(i)).save(again);
                assertThat(again).as(d.id()).isEqualTo(section);
            }
        }
    }

    @Test
    void everyFieldOfEveryChipComesBack() throws Exception {
        Map<String, Object> first = new Machine(0).fields();
        Set<String> neverMoved = new TreeSet<>(first.keySet());
        for (int seed = 0; seed < SEEDS; seed++) {
            Machine m = new Machine(seed % 2 == 0 ? 0 : BEFORE_OVERFLOW);
            use(m, new Random(seed));
            m.board.advance(0); // as a machine does before it saves
            m.board.in(0x600); // computed when somebody looks
            Machine copy = new Machine(m.board.nanos());
            copy(m, copy);
            Map<String, Object> want = m.fields();
            Map<String, Object> is = copy.fields();
            assertThat(is.keySet()).isEqualTo(want.keySet());
            for (String f : want.keySet()) {
                assertThat(is.get(f)).as("seed %d, %s", seed, f).isEqualTo(want.get(f));
            }
            assertThat(copy.board.alarms())
                    .as("alarms of seed %d", seed)
                    .isEqualTo(m.board.alarms());
            neverMoved.removeIf(f -> !first.get(f).equals(want.get(f)));
        }
        // Otherwise the comparison says nothing about them.
        neverMoved.removeIf(f -> CONSTANT.contains(f.substring(f.lastIndexOf('/') + 1)));
        neverMoved.removeIf(f -> f.matches(".*(\\[\\d+]|\\.id)"));
        // Their gates are wired high.
        neverMoved.removeIf(f -> f.matches(".*channels\\[[01]]/PitChannel.triggered"));
        assertThat(neverMoved).isEmpty();
    }

    @Test
    void inputThatTheGuestHasNotReadComesBackInOrder() {
        Machine m = new Machine(0);
        m.board.out(0x3FC, 8);
        m.chips.serial().send("abcdef".getBytes());
        m.board.advance(1); // one byte is in the receiver
        Machine copy = new Machine(1);
        copy.chips.serial().send("g".getBytes());
        StateSection s = new StateSection("uart0", 2);
        Stateful uart = (Stateful) m.chips.serial();
        uart.save(s);
        assertThat(new String(s.getBytes("receiver")) + new String(s.getBytes("input")))
                .startsWith("abcdef");
        ((Stateful) copy.chips.serial()).load(s);
        StringBuilder read = new StringBuilder();
        for (int i = 0; i < 7; i++) {
            read.append((char) copy.board.in(0x3F8));
        }
        assertThat(read.toString()).startsWith("abcdef").endsWith("g");
    }

    @Test
    void moreInputThanASnapshotHoldsIsSaid() {
        Machine m = new Machine(0);
        m.chips.serial().send(new byte[(1 << 20) + 1]);
        Stateful uart = (Stateful) m.chips.serial();
        assertThatThrownBy(() -> uart.save(new StateSection("uart0", 2)))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageContaining("1048577 bytes of input wait");
    }

    @Test
    void aSerialPortOfVersionOneIsMigrated() {
        Machine m = new Machine(0);
        m.chips.serial().send("abc".getBytes());
        Stateful uart = (Stateful) m.chips.serial();
        StateSection two = new StateSection("uart0", 2);
        uart.save(two);
        StateSection one = two.withVersion(1);
        one.remove("input");
        StateSection made = new UartMigrator().migrate(one);
        assertThat(made.version()).isEqualTo(uart.stateVersion());
        assertThat(made.getBytes("input")).isEmpty();
        made.put("input", two.getBytes("input"));
        assertThat(made).isEqualTo(two);
    }

    /** The mode that the SDM reserves: nothing counts, and no alarm comes back for ever. */
    @Test
    void theReservedTimerModeDoesNotInterrupt() {
        Machine m = new Machine(0);
        m.board.write32(LAPIC + 0xF0, 0x1FF);
        m.board.write32(LAPIC + 0x320, 3 << 17 | 0x44);
        m.board.write32(LAPIC + 0x380, 1000);
        assertThat(m.board.alarms()).doesNotContain(true);
        m.board.advance(1_000_000);
        assertThat(m.chips.interrupts(0).pending()).isFalse();
    }

    /** What has a battery, what the host has sent, and the wires from outside. */
    private static final Set<String> SURVIVES =
            Set.of(
                    "Cmos.ram",
                    "ClockRegisters.ram",
                    "Cmos.base",
                    "Cmos.updates",
                    "Cmos.seenNanos",
                    "Uart16550.input",
                    "Uart16550.bytesSent",
                    "Pic8259.lines",
                    "IoApic.lines");

    @Test
    void aResetLeavesWhatPowerOnDoes() throws Exception {
        for (int seed = 0; seed < 50; seed++) {
            Machine m = new Machine(0);
            use(m, new Random(seed));
            for (int line : FREE_LINES) {
                m.chips.interrupt(line).set(false);
            }
            m.board.advance(0); // the host's input has arrived
            for (Device d : m.chips.devices()) {
                if (d instanceof Resettable r) {
                    r.reset();
                }
            }
            Map<String, Object> is = m.fields();
            Map<String, Object> want = new Machine(m.board.nanos()).fields();
            is.keySet().removeIf(ChipStateTest::survives);
            want.keySet().removeIf(ChipStateTest::survives);
            assertThat(is.keySet()).isEqualTo(want.keySet());
            for (String f : want.keySet()) {
                assertThat(is.get(f)).as("seed %d, %s", seed, f).isEqualTo(want.get(f));
            }
            m.board.advance(0);
            assertThat(m.board.armed()).isZero();
        }
    }

    private static boolean survives(String field) {
        String name =
                field.substring(field.lastIndexOf('/') + 1).replaceAll("(\\[.*|\\.size)$", "");
        return SURVIVES.contains(name) || ELSEWHERE.contains(name);
    }
}
